import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { Device, type DeviceOptions } from '../../agent/wireguard/device.js';
import type { Effect } from '../../agent/wireguard/effects.js';
import { Pair, quiet, seeded } from './pair.js';
import { PUB, wholeHandshake } from './twin.js';

const device = suite('wireguard/device');
const WALL = 1_800_000_000_000;
const zeros = (n: number) => new Uint8Array(n);
const kinds = (effects: Effect[]) => effects.map(({ kind }) => kind);
const place = (address = '192.0.2.77', port = 7) => ({
  slot: 0,
  endpoint: { address, port },
  source: null,
  channel: 0,
});

function make(seed = 1, options: Partial<DeviceOptions> = {}) {
  const random = seeded(seed);
  const given: Uint8Array[] = []; // all random bytes it took
  const bytes = (n: number) => {
    const made = random.bytes(n);
    given.push(made);
    return made;
  };
  const traffic = quiet();
  const made = new Device({ random: bytes, traffic: () => traffic, slotFor: () => 3, ...options });
  const privateKey = random.bytes(32);
  made.setPrivateKey(Uint8Array.from(privateKey));
  made.up(0, WALL);
  return { device: made, privateKey, publicKey: publicKeyOf(privateKey), given, traffic };
}

/** A stranger's whole handshake toward a device, message by message, made by the twin. */
function stranger(to: { privateKey: Uint8Array }, seed: number, seconds = 1) {
  const random = seeded(seed);
  const initiatorStatic = random.bytes(32);
  const timestamp = Buffer.alloc(12);
  timestamp.writeBigUInt64BE(2n ** 62n + BigInt(seconds));
  const message = (index: number, at = timestamp) =>
    wholeHandshake({
      initiatorStatic,
      initiatorEphemeral: random.bytes(32),
      responderStatic: to.privateKey,
      responderEphemeral: random.bytes(32),
      presharedKey: zeros(32),
      timestamp: at,
      initiatorIndex: index,
      responderIndex: 0,
    }).initiation;
  const later = (more: number) => {
    const at = Buffer.from(timestamp);
    at.writeBigUInt64BE(2n ** 62n + BigInt(seconds + more));
    return at;
  };
  return { publicKey: PUB(initiatorStatic), message, later };
}

const arrival = (datagram: Uint8Array, from = place()) =>
  ({ datagram, from, check: 'mac1' }) as const;

device('key, peers and what is told of them', () => {
  const { device: d, privateKey, publicKey } = make();
  assert.equal(d.publicKey(), publicKey);
  assert.equal(d.privateKey(), privateKey);
  const other = seeded(9).bytes(32);
  const added = d.addPeer(other);
  assert.equal(added, { peer: 0, effects: [{ kind: 'peer', peer: 0, roams: true }] });
  assert.equal(d.addPeer(seeded(10).bytes(32), { roams: false })?.effects, [
    { kind: 'peer', peer: 1, roams: false },
  ]);
  assert.throws(() => d.addPeer(other), /peer already/);
  assert.throws(() => d.addPeer(zeros(31)), /31 bytes/);
  assert.is(d.findPeer(other), 0);
  assert.equal(d.peers(), [0, 1]);
  const psk = seeded(11).bytes(32);
  d.setPresharedKey(0, psk);
  assert.equal(d.view(0).presharedKey, psk);
  d.setPresharedKey(0, zeros(32));
  assert.is(d.view(0).presharedKey, null);
  const endpoint = { address: '192.0.2.1', port: 5 };
  const want = { slot: 3, endpoint, source: null, channel: 0 };
  const [moved] = d.setEndpoint(0, endpoint, 1, WALL);
  assert.equal(moved, { kind: 'place', peer: 0, place: want });
  assert.equal(d.setEndpoint(0, endpoint, 1, WALL), [], 'the same again is nothing');
  assert.throws(() => d.setKeepalive(0, 65_536, 1, WALL), /seconds/);
  assert.throws(() => d.view(7), /"peer" 7/);
  assert.equal(kinds(d.removePeer(0)).at(-1), 'peer-gone');
  assert.is(d.findPeer(other), undefined);
  assert.equal(d.onWant(0, 1, WALL), [], 'a late event of a peer that is gone');
  assert.equal(d.onStale(99, 1, WALL), []);
});

