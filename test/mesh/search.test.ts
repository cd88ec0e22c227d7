import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { Candidate } from '../../agent/mesh/ground.js';
import { Rendezvous } from '../../agent/mesh/rendezvous.js';
import { SEARCHES_MAX } from '../../agent/mesh/search.js';
import { Trackers } from '../../agent/mesh/trackers.js';
import { endpoint, FakeGround, FakeRecords, FakeRoll, nodeId, place, times } from './ground.js';

const search = suite('mesh/search');

const BOB = nodeId(50);
const MET = { initiator: true, from: place('192.0.2.1'), hash: new Uint8Array(32), bare: false };

/** A node alone, with its trackers played by the test. */
function alone(trackers = 8, met = true) {
  const roll = new FakeRoll(Array.from({ length: 400 }, (_, i) => nodeId(i)));
  const ground = new FakeGround(nodeId(99), roll);
  const rendezvous = new Rendezvous(roll.seed);
  for (let i = 0; i < trackers; i++) {
    rendezvous.add(nodeId(i));
    if (met) ground.met.add(nodeId(i));
  }
  const learned: { node: string; candidates: readonly Candidate[]; urgent: boolean }[] = [];
  const machine = new Trackers({
    ground,
    rendezvous,
    learn: (node, candidates, _nat, urgent) => learned.push({ node, candidates, urgent }),
    record: () => new Uint8Array(10),
    endpointOf: () => undefined,
    unreached: () => undefined,
  });
  const run = (act: (out: MeshEffect[]) => void) => {
    const out: MeshEffect[] = [];
    act(out);
    return out.flatMap((effect) => {
      return effect.kind === 'frame' && effect.frame.kind === 'lookup' ? [effect.node] : [];
    });
  };
  const find = (node = BOB, now = 0) => run((out) => machine.find(node, times(now), out));
  const tick = (now: number) => run((out) => machine.tick(times(now), out));
  const found = (
    by: string,
    record: Uint8Array | null,
    observed: string | null = null,
    now = 0,
    node = BOB,
  ) =>
    run((out) =>
      machine.onFrame(
        by,
        { kind: 'found', node, record, observed: observed === null ? null : endpoint(observed) },
        place('192.0.2.1'),
        times(now),
        out,
      ),
    );
  return { roll, ground, rendezvous, learned, machine, find, tick, found };
}

const record = (roll: FakeRoll, seq: number, address: string, node = BOB) =>
  new FakeRecords(node, roll).signCandidates({
    seq,
    nat: 'easy',
    candidates: [{ kind: 'local', endpoint: endpoint(address) }],
  });

const addresses = (candidates: readonly Candidate[]) =>
  candidates.map((candidate) => candidate.endpoint.address);

search('three at once; the next three where they do not know; again later; then the end', () => {
  const { rendezvous, find, tick, found, machine } = alone();
  const ranked = rendezvous.rank(BOB);
  assert.equal(find(), ranked.slice(0, 3));
  assert.equal(find(), [], 'it is being looked for');
  assert.equal(found(ranked[0]!, null), []);
  assert.equal(found(ranked[1]!, null), []);
  assert.equal(found(ranked[2]!, null), ranked.slice(3, 6), 'all three said no: no waiting');
  const asked: number[] = [];
  for (let now = 1_000; now < 120_000; now += 500) if (tick(now).length > 0) asked.push(now);
  assert.is(asked.length, 4, 'two more times, both rounds');
  assert.is(find(BOB, 120_000).length, 3);
  assert.ok(machine.deadline() !== undefined);
});

search('one that does not answer holds nobody up for more than a second', () => {
  const { rendezvous, find, tick } = alone();
  find();
  assert.equal(tick(999), []);
  assert.equal(tick(1_000), rendezvous.rank(BOB).slice(3, 6));
});

search('a tracker that is not met is made for, and asked when it is', () => {
  const { ground, rendezvous, find, machine } = alone(8, false);
  assert.equal(find(), []);
  const ranked = rendezvous.rank(BOB);
  assert.equal(ground.wanted, ranked.slice(0, 3));
  const out: MeshEffect[] = [];
  machine.onMet(ranked[1]!, MET, times(100), out);
  const asked = out.filter((effect) => effect.kind === 'frame');
  assert.ok(asked.some(({ node, frame }) => node === ranked[1] && frame.kind === 'lookup'));
});

