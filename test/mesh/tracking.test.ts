import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import {
  CHECKS_PER_ASKER,
  INTRODUCTIONS_PER_MEMBER,
  KEPT_MS,
  LEFT_MS,
  LOOKUPS_PER_ASKER,
  LOOKUPS_PER_PAIR,
  Tracking,
  WINDOW_MS,
} from '../../agent/mesh/tracking.js';
import { endpoint, FakeGround, FakeRecords, FakeRoll, nodeId, place, times } from './ground.js';

const tracking = suite('mesh/tracking');

const ALICE = nodeId(1);
const BOB = nodeId(2);

function tracker(capacity?: number) {
  const roll = new FakeRoll(Array.from({ length: 200 }, (_, i) => nodeId(i)));
  const ground = new FakeGround(nodeId(0), roll);
  for (const node of [ALICE, BOB]) ground.met.add(node);
  return { roll, ground, tracking: new Tracking(ground, capacity) };
}
type Set = ReturnType<typeof tracker>;

const record = (set: Set, node: string, seq = 1, address = '203.0.113.1') =>
  new FakeRecords(node, set.roll).signCandidates({
    seq,
    nat: 'easy',
    candidates: [{ kind: 'local', endpoint: endpoint(address) }],
  });

/** The frames that it says to whom. */
function said(act: (out: MeshEffect[]) => void): { node: string; frame: Frame }[] {
  const out: MeshEffect[] = [];
  act(out);
  return out.map((effect) => {
    if (effect.kind !== 'frame') throw new Error(effect.kind);
    return effect;
  });
}

function register(set: Set, node: string, sealed = record(set, node), now = 0, channel = 0) {
  const from = place(`198.51.100.${node === ALICE ? 1 : 2}`, 4_000, channel);
  return said((out) =>
    set.tracking.onRegister(node, { kind: 'register', record: sealed }, from, times(now), out),
  );
}

function lookup(set: Set, by: string, node: string, now = 0, sealed = record(set, by)) {
  const frame = { kind: 'lookup', node, record: sealed } as const;
  const from = place('198.51.100.1', 4_000);
  return said((out) => set.tracking.onLookup(by, frame, from, times(now), out));
}

tracking('registered: told where it was seen; looked up: with what its session shows', () => {
  const set = tracker();
  const observed = { address: '198.51.100.2', port: 4_000 };
  assert.equal(register(set, BOB), [
    { kind: 'frame', node: BOB, frame: { kind: 'registered', observed, busy: false } },
  ]);
  const [found, introduce] = lookup(set, ALICE, BOB);
  assert.equal(found!.frame, { kind: 'found', node: BOB, record: record(set, BOB), observed });
  assert.is(introduce!.node, BOB);
  assert.is(introduce!.frame.kind, 'introduce');
  if (introduce!.frame.kind !== 'introduce') return;
  assert.equal(introduce!.frame.observed, { address: '198.51.100.1', port: 4_000 });
  assert.equal(introduce!.frame.chain, set.roll.chainOf(ALICE));
  set.ground.places.set(BOB, place('198.51.100.2', 5_555)); // its NAT gave it another port
  assert.is(set.tracking.lookup(BOB).observed!.port, 5_555);
});

tracking('without a session it is found, and not introduced; after an hour forgotten', () => {
  const set = tracker();
  register(set, BOB);
  set.ground.met.delete(BOB);
  set.tracking.onLost(BOB, true, times(0));
  assert.equal(
    lookup(set, ALICE, BOB).map(({ frame }) => frame.kind),
    ['found'],
  );
  assert.is(set.tracking.deadline(), KEPT_MS);
  set.tracking.tick(times(KEPT_MS), []);
  assert.not(set.tracking.has(BOB));
  assert.equal(set.tracking.lookup(BOB), { record: null, observed: null });
});

tracking('who has others by right is forgotten sooner, and at once when it says so', () => {
  const set = tracker();
  register(set, BOB);
  set.ground.met.delete(BOB);
  set.tracking.onLost(BOB, false, times(0));
  assert.is(set.tracking.deadline(), LEFT_MS);
  set.tracking.tick(times(LEFT_MS), []);
  assert.not(set.tracking.has(BOB));
  register(set, ALICE);
  set.tracking.onEcho(ALICE, { kind: 'echo', after: 45 }, times(0), []);
  set.tracking.onUnregister(ALICE);
  assert.is(set.tracking.size, 0);
  assert.is(set.tracking.deadline(), undefined);
});

tracking('met, though not registered: introduced all the same', () => {
  const set = tracker();
  set.ground.places.set(BOB, place('198.51.100.7'));
  const [found, introduce] = lookup(set, ALICE, BOB);
  assert.equal(found!.frame, {
    kind: 'found',
    node: BOB,
    record: null,
    observed: endpoint('198.51.100.7'),
  });
  assert.is(introduce!.node, BOB);
});

tracking('of who is no member any more nothing is told', () => {
  const set = tracker();
  register(set, BOB);
  set.roll.remove(BOB);
  assert.equal(set.tracking.lookup(BOB), { record: null, observed: null });
});

tracking('through a relay we see the relay, and say so to nobody', () => {
  const set = tracker();
  assert.equal(register(set, BOB, record(set, BOB), 0, 77), []);
  assert.ok(set.tracking.has(BOB));
  assert.is(set.tracking.lookup(BOB).observed, null);
});