device('a peer with our own key is ignored, and removed when the key becomes ours', () => {
  const { device: d, publicKey } = make();
  assert.is(d.addPeer(publicKey), undefined);
  const later = seeded(30).bytes(32);
  d.addPeer(publicKeyOf(later));
  const effects = d.setPrivateKey(later);
  assert.equal(kinds(effects).slice(-2), ['peer-gone', 'identity']);
  assert.equal(d.peers(), []);
});

device('a new private key drops sessions; the same one again changes nothing', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.a.packet();
  pair.run(1_100);
  const same = pair.a.device.privateKey()!;
  assert.equal(pair.a.device.setPrivateKey(same), []);
  const other = seeded(31).bytes(32);
  const effects = pair.a.device.setPrivateKey(Uint8Array.from(other));
  assert.equal(kinds(effects), ['use', 'end', 'drop-waiting', 'identity']);
  assert.equal(effects.at(-1), { kind: 'identity', publicKey: publicKeyOf(other) });
  const none = pair.a.device.setPrivateKey(zeros(32));
  assert.equal(none.at(-1), { kind: 'identity', publicKey: null });
  assert.is(pair.a.device.publicKey(), null);
  const wanted = pair.a.device.onWant(pair.a.peer, pair.now + 9_000, WALL);
  assert.equal(kinds(wanted), ['drop-waiting'], 'without a key nothing is begun');
});

device('no place, or a key of low order: what waits is dropped, and nothing is sent', () => {
  const { device: d } = make();
  const { peer } = d.addPeer(seeded(9).bytes(32))!;
  assert.equal(kinds(d.onWant(peer, 10_000, WALL)), ['drop-waiting']);
  const low = d.addPeer(zeros(32))!;
  d.setEndpoint(low.peer, { address: '192.0.2.1', port: 5 }, 10_000, WALL);
  assert.equal(kinds(d.onWant(low.peer, 10_000, WALL)), ['drop-waiting']);
});

device('keepalive first, endpoint later: then it speaks', () => {
  const { device: d } = make();
  const { peer } = d.addPeer(publicKeyOf(seeded(9).bytes(32)))!;
  assert.equal(d.setKeepalive(peer, 25, 10, WALL), []);
  const endpoint = { address: '192.0.2.1', port: 5 };
  const effects = d.setEndpoint(peer, endpoint, 20, WALL);
  assert.equal(kinds(effects), ['place', 'ceiling', 'send', 'spoke']);
});

device('silence to strangers, to forgers, and to what is not for us', () => {
  const us = make();
  const them = stranger(us, 50);
  const one = arrival(them.message(1));
  assert.equal(us.device.onHandshake(one, false, 1_000, WALL), []);
  us.device.addPeer(them.publicKey);
  const forged = Uint8Array.from(them.message(2));
  forged[90]! ^= 1;
  assert.equal(us.device.onHandshake(arrival(forged), false, 1_000, WALL), []);
  const elsewhere = stranger(make(2), 50).message(3);
  assert.equal(us.device.onHandshake(arrival(elsewhere), false, 1_000, WALL), []);
  assert.equal(us.device.onHandshake(arrival(zeros(148)), false, 1_000, WALL), []);
  const { stranger: unknown, forged: bad, 'not-for-us': other, malformed } = us.device.drops();
  assert.equal([unknown, bad, other, malformed], [1, 1, 1, 1]);
  us.device.down();
  assert.equal(us.device.onHandshake(arrival(them.message(4)), false, 2_000, WALL), []);
  assert.is(us.device.drops().down, 1);
});