search('the newest record counts, with what a tracker saw; nothing is passed on twice', () => {
  const { roll, rendezvous, find, found, learned } = alone();
  const ranked = rendezvous.rank(BOB);
  find();
  found(ranked[0]!, record(roll, 5, '203.0.113.5'), '198.51.100.5');
  found(ranked[1]!, record(roll, 5, '203.0.113.5'), '198.51.100.5');
  found(ranked[2]!, record(roll, 6, '203.0.113.6'), '198.51.100.5');
  assert.equal(
    learned.map(({ candidates }) => addresses(candidates)),
    [
      ['203.0.113.5', '198.51.100.5'],
      ['203.0.113.6', '198.51.100.5'],
    ],
  );
  assert.ok(learned.every(({ urgent }) => urgent));
});

search('a lying tracker: the records of others, changed ones, old ones, unasked ones', () => {
  const { roll, rendezvous, find, found, learned } = alone();
  const [first, second, third] = rendezvous.rank(BOB);
  found(first!, record(roll, 9, '203.0.113.9'), '198.51.100.9');
  assert.equal(learned, [], 'nobody had asked');
  find();
  found(first!, record(roll, 9, '203.0.113.66', nodeId(60)));
  const forged = record(roll, 9, '203.0.113.67').slice();
  forged[80]! ^= 1;
  found(second!, forged);
  assert.equal(learned, []);
  found(third!, record(roll, 9, '203.0.113.9'), '127.0.0.1');
  assert.equal(
    learned.map(({ candidates }) => addresses(candidates)),
    [['203.0.113.9']],
  );
  found(third!, record(roll, 9, '203.0.113.9'), '198.51.100.66');
  assert.is(learned.length, 1, 'one answer each');
  // Later, the same tracker hands out the record of before the move.
  find(BOB, 60_000);
  found(first!, record(roll, 8, '203.0.113.8'), null, 60_000);
  assert.is(learned.length, 1, 'older than what was seen before');
});

search('what was found is remembered for a moment', () => {
  const { roll, rendezvous, find, found, tick, learned } = alone();
  find();
  for (const tracker of rendezvous.rank(BOB).slice(0, 3)) {
    found(tracker, record(roll, 1, '203.0.113.1'));
  }
  assert.is(learned.length, 1);
  assert.equal(find(BOB, 4_000), []);
  assert.is(learned.length, 2);
  tick(6_000);
  assert.is(find(BOB, 6_000).length, 3);
});

search('no more than so many at once; nobody looks for himself or for strangers', () => {
  const { find, machine, ground } = alone();
  for (let i = 100; i < 400; i++) find(nodeId(i));
  assert.ok((machine as unknown as { searches: { size: number } }).searches.size === SEARCHES_MAX);
  assert.equal(find(ground.self), []);
  assert.equal(find(nodeId(5_000)), []);
});

search('introduced: learned at once, but no forgeries, no old records, and no flood', () => {
  const { roll, machine, learned } = alone();
  const introduce = (sealed: Uint8Array, node = BOB, by = nodeId(1), now = 0) =>
    machine.onFrame(
      by,
      { kind: 'introduce', node, record: sealed, observed: endpoint('198.51.100.50'), chain: [] },
      place('192.0.2.1'),
      times(now),
      [],
    );
  introduce(record(roll, 5, '203.0.113.5'));
  assert.equal(addresses(learned[0]!.candidates), ['203.0.113.5', '198.51.100.50']);
  assert.ok(learned[0]!.urgent);
  introduce(record(roll, 4, '203.0.113.4'));
  introduce(record(roll, 9, '203.0.113.4', nodeId(60)));
  assert.is(learned.length, 1);
  for (let i = 0; i < 100; i++) introduce(record(roll, 6 + i, '203.0.113.5'));
  assert.is(learned.length, 6, 'eight of one node in half a minute, refused ones too');
  for (let i = 100; i < 400; i++) {
    introduce(record(roll, 1, '203.0.113.5', nodeId(i)), nodeId(i));
  }
  assert.ok(learned.length <= 64, `${learned.length}`);
  const before = learned.length;
  introduce(record(roll, 200, '203.0.113.5'), BOB, nodeId(2), 30_000);
  assert.is(learned.length, before + 1);
});

search('without any tracker, those we are in touch with are asked', () => {
  const { find, machine, ground } = alone(0);
  ground.met.add(nodeId(7));
  machine.onMet(nodeId(7), MET, times(0), []);
  assert.equal(find(), [nodeId(7)]);
});

search.run();
