// One peer of a device: its keys, its place, its handshake under way, its sessions, its timers.
// All methods append what is to be done to `out`.

import type { Place } from '../bytes/address.js';
import { KEY_BYTES } from '../crypto/primitives.js';
import { Secret } from '../crypto/secret.js';
import type { PrivateKey } from '../crypto/x25519.js';
import { Macs } from './cookie.js';
import type { Effect, Millis, PeerId, Session, SessionId, Traffic } from './effects.js';
import { type Correspondent, Initiation, type OpenedInitiation } from './handshake.js';
import {
  INITIATION_GAP_MS,
  REJECT_AFTER_TIME_MS,
  REKEY_AFTER_TIME_MS,
  REKEY_ON_RECEIVE_MS,
  REKEY_TIMEOUT_MS,
} from './limits.js';
import { type CookieReply, INITIATION_BYTES, RESPONSE_BYTES, type Response } from './messages.js';
import { NO_PRESHARED_KEY, presharedKeyFrom } from './noise.js';
import { type SessionEntry, Sessions } from './sessions.js';
import type { Indices, Rows } from './tables.js';
import { type Due, Timers } from './timers.js';
import { isLater, type TimestampClock } from './timestamp.js';

/** What the peers of a device share. */
export type Ground = {
  identity: PrivateKey | undefined; // our static key
  up: boolean;
  readonly indices: Indices<Peer>;
  readonly sessions: Rows<Readonly<{ peer: Peer; id: SessionId }>>;
  readonly clock: TimestampClock;
  readonly random: (bytes: number) => Uint8Array;
  readonly traffic: (peer: PeerId) => Traffic;
};

/** Why a handshake message for a known peer was dropped. */
export type PeerDrop = 'forged' | 'replay' | 'flood' | 'sessions-full' | 'unknown-index';

/** Now on both clocks: monotonic, and Unix time; milliseconds. */
export type Times = Readonly<{ now: Millis; wall: Millis }>;

const NEVER = Number.NEGATIVE_INFINITY;

export class Peer {
  place: Place | null = null;
  keepalive = 0; // seconds
  lastHandshake = 0; // Unix seconds
  receivedBytes = 0; // of handshake messages
  sentBytes = 0;
  readonly timers: Timers;
  private readonly macs: Macs;
  private readonly sessions = new Sessions();
  private presharedKey: Secret | undefined;
  private staticStatic: Secret | undefined;
  private initiation: Initiation | undefined; // ours, under way
  private newestTimestamp: Uint8Array | undefined; // of theirs, for good: replay protection
  private consumedAt: Millis = NEVER;

  constructor(
    readonly id: PeerId,
    readonly publicKey: Uint8Array,
    readonly roams: boolean,
    private readonly ground: Ground,
  ) {
    this.macs = new Macs(publicKey);
    this.timers = new Timers((max) => randomUpTo(ground.random, max));
  }

  setPresharedKey(key: Uint8Array | null): void {
    const fresh = presharedKeyFrom(key);
    this.presharedKey?.wipe();
    this.presharedKey = fresh;
  }

  /** A copy; null where there is none. */
  getPresharedKey(): Uint8Array | null {
    return this.presharedKey === undefined ? null : Uint8Array.from(this.presharedKey.bytes);
  }

  moveTo(place: Place | null, out: Effect[]): void {
    if (samePlace(this.place, place)) return;
    this.place = place;
    out.push({ kind: 'place', peer: this.id, place });
  }

  get inUse(): SessionId | undefined {
    return this.sessions.current?.id;
  }

  // Handshakes

  /** A session is needed. `again`: a retry of the same wish, which does not prolong it. */
  initiate(at: Times, out: Effect[], again = false): void {
    const { ground, place, timers } = this;
    if (!again) timers.handshakeWanted(at.now);
    const them = ground.up ? this.correspondent() : undefined;
    if (place === null || ground.identity === undefined || them === undefined) {
      timers.handshakeComplete();
      out.push({ kind: 'drop-waiting', peer: this.id });
      return;
    }
    if (!timers.mayInitiate(at.now)) return;
    const begun = this.begin(ground.identity, them, at, out);
    if (begun === undefined) return;
    this.macs.add(begun, at.now);
    out.push({ kind: 'send', datagram: begun, to: place }, { kind: 'spoke', peer: this.id });
    this.sentBytes += begun.length;
    timers.initiationSent(at.now);
  }

  private begin(us: PrivateKey, them: Correspondent, at: Times, out: Effect[]) {
    this.forgetInitiation();
    const { timestamp, ceiling } = this.ground.clock.next(at.now, at.wall);
    if (ceiling !== undefined) out.push({ kind: 'ceiling', seconds: ceiling });
    const sender = this.ground.indices.add(this);
    const ephemeral = this.ground.random(KEY_BYTES);
    const begun = Initiation.begin(us, them, { ephemeral, sender, timestamp });
    if (begun === undefined) this.ground.indices.remove(sender);
    this.initiation = begun?.initiation;
    return begun?.datagram;
  }

