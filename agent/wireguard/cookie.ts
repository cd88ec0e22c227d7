// mac1, mac2 and cookies (WireGuard paper, sections 5.3, 5.4.4, 5.4.7).
//
// mac1 says that the sender knows whom it talks to; anyone can make it who knows the public key.
// mac2 says that the sender can receive at its source address: only under load is it asked for,
// and who lacks it is answered with a cookie reply, which costs no key agreement.
//
//   the workers check mac1 with a MacChecker of their own, before the main thread wakes up;
//   the main thread (Device) holds the cookie secret, checks mac2 and makes the replies.
//
// So a cookie secret never crosses threads, and a flood without cookies costs the main thread two
// or three short hashes and one short seal per datagram that fits the workers' ring.

import { addressBytes, type Place } from '../bytes/address.js';
import {
  equal,
  hash,
  KEY_BYTES,
  MAC_BYTES,
  mac,
  XNONCE_BYTES,
  xopen,
  xseal,
} from '../crypto/primitives.js';
import { Secret } from '../crypto/secret.js';
import type { Millis } from './effects.js';
import { COOKIE_MS } from './limits.js';
import {
  type CookieReply,
  MACS_BYTES,
  readHandshakeMessage,
  writeCookieReply,
} from './messages.js';

const text = new TextEncoder();
const LABEL_MAC1 = text.encode('mac1----');
const LABEL_COOKIE = text.encode('cookie--');

/** What a cookie is bound to: address, port (big-endian) and, behind a relay, its channel. */
export function cookieSource({ endpoint, channel }: Place): Uint8Array {
  const address = addressBytes(endpoint.address);
  const source = new Uint8Array(address.length + (channel === 0 ? 2 : 6));
  source.set(address);
  const view = new DataView(source.buffer, address.length);
  view.setUint16(0, endpoint.port);
  if (channel !== 0) view.setUint32(2, channel);
  return source;
}

/** The receiver's side: for datagrams made for `publicKey`. */
export class MacChecker {
  private readonly mac1Key: Uint8Array;
  private readonly cookieKey: Uint8Array;
  private secret: Secret | undefined;
  private secretUntil: Millis = Number.NEGATIVE_INFINITY;

  constructor(publicKey: Uint8Array) {
    this.mac1Key = hash(LABEL_MAC1, publicKey);
    this.cookieKey = hash(LABEL_COOKIE, publicKey);
  }

  /**
   * `bad` is to be dropped without a word. A cookie reply bears no mac; its length and type right,
   * it is `mac1`. `mac2` takes a source (see cookieSource), a time, and a checker that has given
   * the cookie itself: a worker's never says it.
   */
  check(datagram: Uint8Array, source?: Uint8Array, now?: Millis): 'bad' | 'mac1' | 'mac2' {
    const message = readHandshakeMessage(datagram);
    if (message === undefined) return 'bad';
    if (message.kind === 'cookie-reply') return 'mac1';
    const { covered1, mac1, covered2, mac2 } = macsOf(datagram);
    if (!equal(mac(this.mac1Key, covered1), mac1)) return 'bad';
    if (source === undefined || now === undefined) return 'mac1';
    const cookie = this.cookieFor(source, now);
    if (cookie === undefined) return 'mac1';
    return equal(mac(cookie, covered2), mac2) ? 'mac2' : 'mac1';
  }

  /**
   * The answer to an initiation or response whose mac1 was right. `random` gives fresh bytes for
   * the nonce and, every two minutes, for the secret.
   */
  reply(
    datagram: Uint8Array,
    to: Readonly<{ receiver: number; source: Uint8Array }>,
    random: (bytes: number) => Uint8Array,
    now: Millis,
  ): Uint8Array {
    if (now >= this.secretUntil) {
      this.secret?.wipe();
      this.secret = new Secret(random(KEY_BYTES));
      this.secretUntil = now + COOKIE_MS;
    }
    const cookie = this.cookieFor(to.source, now) ?? new Uint8Array(MAC_BYTES);
    const nonce = random(XNONCE_BYTES);
    const sealedCookie = xseal(this.cookieKey, nonce, cookie, macsOf(datagram).mac1);
    return writeCookieReply({ receiver: to.receiver, nonce, sealedCookie });
  }

  wipe(): void {
    this.secret?.wipe();
    this.secret = undefined;
    this.secretUntil = Number.NEGATIVE_INFINITY;
  }

  private cookieFor(source: Uint8Array, now: Millis): Uint8Array | undefined {
    if (this.secret === undefined || now >= this.secretUntil) return undefined;
    return mac(this.secret.bytes, source);
  }
}

/** The sender's side: puts the macs on messages for one peer, and keeps the cookie it gave. */
export class Macs {
  private readonly mac1Key: Uint8Array;
  private readonly cookieKey: Uint8Array;
  private cookie: Secret | undefined;
  private cookieUntil: Millis = Number.NEGATIVE_INFINITY;
  private lastMac1: Uint8Array | undefined; // of the last message, until a reply to it came

  constructor(publicKey: Uint8Array) {
    this.mac1Key = hash(LABEL_MAC1, publicKey);
    this.cookieKey = hash(LABEL_COOKIE, publicKey);
  }

  /** Writes both macs in place; mac2 stays zero where there is no cookie. */
  add(datagram: Uint8Array, now: Millis): void {
    const { covered1, mac1, covered2, mac2 } = macsOf(datagram);
    mac1.set(mac(this.mac1Key, covered1));
    this.lastMac1 = Uint8Array.from(mac1);
    if (this.cookie === undefined || now >= this.cookieUntil) return;
    mac2.set(mac(this.cookie.bytes, covered2));
  }

  /** False where it is no answer to the last message; each message takes one answer at most. */
  take(reply: CookieReply, now: Millis): boolean {
    if (this.lastMac1 === undefined) return false;
    const cookie = xopen(this.cookieKey, reply.nonce, reply.sealedCookie, this.lastMac1);
    if (cookie === undefined) return false;
    this.wipe();
    this.cookie = new Secret(cookie);
    this.cookieUntil = now + COOKIE_MS;
    return true;
  }

  wipe(): void {
    this.cookie?.wipe();
    this.cookie = undefined;
    this.lastMac1 = undefined;
  }
}

/** Views: mac1 covers all before itself, mac2 covers mac1 too. */
function macsOf(datagram: Uint8Array) {
  const at1 = datagram.length - MACS_BYTES;
  const at2 = datagram.length - MAC_BYTES;
  return {
    covered1: datagram.subarray(0, at1),
    mac1: datagram.subarray(at1, at2),
    covered2: datagram.subarray(0, at2),
    mac2: datagram.subarray(at2),
  };
}
