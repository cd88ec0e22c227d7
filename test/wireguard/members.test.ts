// Members of a mesh: knocks, copies, crossing handshakes, pre-shared keys, and the porch.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import type { Effect } from '../../agent/wireguard/effects.js';
import { FALLBACK_MS } from '../../agent/wireguard/limits.js';
import { Membership } from '../../agent/wireguard/membership.js';
import { seeded } from './pair.js';
import { frame, placeAt, type Sent, SoftNet, type SoftNode } from './soft.js';

const members = suite('wireguard: members');
const ZERO = new Uint8Array(32);
const KEY = seeded(11).bytes(32);
const OTHER = seeded(12).bytes(32);
const keysOf = (key: Uint8Array) => ({ initiate: [key, ZERO], respond: key });
type Met = Extract<Effect, { kind: 'met' }>;

function two(options: { known?: boolean } = {}) {
  const net = new SoftNet();
  const [a, b] = [net.node(), net.node()];
  const [toB, toA] = [a.meet(b, options), b.meet(a, options)];
  return { net, a, b, toA, toB };
}

const metOf = (node: SoftNode) => node.kinds('met') as Met[];
const knock = (node: SoftNode, peer: number, ports: number[], at = 2) =>
  node.perform(
    node.device.knock(
      peer,
      ports.map((port) => placeAt(at, 0, port)),
      node.net.now,
      node.wall,
    ),
  );
const sentTo = (net: SoftNet, port: number) =>
  net.log.filter(({ to }) => to.endpoint.port === port);

members('met is told on both sides, with one hash; lost when the session is over', () => {
  const { net, a, b, toA, toB } = two();
  a.packet(2);
  net.settle();
  const [ofA, ofB] = [metOf(a), metOf(b)];
  assert.is(ofA.length, 1);
  assert.is(ofB.length, 1);
  assert.is(ofA[0]!.hash.length, 32);
  assert.equal(ofA[0]!.hash, ofB[0]!.hash);
  assert.equal([ofA[0]!.initiator, ofB[0]!.initiator], [true, false]);
  assert.equal([ofA[0]!.from, ofB[0]!.from], [b.place, a.place]);
  assert.equal([ofA[0]!.bare, ofB[0]!.bare], [true, true]);
  assert.equal([ofA[0]!.peer, ofB[0]!.peer], [toB, toA]);
  net.pass(200_000);
  assert.equal(a.kinds('lost'), [{ kind: 'lost', peer: toB }]);
  assert.equal(b.kinds('lost'), [{ kind: 'lost', peer: toA }]);
});

members('of a stock peer nothing is told', () => {
  const net = new SoftNet();
  const [a, b] = [net.node(), net.node()];
  a.meet(b, { member: false });
  b.meet(a, { member: false });
  a.packet(2);
  net.pass(200_000);
  assert.is(b.got.length, 1);
  for (const node of [a, b]) {
    for (const kind of ['met', 'lost', 'member'] as const) assert.is(node.kinds(kind).length, 0);
  }
});

members('a knock: the same bytes everywhere, eight times in 2 s, then silence', () => {
  const { net, a, toB } = two({ known: false });
  net.passes = () => false;
  knock(a, toB, [1, 2, 3]);
  net.pass(30_000);
  assert.is(net.log.length, 3 * 8);
  for (const { datagram } of net.log) assert.equal(datagram, net.log[0]!.datagram);
  assert.equal(a.kinds('lost'), []);
  assert.is(a.device.view(toB).sentBytes, 3 * 8 * 148);
});

members('a knock is at 16 places at most, and ends when it is met', () => {
  const { net, a, b, toB } = two({ known: false });
  net.passes = ({ to, from }) => from.endpoint !== a.place.endpoint || to.endpoint.port === 16;
  const ports = Array.from({ length: 20 }, (_, i) => i + 1);
  knock(a, toB, ports);
  assert.is(net.log.length, 16);
  net.pass(5_000);
  assert.is(metOf(a).length, 1);
  assert.is(sentTo(net, 1).length, 1);
  assert.is(sentTo(net, 17).length, 0);
  assert.equal(a.plane.placeOf(toB)?.endpoint, b.place.endpoint, 'it was nowhere before');
});