  /** Their initiation: proven, answered, and a session waits for its confirmation. */
  respond(opened: OpenedInitiation, from: Place, at: Times, out: Effect[]): PeerDrop | undefined {
    const them = this.correspondent();
    const timestamp = them && opened.timestamp(them.staticStatic);
    if (them === undefined || timestamp === undefined) return 'forged';
    const refused = this.refusal(timestamp, at.now);
    if (refused !== undefined) return refused;
    this.newestTimestamp = timestamp;
    this.consumedAt = at.now;

    const { indices, random } = this.ground;
    const sender = indices.add(this);
    const response = opened.respond(them, { ephemeral: random(KEY_BYTES), sender });
    if (response === undefined) {
      indices.remove(sender);
      return 'forged';
    }
    this.heard(from, INITIATION_BYTES, at.now, out);
    const { datagram, keys } = response;
    const { initiatorSends, responderSends } = keys;
    const session = this.makeSession(Number.POSITIVE_INFINITY, at.now, {
      localIndex: sender,
      remoteIndex: opened.sender,
      sendKey: responderSends,
      receiveKey: initiatorSends,
    });
    this.macs.add(datagram, at.now);
    const ended = this.sessions.begunAsResponder(entryOf(session));
    out.push({ kind: 'begin', session });
    out.push({ kind: 'send', datagram, to: from }, { kind: 'spoke', peer: this.id });
    this.end(ended, out);
    this.sentBytes += datagram.length;
    this.timers.responseSent(at.now);
    return undefined;
  }

  private refusal(timestamp: Uint8Array, now: Millis): PeerDrop | undefined {
    const newest = this.newestTimestamp;
    if (newest !== undefined && !isLater(timestamp, newest)) return 'replay';
    if (now - this.consumedAt < INITIATION_GAP_MS) return 'flood';
    return this.ground.sessions.full ? 'sessions-full' : undefined;
  }

  /** The response to our initiation: a new session is in use, and a keepalive confirms it. */
  finish(response: Response, from: Place, at: Times, out: Effect[]): PeerDrop | undefined {
    const { identity, sessions } = this.ground;
    const them = this.correspondent();
    const { initiation } = this;
    if (identity === undefined || them === undefined) return 'unknown-index';
    if (initiation?.sender !== response.receiver) return 'unknown-index';
    if (sessions.full) return 'sessions-full';
    const keys = initiation.finish(identity, them, response);
    if (keys === undefined) return 'forged';
    this.initiation = undefined; // wiped by itself; its index is the session's now
    this.heard(from, RESPONSE_BYTES, at.now, out);
    // Handshakes crossed: both sides would renew at once again, and cross for ever. One goes late.
    const late = this.sessions.next !== undefined && isLater(identity.publicKey, this.publicKey);
    const renewAfter = REKEY_AFTER_TIME_MS + (late ? REKEY_TIMEOUT_MS : 0);
    const session = this.makeSession(renewAfter, at.now, {
      localIndex: response.receiver,
      remoteIndex: response.sender,
      sendKey: keys.initiatorSends,
      receiveKey: keys.responderSends,
    });
    const ended = this.sessions.begunAsInitiator(entryOf(session));
    out.push({ kind: 'begin', session });
    out.push({ kind: 'use', peer: this.id, session: session.id });
    out.push({ kind: 'keepalive', peer: this.id });
    this.end(ended, out);
    this.timers.sessionDerived(at.now);
    this.complete(at);
    return undefined;
  }

  private makeSession(
    renewAfter: Millis, // Infinity for the responder, who does not
    now: Millis,
    fields: Pick<Session, 'localIndex' | 'remoteIndex' | 'sendKey' | 'receiveKey'>,
  ): Session {
    const { id } = this.ground.sessions.add((row) => ({ peer: this, id: row }));
    const renewReceiveAfter = Math.max(renewAfter, REKEY_ON_RECEIVE_MS);
    return {
      ...fields,
      id,
      peer: this.id,
      rejectAt: now + REJECT_AFTER_TIME_MS,
      renewSendAt: now + renewAfter,
      renewReceiveAt: now + renewReceiveAfter,
    };
  }

  takeCookie(reply: CookieReply, now: Millis): PeerDrop | undefined {
    return this.macs.take(reply, now) ? undefined : 'forged';
  }

  // What the workers report

  /** A worker says so once. It may have seen the session's end before our tick did. */
  wanted(at: Times, out: Effect[]): void {
    const { current } = this.sessions;
    if (current === undefined || at.now >= current.rejectAt) this.initiate(at, out);
  }

  stale(id: SessionId, at: Times, out: Effect[]): void {
    if (this.sessions.current?.id === id) this.initiate(at, out);
  }

  confirmed(id: SessionId, at: Times, out: Effect[]): void {
    const ended = this.sessions.confirmed(id);
    if (ended === undefined) return;
    out.push({ kind: 'use', peer: this.id, session: id });
    this.end(ended, out);
    this.complete(at);
  }

