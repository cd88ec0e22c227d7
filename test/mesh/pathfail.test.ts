// What becomes of traffic when a path, a relay, a peer or an address goes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nat } from './nattable.js';
import type { PathNode } from './pathnode.js';
import { homes, longestGap } from './paths.js';

const fail = suite('mesh/path, failures');

fail('a dead direct path: packets go by the relay within three seconds', () => {
  const { world, a, b } = homes('port', 'port');
  a.stream(b, 1, 400, 50);
  world.run(8_000);
  assert.is(a.paths.view(b.id).class, 'direct');
  world.lose = (from, to) => [a, b].includes(from) && [a, b].includes(to);
  world.run(20_000);
  assert.is(a.paths.view(b.id).class, 'relay');
  assert.is(b.paths.view(a.id).class, 'relay');
  assert.ok(longestGap(b.got, 8_000, 20_000) < 3_000, `gap ${longestGap(b.got, 8_000, 20_000)}`);
  world.lose = () => false;
  a.stream(b, 1_000, 1_400, 50);
  world.run(90_000);
  assert.is(a.paths.view(b.id).class, 'direct', 'and back, when it works again');
});

fail('a dead relay: another one takes over within three seconds', () => {
  const { world, relay, a, b } = homes('symmetric', 'port', 3);
  a.stream(b, 1, 400, 50);
  world.run(8_000);
  const via = a.paths.view(b.id).via;
  const used = world.nodes.find(({ id }) => id === via) as PathNode;
  assert.ok(relay !== undefined && via !== null);
  used.down = true;
  world.run(20_000);
  const gap = longestGap(b.got, 8_000, 20_000);
  assert.ok(gap < 3_000, `gap ${gap}`);
  assert.is.not(a.paths.view(b.id).via, via);
  assert.is(a.paths.view(b.id).class, 'relay');
});

fail('the WAN address changes under traffic: back within three seconds, and direct again', () => {
  for (const back of ['a', 'b'] as const) {
    const { world, a, b } = homes('port', 'port');
    a.stream(b, 1, 600, 50);
    world.run(8_000);
    const mover = back === 'a' ? a : b;
    (mover.site.nat as Nat).move('203.0.113.77');
    mover.act((out) => mover.paths.onMoved(world.at, out));
    world.later(500, () => {
      const other = mover === a ? b : a;
      other.learn(mover, false); // `moved`
    });
    world.run(30_000);
    const gap = longestGap(b.got, 8_000, 30_000);
    assert.ok(gap < 3_000, `${back} moved: gap ${gap}`);
    assert.is(a.paths.view(b.id).class, 'direct', `${back} moved`);
    assert.is(b.paths.view(a.id).class, 'direct', `${back} moved`);
  }
});

fail('a NAT gives a new address unannounced: the same', () => {
  const { world, a, b } = homes('port', 'port');
  a.stream(b, 1, 600, 50);
  world.run(8_000);
  (a.site.nat as Nat).move('203.0.113.77');
  world.run(30_000);
  const gap = longestGap(b.got, 8_000, 30_000);
  assert.ok(gap < 3_000, `gap ${gap}`);
});

for (const [left, right] of [
  ['port', 'full'],
  ['symmetric', 'port'],
] as const) {
  fail(`a peer that rebooted is met anew, though it answers no probe: ${left}, ${right}`, () => {
    const { world, a, b } = homes(left, right);
    a.stream(b, 1, 600, 50);
    world.run(8_000);
    b.reboot();
    world.run(20_000);
    const gap = longestGap(b.got, 8_000, 20_000);
    assert.ok(gap < 6_000, `gap ${gap}`);
    assert.ok(longestGap(b.got, 18_000, 20_000) < 200, 'flowing again');
  });
}

fail('after a silence longer than the NAT remembers, the first packet finds its way soon', () => {
  const { world, a, b } = homes('port', 'port');
  a.stream(b, 1, 50, 50);
  world.run(8_000);
  assert.is(a.paths.view(b.id).class, 'direct');
  world.run(150_000);
  const late = a.log.filter(({ at }) => at > 40_000).map(({ effect }) => effect);
  const frames = late.flatMap((effect) => (effect.kind === 'frame' ? [effect.frame.kind] : []));
  assert.equal(frames, ['close'], 'idle: nothing, but for the channel that nobody uses');
  a.stream(b, 1_000, 40, 50);
  world.run(160_000);
  const first = Math.min(...[...b.got].filter(([n]) => n >= 1_000).map(([, at]) => at));
  assert.ok(first < 150_000 + 1_000, `first after ${first - 150_000} ms`);
});

fail('the tracker dies, the path stays', () => {
  const { world, relay, a, b } = homes('port', 'port');
  a.stream(b, 1, 400, 50);
  world.run(8_000);
  relay.down = true;
  world.run(25_000);
  assert.is(b.got.size, 400, 'nothing lost');
});

fail('two on one LAN stay on the LAN', () => {
  const { world, a } = homes('port', 'port');
  const c = world.add({ lan: '192.168.1.3', nat: a.site.nat });
  c.joinTrackers();
  world.run(2_000);
  a.stream(c, 1, 60, 50);
  world.run(10_000);
  assert.is(a.paths.view(c.id).place?.endpoint.address, '192.168.1.3');
  assert.is(c.paths.view(a.id).place?.endpoint.address, '192.168.1.2');
  assert.is(c.got.size, 60);
});

fail('packets of 1,420 bytes pass direct, 1,412 by a relay, and what the way carries', () => {
  const { world, a, b } = homes('port', 'port');
  a.stream(b, 1, 1_200, 50);
  world.run(20_000);
  assert.is(a.paths.view(b.id).mtu, 1_420);
  const told = a.log.filter(({ effect }) => effect.kind === 'mtu').map(({ effect }) => effect);
  assert.is((told.at(-1) as { mtu: number }).mtu, 1_420);
  world.mtu = () => 1_300; // the way has become narrower
  world.lose = (_, __, datagram) => datagram.type === 'sealed' && datagram.bytes > 1_300;
  const silent = world.now;
  world.lose = (from, to) =>
    [a, b].includes(from) && [a, b].includes(to) && world.now < silent + 1_500;
  world.run(58_000);
  assert.is(a.paths.view(b.id).mtu, 1_300);
  const hard = homes('symmetric', 'symmetric');
  hard.a.stream(hard.b, 1, 600, 50);
  hard.world.run(20_000);
  assert.is(hard.a.paths.view(hard.b.id).mtu, 1_412);
});

fail('frames are lost now and then: it comes to the same', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { world, a, b } = homes('port', 'address', 2);
    let dice = seed * 7;
    world.lose = () => {
      dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31;
      return dice % 10 < 2;
    };
    a.stream(b, 1, 900, 50);
    world.run(50_000);
    assert.is(a.paths.view(b.id).class, 'direct', `seed ${seed}`);
    assert.ok(b.got.size > 600, `seed ${seed}: ${b.got.size}`);
  }
});

fail.run();
