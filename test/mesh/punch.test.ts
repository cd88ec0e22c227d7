// Guessing the ports of a hard NAT: that it can work, and that it stays within its limits.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Nat, type NatType } from './nattable.js';
import type { PathNode } from './pathnode.js';
import { PathWorld } from './pathworld.js';

const punch = suite('mesh/punch');

function pair(
  left: NatType,
  right: NatType,
  prediction: boolean,
  step: number | (() => number) = 7,
) {
  const world = new PathWorld();
  world.add({ lan: '198.51.100.1', nat: null }, ['relay', 'tracker']);
  const options = { prediction: () => prediction };
  const home = (i: number, type: NatType) =>
    world.add({ lan: `192.168.${i}.2`, nat: new Nat(`203.0.113.${i}`, type, step) }, [], options);
  const [a, b] = [home(1, left), home(2, right)];
  for (const node of [a, b]) {
    node.nat = node.site.nat?.type === 'symmetric' ? 'hard' : 'easy';
    node.joinTrackers();
  }
  world.run(1_000);
  a.stream(b, 1, 1_800, 50);
  return { world, a, b };
}

const slots = (node: PathNode, kind: 'slot-open' | 'slot-close') =>
  node.log.flatMap(({ effect }) => (effect.kind === kind ? [effect.slot] : []));

/** Probes to ports that no candidate named. */
function guesses(node: PathNode, known: PathNode): number {
  const named = new Set(known.candidates.map(({ endpoint }) => endpoint.port));
  return node.log.filter(
    ({ effect }) =>
      effect.kind === 'frame' &&
      effect.frame.kind === 'probe' &&
      effect.at?.channel === 0 &&
      !named.has(effect.at.endpoint.port),
  ).length;
}

for (const hard of ['a', 'b'] as const) {
  punch(`a NAT that counts up is met, the hard one at ${hard}`, () => {
    const kinds: [NatType, NatType] = hard === 'a' ? ['symmetric', 'port'] : ['port', 'symmetric'];
    const { world, a, b } = pair(...kinds, true);
    const [far, near] = hard === 'a' ? [b, a] : [a, b];
    // The port of the ordinary socket could be met as well: let it be one of the others.
    world.lose = (from, to, _, inside) => from === far && to === near && inside.port === 51_820;
    world.run(60_000);
    assert.is(a.paths.view(b.id).class, 'direct');
    assert.is(b.paths.view(a.id).class, 'direct');
    const node = hard === 'a' ? a : b;
    const open = slots(node, 'slot-open').filter(
      (slot) => !slots(node, 'slot-close').includes(slot),
    );
    assert.is(open.length, 1, 'one socket stays: the one in use');
    assert.is(slots(node, 'slot-open').length, 32);
    world.run(90_000);
    assert.is(b.got.size, 1_780, 'no packet was lost');
  });
}

punch('not without being asked for', () => {
  const { world, a, b } = pair('symmetric', 'port', false);
  world.run(60_000);
  assert.is(a.paths.view(b.id).class, 'relay');
  assert.is(a.paths.view(b.id).reason?.code, 'hard-nat-port-restricted');
  assert.equal(slots(a, 'slot-open'), []);
});

punch('two hard ones: not even tried', () => {
  const { world, a, b } = pair('symmetric', 'symmetric', true);
  world.run(60_000);
  assert.is(a.paths.view(b.id).reason?.code, 'hard-nat-both');
  assert.equal(slots(a, 'slot-open'), []);
  assert.is(guesses(a, b) + guesses(b, a), 0);
});

punch('ports at random: three rounds, all sockets closed, then quiet for an hour', () => {
  let dice = 1;
  const anywhere = () => {
    dice = (dice * 48_271) % 2_147_483_647;
    return 5_000 + (dice % 30_000);
  };
  const { world, a, b } = pair('symmetric', 'port', true, anywhere);
  world.lose = (from, to) => [a, b].includes(from) && [a, b].includes(to);
  world.run(90_000);
  assert.is(a.paths.view(b.id).class, 'relay');
  assert.ok(guesses(b, a) <= 3 * 256, `${guesses(b, a)} ports`);
  assert.ok(guesses(b, a) >= 600, 'it was tried');
  assert.equal(slots(a, 'slot-open').sort(), slots(a, 'slot-close').sort());
  const before = guesses(b, a);
  a.stream(b, 10_000, 580, 5_000);
  world.run(3_000_000);
  assert.is(guesses(b, a), before);
  assert.is(slots(a, 'slot-open').length, 32);
});

punch.run();
