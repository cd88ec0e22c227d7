// Reconciliation: both sides end with the same ids, in a number of bytes close to the difference.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OrderedIds } from '../../agent/identity/idset.js';
import type { StatementId } from '../../agent/identity/member.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { encodeFrame, FrameReader } from '../../agent/mesh/frames.js';
import { ANSWER_IDS_MAX, ANSWER_RANGES_MAX, answer, opening } from '../../agent/mesh/reconcile.js';
import { Random } from '../lab/random.js';

const reconcile = suite('mesh: reconcile');

function setOf(ids: Iterable<StatementId>): OrderedIds {
  const set = new OrderedIds();
  for (const id of ids) set.add(id);
  return set;
}

/** Alternately answers until nothing is left to say; ids go over at once. */
function converge(a: OrderedIds, b: OrderedIds) {
  let [bytes, frames, moved] = [0, 0, 0];
  const wire = (ranges: ReturnType<typeof opening>) => {
    const reader = new FrameReader((reason) => assert.unreachable(reason));
    let frame: ReturnType<FrameReader['read']>;
    for (const piece of encodeFrame({ kind: 'ranges', ranges })) {
      bytes += piece.length;
      frame = reader.read(piece, 0) ?? frame;
    }
    frames++;
    return frame?.kind === 'ranges' ? frame.ranges : assert.unreachable();
  };
  let ranges = wire(opening(a));
  let [to, from] = [b, a];
  for (let i = 0; i < 40 && ranges!.length > 0; i++) {
    const said = answer(to, ranges!);
    assert.ok(said.ranges.length <= ANSWER_RANGES_MAX + 8);
    assert.ok(said.send.length + said.fetch.length <= ANSWER_IDS_MAX + 512);
    for (const id of said.send) from.add(id);
    for (const id of said.fetch) to.add(id);
    moved += said.send.length + said.fetch.length;
    bytes += 32 * said.fetch.length;
    if (said.ranges.length === 0) break;
    ranges = wire(said.ranges);
    [to, from] = [from, to];
  }
  return { bytes, frames, moved };
}

const same = (a: OrderedIds, b: OrderedIds) =>
  a.count === b.count && Buffer.compare(a.fingerprint(none, none), b.fingerprint(none, none)) === 0;
const none = new Uint8Array(0);

/** Ids with few different bytes in front, so that neighbours are many. */
const crowdedId = fc
  .tuple(fc.constantFrom(0, 1, 127, 255), fc.constantFrom(0, 255), fc.nat(255), fc.nat(3))
  .map(([a, b, c, d]) => {
    const bytes = new Uint8Array(32).fill(b);
    bytes.set([a, a === 127 ? c : b], 0);
    bytes.set([c, d], 8);
    return idOf(bytes);
  });

reconcile('any two sets become the same', () => {
  const ids = fc.array(crowdedId, { maxLength: 120 });
  fc.assert(
    fc.property(ids, ids, ids, (both, left, right) => {
      const [a, b] = [setOf([...both, ...left]), setOf([...both, ...right])];
      converge(a, b);
      assert.ok(same(a, b));
    }),
    { numRuns: 300 },
  );
});

reconcile('10,000 ids of which 10 differ: bytes close to the difference', () => {
  const random = new Random(5);
  const both = Array.from({ length: 9_990 }, () => idOf(random.bytes(32)));
  const results = [1, 2, 3].map((seed) => {
    const dice = new Random(seed);
    const mine = Array.from({ length: 5 }, () => idOf(dice.bytes(32)));
    const theirs = Array.from({ length: 5 }, () => idOf(dice.bytes(32)));
    const [a, b] = [setOf([...both, ...mine]), setOf([...both, ...theirs])];
    const result = converge(a, b);
    assert.ok(same(a, b));
    assert.is(result.moved, 10);
    return result;
  });
  for (const { bytes, frames } of results) {
    assert.ok(bytes < 3_600, `${bytes} bytes`); // of 320,000 for all ids
    assert.ok(frames <= 9, `${frames} frames`);
  }
});

reconcile('one of 10,000 differs', () => {
  const random = new Random(6);
  const both = Array.from({ length: 9_999 }, () => idOf(random.bytes(32)));
  const [a, b] = [setOf(both), setOf([...both, idOf(random.bytes(32))])];
  const { bytes } = converge(a, b);
  assert.ok(same(a, b));
  assert.ok(bytes < 700, `${bytes} bytes`);
});

reconcile('a newcomer with five ids says these and asks for nothing by name', () => {
  const random = new Random(7);
  const all = Array.from({ length: 1_500 }, () => idOf(random.bytes(32)));
  const [a, b] = [setOf(all.slice(0, 4)), setOf(all)];
  const { bytes, moved } = converge(a, b);
  assert.ok(same(a, b));
  assert.is(moved, 1_496);
  assert.ok(bytes < 400, `${bytes} bytes`);
});

reconcile('too much for one answer is left for the next', () => {
  const random = new Random(8);
  const all = Array.from({ length: 3 * ANSWER_IDS_MAX }, () => idOf(random.bytes(32)));
  const [a, b] = [setOf(all.slice(0, 1)), setOf(all)];
  let rounds = 0;
  for (; !same(a, b) && rounds < 10; rounds++) converge(a, b);
  assert.ok(same(a, b));
  assert.ok(rounds > 1);
});

reconcile('ranges that are out of order, or end early, do no harm', () => {
  const random = new Random(9);
  const set = setOf(Array.from({ length: 100 }, () => idOf(random.bytes(32))));
  const end = (...bytes: number[]) => Uint8Array.from(bytes);
  const fingerprint = new Uint8Array(8);
  for (const ranges of [
    [],
    [
      { end: end(9), fingerprint },
      { end: end(8), fingerprint },
    ],
    [{ end: end(9) }, { end: end(9), fingerprint }],
    [
      { end: end(), fingerprint },
      { end: end(1), fingerprint },
    ],
    [{ end: new Uint8Array(32).fill(255), fingerprint }],
  ]) {
    const said = answer(set, ranges);
    assert.equal([said.send, said.fetch], [[], []]);
    const ends = said.ranges.map(({ end: to }) => Buffer.from(to).toString('hex') || 'z');
    assert.equal(ends, [...new Set(ends)].sort(), 'ours are in order');
  }
});

reconcile.run();