device('a stranger of whom somebody knows is answered at his first word', () => {
  const met: Uint8Array[] = [];
  const us = make(1, {
    onStranger(publicKey) {
      met.push(Uint8Array.from(publicKey));
      if (met.length > 1) us.device.addPeer(publicKey);
    },
  });
  const them = stranger(us, 52);
  assert.equal(us.device.onHandshake(arrival(them.message(1)), false, 1_000, WALL), []);
  const answer = us.device.onHandshake(arrival(them.message(2)), false, 1_100, WALL);
  assert.ok(kinds(answer).includes('send'));
  const whose = Uint8Array.from(them.publicKey); // it may be a Buffer
  assert.equal(met, [whose, whose]);
  us.device.onHandshake(arrival(them.message(3, them.later(1))), false, 2_000, WALL);
  assert.is(met.length, 2, 'he has a row now');
});

device('an initiation again, or an older one, is refused; a newer one 20 ms later is not', () => {
  const us = make();
  const them = stranger(us, 51);
  us.device.addPeer(them.publicKey);
  const first = them.message(1, them.later(100));
  const ask = (datagram: Uint8Array, now: number) =>
    kinds(us.device.onHandshake(arrival(datagram), false, now, WALL)).includes('send');
  assert.ok(ask(first, 1_000));
  assert.not(ask(first, 2_000));
  assert.not(ask(them.message(2, them.later(100)), 2_000));
  assert.not(ask(them.message(3, them.later(99)), 2_000));
  assert.ok(ask(them.message(4, them.later(101)), 2_000));
  assert.not(ask(them.message(5, them.later(102)), 2_019));
  assert.ok(ask(them.message(5, them.later(102)), 2_020));
  us.device.down();
  us.device.up(3_000, WALL);
  assert.not(ask(first, 4_000), 'not after down and up either');
  assert.is(us.device.drops().replay, 4);
  assert.is(us.device.drops().flood, 1);
});

device('the session table full: no answer, and answers again when a row is free', () => {
  const us = make(1, { sessionsMax: 2 });
  const peers = [61, 62, 63].map((seed) => stranger(us, seed));
  for (const { publicKey } of peers) us.device.addPeer(publicKey);
  const ask = (i: number, at: number, now: number) => {
    const datagram = peers[i]!.message(1, peers[i]!.later(at));
    return kinds(us.device.onHandshake(arrival(datagram), false, now, WALL)).includes('send');
  };
  assert.equal([ask(0, 1, 1_000), ask(1, 1, 1_000), ask(2, 1, 1_000)], [true, true, false]);
  assert.is(us.device.drops()['sessions-full'], 1);
  us.device.tick(181_000, WALL);
  assert.ok(ask(2, 2, 181_000));
});

device('members do not roam: the answer goes where the question came from, the place stays', () => {
  const us = make();
  const them = stranger(us, 52);
  const { peer } = us.device.addPeer(them.publicKey, { roams: false })!;
  us.device.setPlace(peer, place('192.0.2.1', 1), 0, WALL);
  const from = place('198.51.100.1', 2);
  const effects = us.device.onHandshake(arrival(them.message(1), from), false, 1_000, WALL);
  assert.not(kinds(effects).includes('place'));
  const sent = effects.find((effect) => effect.kind === 'send');
  assert.equal(sent?.kind === 'send' && sent.to, from);
  us.device.onRoamed(peer, from);
  assert.equal(us.device.view(peer).place, place('192.0.2.1', 1));
});

device('a flood without cookies: short replies, no key agreement, bounded memory', () => {
  const us = make();
  const them = stranger(us, 53);
  us.device.addPeer(them.publicKey);
  const datagram = them.message(1);
  const before = us.given.length;
  for (let i = 0; i < 2_000; i++) {
    const from = place(`10.0.${i >> 8}.${i & 255}`);
    const effects = us.device.onHandshake(arrival(datagram, from), true, 1_000 + i / 10, WALL);
    assert.equal(kinds(effects), ['send']);
    const [sent] = effects;
    if (sent?.kind !== 'send') return assert.unreachable();
    assert.is(sent.datagram.length, 64);
    assert.equal(sent.to, from);
  }
  assert.is(us.device.drops()['no-cookie'], 2_000);
  const sizes = us.given.slice(before).map(({ length }) => length);
  assert.is(sizes.filter((n) => n === 24).length, 2_000);
  assert.is(sizes.length, 2_001, 'nonces and one cookie secret, no ephemeral key');
});