tracking('a record of another, a changed one, and an older one are refused', () => {
  const set = tracker();
  assert.equal(register(set, BOB, record(set, ALICE)), []);
  const forged = record(set, BOB).slice();
  forged[60]! ^= 1;
  assert.equal(register(set, BOB, forged), []);
  assert.not(set.tracking.has(BOB));
  assert.is(register(set, BOB, record(set, BOB, 5)).length, 1);
  assert.equal(register(set, BOB, record(set, BOB, 4, '203.0.113.66')), []);
  assert.equal(set.tracking.lookup(BOB).record, record(set, BOB, 5));
  assert.equal(set.tracking.drops, { limit: 0, forged: 1, stale: 1, foreign: 1 });
  assert.equal(lookup(set, ALICE, BOB, 0, record(set, BOB)), [], 'nor do they help to ask');
});

tracking('moved: the newer record from now on; not for those who never registered', () => {
  const set = tracker();
  register(set, BOB);
  const frame = { kind: 'moved', record: record(set, BOB, 2, '203.0.113.2') } as const;
  set.tracking.onMoved(BOB, frame, place('203.0.113.2', 9), times(0));
  assert.equal(set.tracking.lookup(BOB), {
    record: frame.record,
    observed: { address: '203.0.113.2', port: 9 },
  });
  const other = { kind: 'moved', record: record(set, ALICE, 2) } as const;
  set.tracking.onMoved(ALICE, other, place('203.0.113.2', 9), times(0));
  assert.not(set.tracking.has(ALICE));
});

tracking('full: busy, and the one that asks is not kept; those who are may come again', () => {
  const set = tracker(1);
  register(set, ALICE);
  const [busy] = register(set, BOB);
  assert.ok(busy!.frame.kind === 'registered' && busy!.frame.busy);
  assert.not(set.tracking.has(BOB));
  const [again] = register(set, ALICE, record(set, ALICE, 2));
  assert.ok(again!.frame.kind === 'registered' && !again!.frame.busy);
});

tracking('lookups: so many of a pair, so many of an asker, in half a minute', () => {
  const set = tracker();
  const count = (frames: unknown[]) => (frames.length > 0 ? 1 : 0);
  let answered = 0;
  for (let i = 0; i < 20; i++) answered += count(lookup(set, ALICE, BOB));
  assert.is(answered, LOOKUPS_PER_PAIR);
  for (let i = 3; i < 200; i++) answered += count(lookup(set, ALICE, nodeId(i)));
  assert.ok(answered <= LOOKUPS_PER_ASKER && answered > LOOKUPS_PER_ASKER - 20);
  assert.is(count(lookup(set, BOB, ALICE)), 1, 'others are served');
  assert.is(count(lookup(set, ALICE, BOB, WINDOW_MS)), 1);
});

tracking('introductions to one member are bounded, however many ask', () => {
  const set = tracker();
  let introduced = 0;
  for (let i = 3; i < 200; i++) {
    const frames = lookup(set, nodeId(i), BOB);
    introduced += frames.filter(({ frame }) => frame.kind === 'introduce').length;
    assert.is(frames[0]!.frame.kind, 'found');
  }
  assert.is(introduced, INTRODUCTIONS_PER_MEMBER);
});

tracking('a flood of records costs a few signatures, the same one again costs none', () => {
  const set = tracker();
  let opened = 0;
  const { records } = set.ground;
  const open = records.openCandidates.bind(records);
  records.openCandidates = (sealed) => {
    opened++;
    return open(sealed);
  };
  for (let seq = 1; seq <= 1_000; seq++) register(set, BOB, record(set, BOB, seq));
  assert.is(opened, CHECKS_PER_ASKER);
  const last = record(set, BOB, CHECKS_PER_ASKER);
  for (let i = 0; i < 100; i++) assert.is(register(set, BOB, last).length, 1);
  assert.is(opened, CHECKS_PER_ASKER);
});

tracking('echo: at once, after a silence, one at a time, and not to who is gone', () => {
  const set = tracker();
  register(set, BOB, record(set, BOB, 9));
  const echo = (node: string, after: number, now = 0) =>
    said((out) => set.tracking.onEcho(node, { kind: 'echo', after }, times(now), out));
  assert.equal(echo(BOB, 0), [{ kind: 'frame', node: BOB, frame: { kind: 'echoed', seq: 9 } }]);
  assert.equal(echo(ALICE, 0)[0]!.frame, { kind: 'echoed', seq: 0 });
  assert.equal(echo(BOB, 45), []);
  echo(BOB, 70);
  assert.is(set.tracking.deadline(), 70_000);
  assert.equal(
    said((out) => set.tracking.tick(times(70_000), out)).map(({ node }) => node),
    [BOB],
  );
  assert.is(set.tracking.deadline(), undefined);
  assert.equal(echo(BOB, 121), []);
  assert.is(set.tracking.deadline(), undefined);
  echo(BOB, 45, 70_000);
  set.ground.met.delete(BOB);
  set.tracking.onLost(BOB, true, times(71_000));
  assert.is(set.tracking.deadline(), 71_000 + KEPT_MS);
});

tracking('a member that we should know and do not is asked to register', () => {
  const set = tracker();
  const met = (node: string, expected: boolean) =>
    said((out) => set.tracking.onMet(node, expected, out)).map(({ frame }) => frame);
  assert.equal(met(BOB, true), [{ kind: 'echoed', seq: 0 }]);
  assert.equal(met(BOB, false), []);
  register(set, BOB);
  assert.equal(met(BOB, true), []);
});

tracking.run();
