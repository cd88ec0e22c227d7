import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cookieSource, MacChecker, Macs } from '../../agent/wireguard/cookie.js';
import {
  type CookieReply,
  readHandshakeMessage,
  writeCookieReply,
  writeInitiation,
} from '../../agent/wireguard/messages.js';
import { seeded } from './pair.js';
import { withMacs } from './twin.js';

const cookie = suite('wireguard/cookie');
const random = seeded(8);
const { bytes } = random;
const KEY = bytes(32);
const place = (address: string, port = 5, channel = 0) =>
  ({ slot: 0, endpoint: { address, port }, source: null, channel }) as const;
const SOURCE = cookieSource(place('192.0.2.9'));

const message = () =>
  writeInitiation({
    sender: 1,
    ephemeral: bytes(32),
    sealedStatic: bytes(48),
    sealedTimestamp: bytes(28),
  });

/** A checker that has just answered `sender`'s message with a cookie. */
function acquainted(now = 0) {
  const [checker, macs] = [new MacChecker(KEY), new Macs(KEY)];
  const datagram = message();
  macs.add(datagram, now);
  const sent = checker.reply(datagram, { receiver: 77, source: SOURCE }, bytes, now);
  const reply = readHandshakeMessage(sent) as CookieReply;
  return { checker, macs, reply };
}

cookie('mac1 is what the twin makes, and nothing else passes', () => {
  const [checker, macs, datagram] = [new MacChecker(KEY), new Macs(KEY), message()];
  assert.is(checker.check(datagram), 'bad');
  macs.add(datagram, 0);
  assert.equal(datagram, Uint8Array.from(withMacs(datagram.subarray(0, 116), KEY)));
  assert.is(checker.check(datagram), 'mac1');
  assert.is(new MacChecker(bytes(32)).check(datagram), 'bad', 'made for another key');
  for (let at = 4; at < 132; at++) {
    const forged = Uint8Array.from(datagram);
    forged[at]! ^= 1;
    assert.is(checker.check(forged), 'bad', `byte ${at}`);
  }
  assert.is(checker.check(datagram.subarray(0, 147)), 'bad');
  assert.is(checker.check(new Uint8Array(0)), 'bad');
});

cookie('a cookie reply bears no mac', () => {
  const reply = writeCookieReply({ receiver: 1, nonce: bytes(24), sealedCookie: bytes(32) });
  assert.is(new MacChecker(KEY).check(reply), 'mac1');
});

cookie('with the cookie mac2 is right, from that source only', () => {
  const { checker, macs, reply } = acquainted();
  assert.is(reply.receiver, 77);
  assert.ok(macs.take(reply, 10));
  const datagram = message();
  macs.add(datagram, 20);
  assert.is(checker.check(datagram, SOURCE, 30), 'mac2');
  assert.is(checker.check(datagram, cookieSource(place('192.0.2.9', 6)), 30), 'mac1');
  assert.is(checker.check(datagram, cookieSource(place('192.0.2.8')), 30), 'mac1');
  assert.is(new MacChecker(KEY).check(datagram, SOURCE, 30), 'mac1', 'another secret');
  assert.is(checker.check(datagram), 'mac1');
  datagram[147]! ^= 1;
  assert.is(checker.check(datagram, SOURCE, 30), 'mac1');
});

cookie('a cookie lives for two minutes on both sides', () => {
  const { checker, macs, reply } = acquainted();
  macs.take(reply, 100);
  const early = message();
  macs.add(early, 120_099);
  assert.not.equal(early.subarray(132), new Uint8Array(16));
  assert.is(checker.check(early, SOURCE, 119_999), 'mac2');
  assert.is(checker.check(early, SOURCE, 120_000), 'mac1', 'the secret has passed');
  const late = message();
  macs.add(late, 120_100);
  assert.equal(late.subarray(132), new Uint8Array(16), 'the cookie has passed');
});

cookie('the secret stays for two minutes, then it is another, and the old one is zero', () => {
  const checker = new MacChecker(KEY);
  const secrets: Uint8Array[] = [];
  const noted = (n: number) => {
    const made = bytes(n);
    if (n === 32) secrets.push(made);
    return made;
  };
  const datagram = message();
  for (const now of [0, 60_000, 119_999, 120_000, 200_000]) {
    checker.reply(datagram, { receiver: 1, source: SOURCE }, noted, now);
  }
  assert.is(secrets.length, 2);
  assert.equal(secrets[0], new Uint8Array(32));
  checker.wipe();
  assert.equal(secrets[1], new Uint8Array(32));
});

cookie('a reply counts once, and only for the last message sent', () => {
  const { macs, reply } = acquainted();
  const forged = { ...reply, sealedCookie: bytes(32) };
  assert.not(macs.take(forged, 1));
  assert.ok(macs.take(reply, 1));
  assert.not(macs.take(reply, 1));

  const other = acquainted();
  other.macs.add(message(), 1);
  assert.not(other.macs.take(other.reply, 2));
  assert.not(new Macs(KEY).take(reply, 3), 'nothing was sent at all');
});

cookie('a source is address, port and channel', () => {
  assert.equal([...cookieSource(place('192.0.2.9', 258))], [192, 0, 2, 9, 1, 2]);
  assert.is(cookieSource(place('2001:db8::1')).length, 18);
  assert.is(cookieSource(place('fe80::1%3')).length, 18);
  const channels = [0, 1, 2].map((n) => String(cookieSource(place('192.0.2.9', 5, n))));
  assert.is(new Set(channels).size, 3);
});

cookie.run();