device('under load, with cookies: five at once from one address', () => {
  const us = make();
  const them = stranger(us, 54);
  us.device.addPeer(them.publicKey);
  const ask = (i: number) => {
    const datagram = them.message(i, them.later(i));
    const proven = { ...arrival(datagram), check: 'mac2' } as const;
    return us.device.onHandshake(proven, true, 1_000 + i / 100, WALL);
  };
  for (let i = 0; i < 10; i++) ask(i);
  assert.is(us.device.drops()['not-admitted'], 5);
});

device('under load a response or cookie reply to nothing of ours gets no cookie', () => {
  const us = make();
  const response = zeros(92);
  response[0] = 2;
  const reply = zeros(64);
  reply[0] = 3;
  assert.equal(us.device.onHandshake(arrival(response), true, 1, WALL), []);
  assert.equal(us.device.onHandshake(arrival(reply), true, 1, WALL), []);
  assert.is(us.device.drops()['unknown-index'], 2);
});

/** Two devices that know each other; what one sent is handed to the other by the test. */
function two(options: { sessionsMax?: number } = {}) {
  const [us, them] = [make(71, options), make(72)];
  us.device.addPeer(them.publicKey);
  them.device.addPeer(us.publicKey);
  const effects = us.device.setEndpoint(0, place().endpoint, 1_000, WALL);
  effects.push(...us.device.onWant(0, 1_000, WALL));
  const answer = them.device.onHandshake(arrival(sentOf(effects)), false, 1_000, WALL);
  return { us, them, response: sentOf(answer) };
}

function sentOf(effects: Effect[]): Uint8Array {
  const sent = effects.find(({ kind }) => kind === 'send');
  if (sent?.kind !== 'send') throw new TypeError('nothing was sent');
  return sent.datagram;
}

device('a response: its bytes are counted, it ends the silence, its source is followed', () => {
  const { us, response } = two();
  const from = place('192.0.2.78');
  const effects = us.device.onHandshake(arrival(response, from), false, 1_500, WALL);
  assert.equal(kinds(effects), ['place', 'heard', 'begin', 'use', 'keepalive']);
  const { place: followed, receivedBytes, sentBytes } = us.device.view(0);
  assert.equal(followed, from);
  assert.equal([receivedBytes, sentBytes], [92, 148]);
  const again = us.device.onHandshake(arrival(response, place('192.0.2.79')), false, 1_500, WALL);
  assert.equal(again, [], 'it is good once');
  assert.is(us.device.drops()['unknown-index'], 1);
});

device('what a worker noted a moment before the response does not count as silence', () => {
  const { us, response } = two();
  us.device.onHandshake(arrival(response), false, 1_500, WALL);
  us.traffic.unansweredSince = us.traffic.sentAt = 1_499; // written after `heard` was performed
  us.device.onActive(0, 1_600, WALL);
  for (let now = 1_600; now < 30_000; now += 200) {
    assert.not(kinds(us.device.tick(now, WALL)).includes('send'), `${now}`);
  }
});

device('a response that finds no free session is dropped, and a later one is taken', () => {
  const { us, response } = two({ sessionsMax: 1 });
  const them = stranger(us, 73);
  us.device.addPeer(them.publicKey);
  const taken = us.device.onHandshake(arrival(them.message(5)), false, 1_000, WALL);
  assert.ok(kinds(taken).includes('begin'));
  assert.equal(us.device.onHandshake(arrival(response), false, 1_001, WALL), []);
  assert.is(us.device.drops()['sessions-full'], 1);
  us.device.removePeer(1);
  const later = us.device.onHandshake(arrival(response), false, 1_002, WALL);
  assert.ok(kinds(later).includes('begin'));
});

device.run();
