import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import { ENQUIRY_GAP_MS, Enquiry, ROUND_MS, ROUND_MS_MAX } from '../../agent/mesh/enquiry.js';
import { encodeFrame } from '../../agent/mesh/frames.js';
import { REACHABLE_MAX } from '../../agent/mesh/reachables.js';
import { standing } from '../../agent/mesh/rendezvous.js';
import { endpoint, FakeGround, FakeRoll, nodeId, times, WALL_START } from './ground.js';
import { type Node, World } from './harness.js';

const enquiry = suite('mesh/enquiry');
const S = 1_000;
const MINUTE = 60 * S;

function asker() {
  const ground = new FakeGround(
    nodeId(0),
    new FakeRoll(Array.from({ length: 9 }, (_, i) => nodeId(i))),
  );
  for (let i = 1; i < 9; i++) ground.met.add(nodeId(i));
  const machine = new Enquiry(ground, () => new Uint8Array(8));
  const asked = (act: (out: MeshEffect[]) => void) => {
    const out: MeshEffect[] = [];
    act(out);
    return out.map((effect) => (effect.kind === 'frame' ? effect.node : ''));
  };
  return { ground, machine, asked };
}

enquiry('who is met at once is asked one after the other', () => {
  const { machine, asked } = asker();
  assert.equal(
    asked((out) => machine.onMet(nodeId(1), 0, out)),
    [nodeId(1)],
  );
  assert.equal(
    asked((out) => machine.onMet(nodeId(2), 0, out)),
    [],
  );
  assert.equal(
    asked((out) => machine.onMet(nodeId(3), 0, out)),
    [],
  );
  assert.is(machine.deadline(), ENQUIRY_GAP_MS);
  assert.equal(
    asked((out) => machine.tick(ENQUIRY_GAP_MS, out)),
    [nodeId(2)],
  );
  machine.onNews(nodeId(1)); // late
  machine.onNews(nodeId(2));
  assert.equal(
    asked((out) => machine.tick(2 * ENQUIRY_GAP_MS, out)),
    [nodeId(3)],
  );
  assert.equal(
    asked((out) => machine.tick(3 * ENQUIRY_GAP_MS, out)),
    [nodeId(2)],
    'for more',
  );
  assert.is(machine.deadline(), ROUND_MS);
});

enquiry('its trackers are asked in turn, ever less often', () => {
  const { ground, machine, asked } = asker();
  ground.trackers = () => [nodeId(4), nodeId(5)];
  asked((out) => machine.onMet(nodeId(1), 0, out));
  const rounds: [number, string][] = [];
  for (let now = machine.deadline(); now < 24 * 60 * MINUTE; now = machine.deadline())
    for (const node of asked((out) => machine.tick(now, out))) rounds.push([now, node]);
  assert.equal(
    rounds.slice(0, 3).map(([now, node]) => [now / MINUTE, node]),
    [
      [2, nodeId(4)],
      [6, nodeId(5)],
      [14, nodeId(4)],
    ],
  );
  assert.ok(rounds.length < (24 * 60 * MINUTE) / ROUND_MS_MAX + 6, `${rounds.length}`);
});

/** One that is held reachable by somebody, signed by itself and two others. */
function record(world: World, i: number): Uint8Array {
  world.roll.add(nodeId(i));
  const at = WALL_START + world.now;
  const where = endpoint(`203.${i >> 8}.113.${i & 255}`);
  const proofs = [1, 2].map((by) =>
    world.recordsOf(nodeId(by)).signAttestation({ node: nodeId(i), endpoint: where, at }),
  );
  return world.recordsOf(nodeId(i)).signReachable(where, at, proofs);
}

/** A tracker that holds so many records, and a home that comes to know of it. */
function newcomer(records: number) {
  const world = new World(new FakeRoll());
  const tracker = world.add(0, '192.0.2.1', true);
  for (const other of [1, 2]) world.add(other, `192.0.2.${other + 1}`, true);
  const held = Array.from({ length: records }, (_, i) => record(world, 100 + i));
  for (const sealed of held) tracker.reach.known.accept(sealed, times(world.now));
  const home = world.add(50, '198.51.100.1', false);
  home.reach.believe(tracker.id, endpoint(tracker.address), times(world.now));
  return { world, tracker, home };
}

const told = (by: Node, to: Node) =>
  by.frames.flatMap(({ frame, to: node }) =>
    frame.kind === 'reachable' && node === to.id ? frame.records.length : [],
  );

enquiry('a newcomer is told all, in parts, and each record once', () => {
  const { world, tracker, home } = newcomer(100);
  world.drive(30 * S);
  const got = home.reach.reachable().length;
  assert.ok(home.reach.known.marks().length >= 4 * 100, `${got} known`);
  const sum = told(tracker, home).reduce((a, b) => a + b, 0);
  assert.ok(sum >= 100 && sum < 110, `${sum} told`);
});

enquiry('two that know the same tell each other nothing', () => {
  const { world, tracker, home } = newcomer(20);
  world.drive(MINUTE);
  const before = told(tracker, home).length;
  for (const [by, to] of [
    [home, tracker],
    [tracker, home],
  ] as const) {
    world.deliver(by, to, { kind: 'ask-reachable', known: by.reach.known.marks() });
    assert.equal(told(to, by).slice(to === tracker ? before : 0), []);
  }
});

enquiry('what was lost on its way is asked for within minutes', () => {
  const { world, tracker, home } = newcomer(5);
  world.drive(MINUTE);
  tracker.reach.known.accept(record(world, 300), times(world.now)); // and told to nobody
  assert.is(home.reach.endpointOf(nodeId(300)), undefined);
  world.drive(world.now + 7 * MINUTE);
  assert.ok(home.reach.endpointOf(nodeId(300)));
});

enquiry('a full roll of records and our own fit into one question', () => {
  const { world, tracker } = newcomer(REACHABLE_MAX);
  // Where all places are taken, our own record comes on top, whatever our standing.
  const rank = (i: number) => standing(world.roll.seed, nodeId(i));
  let least = 900;
  for (let i = 901; i < 2_000; i++) if (rank(i) < rank(least)) least = i;
  const own = record(world, least);
  (tracker.ground as { self: string }).self = nodeId(least);
  assert.ok(tracker.reach.known.accept(own, times(world.now)));
  assert.is(tracker.reach.known.missing(new Uint8Array(0), 1_000).length, REACHABLE_MAX + 1);
  const known = tracker.reach.known.marks();
  assert.is(known.length, 4 * REACHABLE_MAX);
  assert.is(encodeFrame({ kind: 'ask-reachable', known }).length, 1);
});

enquiry('answers to one member are bounded', () => {
  const { world, tracker, home } = newcomer(REACHABLE_MAX - 10);
  world.drive(2 * MINUTE);
  const before = told(tracker, home).reduce((a, b) => a + b, 0);
  for (let i = 0; i < 100; i++)
    world.deliver(home, tracker, { kind: 'ask-reachable', known: new Uint8Array(0) });
  const after = told(tracker, home).reduce((a, b) => a + b, 0);
  assert.is(after - before, 4 * 64);
});

enquiry.run();
