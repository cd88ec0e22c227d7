import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplayWindow } from '../../agent/wireguard/window.js';
import { Window } from '../dataplane/twin.js';
import { seeded } from './pair.js';
import { frame, ping, placeAt, SoftNet } from './soft.js';

const soft = suite('wireguard/softplane');

function two(options: { member?: boolean } = {}) {
  const net = new SoftNet();
  const [a, b] = [net.node(), net.node()];
  const [toB, toA] = [a.meet(b, options), b.meet(a, options)];
  return { net, a, b, toA, toB };
}

soft('a packet waits, a handshake is made, it arrives; the answer, too', () => {
  const { net, a, b, toA } = two();
  a.packet(2);
  a.packet(2);
  assert.is(a.event('want').length, 1);
  net.settle();
  assert.equal(b.got, [
    { peer: toA, packet: ping(1, 2) },
    { peer: toA, packet: ping(1, 2) },
  ]);
  b.packet(1);
  net.settle();
  assert.equal(a.got[0]?.packet, ping(2, 1));
  const { sentBytes } = a.plane.traffic(0);
  assert.is(sentBytes, b.plane.traffic(0).receivedBytes);
});

soft('no more than 32 wait, the newest; none is left when they are dropped', () => {
  const { net, a, b, toB } = two();
  net.passes = () => false;
  for (let i = 0; i < 40; i++) a.packet(2);
  net.settle();
  assert.is(a.plane.drops()['inside-waiting-full'], 8);
  net.passes = () => true;
  net.pass(6_000);
  assert.is(b.got.length, 32);
  a.order({ kind: 'drop-waiting', peer: toB });
  assert.is(a.plane.drops()['inside-waiting-expired'], undefined);
});

soft(
  'a member whose way is gone: packets wait, it is wanted once, and they go when it is back',
  () => {
    const { net, a, b, toB } = two();
    a.packet(2);
    net.settle();
    const place = a.plane.placeOf(toB);
    const move = (to: typeof place) => a.perform(a.device.setPlace(toB, to, net.now, a.wall));
    move(null);
    const wanted = a.event('want').length;
    for (let i = 0; i < 34; i++) a.packet(2);
    assert.is(a.event('want').length, wanted + 1);
    assert.is(a.plane.drops()['inside-no-place'], undefined);
    assert.is(a.plane.drops()['inside-waiting-full'], 2);
    net.pass(3_000);
    assert.is(b.got.length, 1);
    move(place);
    net.settle();
    assert.is(b.got.length, 33);
    // The patience of the first time is over by now; that of the second has just begun.
    move(null);
    net.pass(4_000);
    a.packet(2);
    assert.is(a.event('want').length, wanted + 2);
    net.pass(5_000);
    move(place);
    net.settle();
    assert.is(b.got.length, 34);
  },
);

soft(
  'what waits for a way that never comes is dropped after 8 s, and the next one wants again',
  () => {
    const { net, a, toB } = two();
    a.packet(2);
    net.settle();
    a.perform(a.device.setPlace(toB, null, net.now, a.wall));
    a.packet(2);
    net.pass(8_100);
    assert.is(a.plane.drops()['inside-waiting-expired'], 1);
    const wanted = a.event('want').length;
    a.packet(2);
    assert.is(a.event('want').length, wanted + 1);
  },
);

soft('frames: from members only, with the place they came from; elsewhere and padded', () => {
  const { net, a, b, toA, toB } = two();
  b.packet(1);
  net.settle();
  a.order({ kind: 'frame', peer: toB, frame: frame(1) });
  b.place = placeAt(2, 0, 4_000);
  a.order({ kind: 'frame', peer: toB, frame: frame(2), at: placeAt(2, 0, 5), pad: 1_000 });
  const last = net.log.at(-1)!;
  assert.is(last.to.endpoint.port, 5);
  assert.is(last.datagram.length, 1_032);
  net.settle();
  const [first, second] = b.event('frame');
  assert.equal(first?.frame.subarray(0, 3), frame(1));
  assert.is(first?.frame.length, 16);
  assert.is(second?.frame.length, 1_000);
  assert.equal(first?.from, a.place);
  b.order({ kind: 'member', peer: toA, member: false });
  a.order({ kind: 'frame', peer: toB, frame: frame(1) });
  net.settle();
  assert.is(b.event('frame').length, 2);
  assert.is(b.plane.drops()['outside-frame-stranger'], 1);
});

soft('members do not roam, it is told once a second; others do', () => {
  for (const member of [true, false]) {
    const { net, a, b } = two({ member });
    a.packet(2);
    net.settle();
    a.place = placeAt(1, 0, 7);
    for (let i = 0; i < 3; i++) a.packet(2);
    net.settle();
    assert.is(b.event('seen').length, member ? 1 : 0);
    assert.is(b.event('roamed').length, member ? 0 : 1);
    assert.is(b.plane.placeOf(0)?.endpoint.port, member ? 51820 : 7);
  }
});