  active(at: Times, out: Effect[]): void {
    if (!this.ground.up) return;
    const sights = this.timers.watch.look(at.now, this.ground.traffic(this.id));
    for (const sight of sights) this.perform(sight, at, out);
  }

  // Time

  deadline(): Millis {
    return Math.min(this.timers.deadline(), this.sessions.firstRejectAt());
  }

  tick(at: Times, out: Effect[]): void {
    const before = this.inUse;
    const expired = this.sessions.expired(at.now);
    if (this.inUse !== before) out.push({ kind: 'use', peer: this.id, session: null });
    this.end(expired, out);
    if (at.now < this.timers.deadline()) return;
    const due = this.timers.due(at.now, this.ground.traffic(this.id));
    for (const what of due) this.perform(what, at, out);
  }

  private perform(what: Due, at: Times, out: Effect[]): void {
    switch (what) {
      case 'retry':
      case 'silent':
        this.forgetSource(out);
        this.initiate(at, out, what === 'retry');
        break;
      case 'keepalive':
        this.keepAlive(at, out);
        break;
      case 'zero':
        this.dropKeys(out);
        break;
      case 'give-up':
        out.push({ kind: 'drop-waiting', peer: this.id });
        break;
      case 'calm':
        out.push({ kind: 'calm', peer: this.id });
        break;
    }
  }

  /** An empty packet; where there is no session, the handshake for one does as well. */
  keepAlive(at: Times, out: Effect[]): void {
    if (!this.ground.up || this.place === null) return;
    if (this.sessions.current === undefined) this.initiate(at, out);
    else out.push({ kind: 'keepalive', peer: this.id });
  }

  /** Wipes sessions and the handshake under way; what waits is dropped. */
  dropKeys(out: Effect[]): void {
    if (this.inUse !== undefined) out.push({ kind: 'use', peer: this.id, session: null });
    this.end(this.sessions.ended(), out);
    this.forgetInitiation();
    out.push({ kind: 'drop-waiting', peer: this.id });
  }

  /** Our static key is another: nothing computed with the old one is of use. */
  forgetIdentity(out: Effect[]): void {
    this.dropKeys(out);
    this.timers.forgetHandshakes();
    this.staticStatic?.wipe();
    this.staticStatic = undefined;
  }

  /** The end. */
  wipe(out: Effect[]): void {
    this.forgetIdentity(out);
    this.timers.stop();
    this.macs.wipe();
    this.setPresharedKey(null);
  }

  private heard(from: Place, bytes: number, now: Millis, out: Effect[]): void {
    this.receivedBytes += bytes;
    if (this.roams || this.place === null) this.moveTo(from, out);
    out.push({ kind: 'heard', peer: this.id });
    this.timers.heard(now);
  }

  private complete(at: Times): void {
    this.lastHandshake = at.wall / 1_000;
    this.timers.handshakeComplete();
  }

  private end(sessions: readonly SessionEntry[], out: Effect[]): void {
    for (const { id, localIndex } of sessions) {
      this.ground.indices.remove(localIndex);
      this.ground.sessions.remove(id);
      out.push({ kind: 'end', session: id });
    }
  }

  private forgetInitiation(): void {
    if (this.initiation === undefined) return;
    this.ground.indices.remove(this.initiation.sender);
    this.initiation.wipe();
    this.initiation = undefined;
  }

  /** No answer may be the fault of the address we send from: the kernel chooses anew. */
  forgetSource(out: Effect[]): void {
    if (this.place !== null && this.place.source !== null) {
      this.moveTo({ ...this.place, source: null }, out);
    }
  }

  /** Undefined without a key of ours, and for a public key of low order. */
  private correspondent(): Correspondent | undefined {
    const { identity } = this.ground;
    if (this.staticStatic === undefined && identity !== undefined) {
      const shared = identity.dh(this.publicKey);
      this.staticStatic = shared && new Secret(shared);
    }
    if (this.staticStatic === undefined) return undefined;
    return {
      publicKey: this.publicKey,
      staticStatic: this.staticStatic.bytes,
      presharedKey: this.presharedKey?.bytes ?? NO_PRESHARED_KEY,
    };
  }
}

/** What we keep of a session; its keys go to the workers and nowhere else. */
function entryOf({ id, localIndex, rejectAt }: Session): SessionEntry {
  return { id, localIndex, rejectAt };
}

function randomUpTo(random: (bytes: number) => Uint8Array, max: number): number {
  const [low = 0, high = 0] = random(2);
  return (low + 256 * high) % (max + 1);
}

function samePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.slot === b.slot &&
    a.channel === b.channel &&
    a.endpoint.address === b.endpoint.address &&
    a.endpoint.port === b.endpoint.port &&
    a.source?.address === b.source?.address &&
    a.source?.interfaceIndex === b.source?.interfaceIndex
  );
}