members('places that are learnt meanwhile join the knock', () => {
  const { net, a, toB } = two({ known: false });
  net.passes = () => false;
  knock(a, toB, [1]);
  net.pass(1_000);
  knock(a, toB, [1, 2]);
  net.pass(10_000);
  for (const { datagram } of net.log) assert.equal(datagram, net.log[0]!.datagram);
  assert.is(sentTo(net, 2).length, 8);
  assert.is(sentTo(net, 1).length, 4 + 8);
  knock(a, toB, [3]);
  assert.not.equal(net.log.at(-1)!.datagram, net.log[0]!.datagram, 'after that, a new one');
});

members('copies by other ways are answered alike, at no key agreement, to eight sources', () => {
  const { net, a, b, toB } = two({ known: false });
  net.passes = ({ from }) => from.endpoint.address === '192.0.2.1';
  knock(a, toB, [1]);
  net.settle();
  const { datagram } = net.log[0]!;
  const first = net.log.at(-1)!.datagram;
  const sessions = b.kinds('begin').length;
  for (let port = 100; port < 110; port++) {
    b.react(b.plane.outside(datagram, placeAt(1, 0, port), net.now));
  }
  for (let port = 100; port < 107; port++) {
    assert.equal(
      sentTo(net, port).map((sent) => sent.datagram),
      [first],
      `${port}`,
    );
  }
  assert.is(sentTo(net, 107).length, 0, 'the first source was one of the eight');
  assert.is(b.kinds('begin').length, sessions);
  assert.is(b.device.drops().replay, 0);
  net.now += 5_000;
  b.react(b.plane.outside(datagram, placeAt(1, 0, 100), net.now));
  assert.is(sentTo(net, 100).length, 1);
  assert.is(b.device.drops().replay, 1);
});

members("a copy of a stock peer's initiation is a replay", () => {
  const net = new SoftNet();
  const [a, b] = [net.node(), net.node()];
  a.meet(b, { member: false });
  b.meet(a, { member: false });
  a.packet(2);
  const { datagram } = net.log[0]!;
  net.settle();
  b.react(b.plane.outside(datagram, placeAt(1, 0, 5), net.now));
  assert.is(sentTo(net, 5).length, 0);
  assert.is(b.device.drops().replay, 1);
});

members('crossing handshakes: both complete, that of the lower key is used', () => {
  for (const order of ['ab', 'ba', 'late', 'lost'] as const) {
    const { net, a, b } = two();
    const lower = Buffer.compare(a.publicKey, b.publicKey) < 0 ? a : b;
    a.packet(2);
    b.packet(1);
    if (order === 'ba') net.queue.reverse();
    if (order === 'late' || order === 'lost') {
      // The higher key's initiation is held up until the lower one's handshake is complete; or all
      // that would confirm the latter's session is lost, and the other's is used.
      const isLost = ({ from, datagram }: Sent) =>
        order === 'lost' && from.endpoint === lower.place.endpoint && datagram[0] === 4;
      net.passes = (sent) => !isLost(sent);
      const at = net.queue.findIndex(({ from }) => from.endpoint !== lower.place.endpoint);
      const [held] = net.queue.splice(at, 1);
      net.settle();
      net.now += 50;
      net.queue.push(held!);
    }
    net.settle();
    net.passes = () => true;
    for (let i = 0; i < 3; i++) {
      a.packet(2);
      b.packet(1);
      net.settle();
    }
    const lost = order === 'lost' ? 1 : 0;
    assert.is(a.got.length + b.got.length, 8 - lost, order);
    const hashes = [a, b].map((node) => metOf(node).at(-1)!.hash);
    assert.equal(hashes[0], hashes[1], `${order}: one session is used by both`);
    assert.is(metOf(lower).at(-1)!.initiator, order !== 'lost', order);
    assert.is(a.device.drops().forged, 0);
    net.pass(150_000);
    a.packet(2);
    net.settle();
    assert.is(a.got.length + b.got.length, 9 - lost, `${order}: and renewed without loss`);
  }
});