soft('a second place gets a copy of each user packet; the copy is a replay', () => {
  const { net, a, b, toB } = two();
  a.packet(2);
  net.settle();
  a.order({ kind: 'place', peer: toB, place: b.place, second: placeAt(2, 0, 9) });
  const before = net.log.length;
  a.packet(2);
  const ports = net.log.slice(before).map(({ to }) => to.endpoint.port);
  assert.equal(ports, [51820, 9]);
  net.settle();
  assert.is(b.got.length, 2);
  assert.is(b.plane.drops()['outside-replay'], 1);
  a.order({ kind: 'place', peer: toB, place: b.place, second: null });
  a.packet(2);
  assert.is(net.log.length, before + 3);
});

soft("not a peer's address, not for us, no packet: dropped and counted", () => {
  const { net, a, b } = two();
  a.packet(2);
  net.settle();
  a.packet(2, 77);
  a.packet(99);
  a.react(a.plane.inside(new Uint8Array(30), net.now));
  net.settle();
  assert.is(b.plane.drops()['outside-inner-source'], 1);
  assert.is(a.plane.drops()['inside-no-route'], 1);
  assert.is(a.plane.drops()['inside-malformed'], 1);
  for (const bytes of [0, 1, 31, 32, 40, 148]) {
    for (const type of [0, 1, 4, 5, 0x21]) {
      const datagram = new Uint8Array(bytes).fill(type, 0, 1);
      b.react(b.plane.outside(datagram, a.place, net.now));
    }
  }
  assert.is(b.got.length, 1);
});

soft('the window accepts what the obvious one accepts', () => {
  const random = seeded(3);
  const window = new ReplayWindow();
  const seen = new Set<number>();
  let newest = -1;
  for (let i = 0; i < 20_000; i++) {
    const jump = random.below(100) === 0 ? 5_000 : 40;
    const counter = Math.max(0, newest + random.below(jump) - random.below(2_100));
    const fresh = counter > newest - 2_016 && !seen.has(counter);
    assert.is(window.accept(counter), fresh, `${counter} after ${newest}`);
    seen.add(counter);
    newest = Math.max(newest, counter);
  }
  assert.ok(new Window().accepts(0n));
});

/** a and b at 1 and 2, met by the relay at 3, with a circuit between them. */
function relayed() {
  const net = new SoftNet();
  const [a, b, relay] = [net.node(), net.node(), net.node()];
  for (const [one, n] of [
    [a, 3],
    [b, 3],
  ] as const) {
    one.meet(relay);
    relay.meet(one);
    one.packet(n);
  }
  net.settle();
  const [toB, toA] = [a.meet(b, { known: false }), b.meet(a, { known: false })];
  const circuit = { opener: 0, openerChannel: 111, other: 1, otherChannel: 222 };
  relay.order({ kind: 'circuit', ...circuit });
  b.order({ kind: 'leg', channel: 222 });
  a.perform(a.device.setPlace(toB, placeAt(3, 111), net.now, a.wall));
  return { net, a, b, relay, toA, toB };
}

soft('a channel: handshake and packets through a relay that opens nothing', () => {
  const { net, a, b, relay, toA, toB } = relayed();
  a.packet(2);
  net.settle();
  assert.equal(b.got, [{ peer: toA, packet: ping(1, 2) }]);
  assert.equal(b.plane.placeOf(toA), { ...placeAt(3), channel: 222 });
  b.packet(1);
  net.settle();
  assert.equal(a.got, [{ peer: toB, packet: ping(2, 1) }]);
  assert.is(relay.got.length, 2, 'what a and b had sent to the relay itself');
  const [count] = relay.plane.metered();
  assert.is(count?.channel, 111);
  assert.is(count?.bytes, 148 + 92 + 32 + 64 + 64);
  relay.order({ kind: 'circuit-gone', channel: 222 });
  a.packet(2);
  a.packet(2);
  net.settle();
  assert.is(b.got.length, 1);
  assert.is(relay.event('channel-unknown').length, 1, 'once a second');
  assert.equal(relay.event('channel-unknown')[0], {
    kind: 'channel-unknown',
    channel: 111,
    from: a.place,
  });
});

soft("a channel is good from its member's endpoint alone, and follows it", () => {
  const { net, a, b, relay } = relayed();
  a.packet(2);
  net.settle();
  a.place = placeAt(1, 0, 99);
  a.packet(2);
  net.settle();
  assert.is(b.got.length, 1);
  assert.is(relay.plane.drops()['channel-source'], 1);
  relay.order({ kind: 'place', peer: 0, place: a.place });
  a.packet(2);
  net.settle();
  assert.is(b.got.length, 2);
});

soft('a share limits what is relayed', () => {
  const { net, a, b, relay } = relayed();
  a.packet(2);
  net.settle();
  relay.order({ kind: 'share', bytesPerSecond: 640, burst: 640 });
  for (let i = 0; i < 30; i++) a.packet(2);
  net.settle();
  assert.is(b.got.length, 1 + 10);
  assert.is(relay.plane.drops()['channel-limit'], 20);
  net.now += 500;
  for (let i = 0; i < 30; i++) a.packet(2);
  net.settle();
  assert.is(b.got.length, 1 + 10 + 5);
});

soft.run();