members('knocks from both sides, lost and out of order: both hear each other in the end', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const { net, a, b, toA, toB } = two({ known: false });
    net.passes = () => random.below(100) < 70;
    const ports = [1, 2, 3, 4];
    for (let step = 0; step < 40; step++) {
      if (step === 0 || random.below(12) === 0) knock(a, toB, ports);
      if (step === 1 || random.below(12) === 0) knock(b, toA, ports, 1);
      if (random.below(6) === 0) a.packet(2);
      if (random.below(6) === 0) b.packet(1);
      // Some of what is under way arrives, in whatever order.
      for (let i = random.below(6); i > 0 && net.queue.length > 0; i--) {
        net.queue.push(...net.queue.splice(random.below(net.queue.length), 1));
        const [next] = net.queue.splice(-1);
        const node = next!.to.endpoint.address === a.place.endpoint.address ? a : b;
        node.react(node.plane.outside(next!.datagram, next!.from, net.now));
      }
      net.now += 20 + random.below(60);
      for (const node of [a, b]) node.perform(node.device.tick(net.now, node.wall));
    }
    net.passes = () => true;
    net.pass(10_000);
    for (const [node, to] of [
      [a, b],
      [b, a],
    ] as const) {
      node.perform(node.device.setPlace(0, to.place, net.now, node.wall));
    }
    for (let i = 0; i < 4; i++) {
      a.packet(2);
      b.packet(1);
      net.pass(500);
    }
    net.pass(7_000);
    const [gotA, gotB] = [a.got.length, b.got.length];
    for (let i = 0; i < 3; i++) {
      a.packet(2);
      b.packet(1);
      net.pass(100);
    }
    assert.equal([a.got.length - gotA, b.got.length - gotB], [3, 3], `seed ${seed}`);
    assert.equal(
      [a, b].map((node) => node.device.drops().forged),
      [0, 0],
    );
  }
});

members('pre-shared keys are tried in turn; what was used is told', () => {
  const cases = [
    { initiate: [KEY, OTHER, ZERO], respond: OTHER, met: true, bare: false },
    { initiate: [KEY, ZERO], respond: ZERO, met: true, bare: true },
    { initiate: [KEY], respond: OTHER, met: false, bare: false },
  ];
  for (const { initiate, respond, met, bare } of cases) {
    const { net, a, b, toA, toB } = two();
    a.perform(a.device.setPresharedKeys(toB, { initiate, respond: ZERO }, net.now, a.wall));
    b.perform(b.device.setPresharedKeys(toA, { initiate: [], respond }, net.now, b.wall));
    a.packet(2);
    net.settle();
    assert.is(metOf(a).length, met ? 1 : 0);
    if (met) assert.is(metOf(a)[0]!.bare, bare);
    if (met) assert.is(metOf(b)[0]!.bare, bare);
    assert.is(b.got.length, met ? 1 : 0);
  }
});

members('a responder whose key is of no use falls back to none within 15 s', () => {
  const { net, a, b, toA, toB } = two();
  a.perform(a.device.setPresharedKeys(toB, keysOf(ZERO), net.now, a.wall));
  b.perform(b.device.setPresharedKeys(toA, keysOf(KEY), net.now, b.wall));
  a.packet(2);
  net.pass(4_000);
  assert.is(b.got.length, 0);
  net.pass(2_000);
  assert.is(b.got.length, 1, 'with the retry');
  assert.is(metOf(b).at(-1)!.bare, true);
});

members('a response without a key that nobody confirmed is no reason to fall back', () => {
  const member = new Membership(0, false);
  const KEYED = { initiate: [KEY, ZERO], respond: KEY };
  const begun = (zero: boolean, at: number) => {
    const origin = { initiator: false, from: placeAt(1), hash: ZERO, zero, at };
    return { id: 0, localIndex: 1, rejectAt: at + 180_000, origin };
  };
  assert.is(member.respondKey(undefined, 0), undefined);
  member.setKeys(KEYED);
  assert.equal(member.respondKey(undefined, 0), KEY);
  assert.equal(member.respondKey(begun(true, 0), 100), KEY, 'handshakes that crossed');
  assert.equal(member.respondKey(begun(false, 100), 5_200), ZERO);
  assert.equal(member.respondKey(begun(true, 5_200), 10_400), ZERO, 'and this was lost, too');
  assert.equal(member.respondKey(undefined, 10_400), KEY, 'it is well');
  assert.equal(member.respondKey(begun(true, 10_400), 100 + FALLBACK_MS), KEY);
});

members('where a key is required, a session without one carries frames only', () => {
  const { net, a, b, toA, toB } = two();
  a.device.requirePresharedKey(toB, true);
  b.device.requirePresharedKey(toA, true);
  a.packet(2);
  net.settle();
  assert.is(metOf(a)[0]!.bare, true);
  a.order({ kind: 'frame', peer: toB, frame: frame(1) });
  a.packet(2);
  b.packet(1);
  net.settle();
  assert.is(b.event('frame').length, 1);
  assert.is(b.got.length + a.got.length, 0);
  net.now += 100; // less than the 5 s between two initiations
  b.perform(b.device.setPresharedKeys(toA, keysOf(KEY), net.now, b.wall));
  a.perform(a.device.setPresharedKeys(toB, keysOf(KEY), net.now, a.wall));
  net.settle();
  assert.is(metOf(a).at(-1)!.bare, false);
  assert.is(b.got.length, 2, 'what waited goes out at once');
  assert.is(a.got.length, 1);
});

members('what waits for a member that is nowhere is kept for a while, then wanted again', () => {
  const { net, a, b, toB } = two({ known: false });
  a.packet(2);
  assert.is(a.kinds('drop-waiting').length, 0);
  net.pass(1_000);
  knock(a, toB, [51820]);
  net.settle();
  assert.is(b.got.length, 1);
  net.pass(300_000);
  a.device.setPlace(toB, null, net.now, a.wall);
  a.order({ kind: 'place', peer: toB, place: null });
  const wants = a.event('want').length;
  a.packet(2);
  net.pass(8_000);
  a.packet(2);
  assert.is(a.event('want').length, wants + 2);
  assert.ok(a.kinds('drop-waiting').length > 0);
});

const DOOR = seeded(99).bytes(32);

/** A member with a door, and as many as wanted who stand before it. */
function porch(guests: number) {
  const net = new SoftNet();
  const host = net.node();
  host.perform(host.device.setDoor(publicKeyOf(DOOR)));
  const before = Array.from({ length: guests }, () => net.node({ privateKey: DOOR }));
  const knocks = before.map((guest) => guest.meet(host));
  return { net, host, before, knocks };
}

members('the door: a peer for ten seconds, with frames, without IP', () => {
  const { net, host, before } = porch(1);
  const guest = before[0]!;
  guest.packet(1);
  net.settle();
  const [opened] = host.kinds('porch') as Extract<Effect, { kind: 'porch' }>[];
  assert.equal(opened?.hash, metOf(guest)[0]?.hash);
  assert.equal(opened?.from, guest.place);
  assert.is(host.got.length, 0);
  assert.is(host.plane.drops()['outside-inner-source'], 1);
  guest.order({ kind: 'frame', peer: 0, frame: frame(1) });
  net.settle();
  assert.is(host.event('frame')[0]?.peer, opened?.peer);
  host.order({ kind: 'frame', peer: opened!.peer, frame: frame(2) });
  net.settle();
  assert.equal(guest.event('frame')[0]?.frame.subarray(0, 3), frame(2));
  assert.equal(host.device.peers(), []);
  assert.is(host.device.peerCount, 1, 'its row is one of those there can be');
  net.pass(9_900);
  assert.is(host.kinds('peer-gone').length, 0);
  net.pass(200);
  assert.is(host.kinds('peer-gone').length, 1);
  assert.is(host.device.closePorch(opened!.peer).length, 0);
});

members('the porch takes eight at once, then one a second, and can be closed', () => {
  const { net, host, before } = porch(12);
  const porches = () => host.kinds('porch') as Extract<Effect, { kind: 'porch' }>[];
  for (const guest of before.slice(0, 9)) guest.packet(1);
  net.settle();
  assert.is(porches().length, 8);
  assert.is(host.device.drops()['porch-full'], 1);
  for (const { peer } of porches()) host.perform(host.device.closePorch(peer));
  assert.is(host.kinds('peer-gone').length, 8);
  const come = (guest: SoftNode | undefined, after: number) => {
    net.now += after;
    guest?.packet(1);
    net.settle();
    return porches().length;
  };
  assert.is(come(before[9], 900), 8, 'there is room, but it is too soon');
  assert.is(come(before[10], 200), 9);
  assert.is(come(before[11], 100), 9);
  assert.is(host.device.drops()['porch-full'], 3);
  host.perform(host.device.setDoor(null));
  assert.is(host.kinds('peer-gone').length, 9);
  before[9]!.perform(before[9]!.device.tick(net.now + 6_000, before[9]!.wall));
  net.settle();
  assert.is(porches().length, 9);
});

members("without a door its key is a stranger's", () => {
  const { net, host, before } = porch(1);
  host.perform(host.device.setDoor(null));
  before[0]!.packet(1);
  net.settle();
  assert.is(host.device.drops().stranger, 1);
  assert.is(host.kinds('peer').length, 0);
});

members.run();
