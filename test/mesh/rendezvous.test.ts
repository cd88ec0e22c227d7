import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RANKED_MAX, Rendezvous } from '../../agent/mesh/rendezvous.js';
import { Random } from '../lab/random.js';
import { nodeId } from './ground.js';

const rendezvous = suite('mesh/rendezvous');
const SEED = new Uint8Array(16);
const ids = Array.from({ length: 10_000 }, (_, i) => nodeId(i));

function of(trackers: readonly string[], seed = SEED): Rendezvous {
  const made = new Rendezvous(seed);
  for (const tracker of trackers) made.add(tracker);
  return made;
}

for (const count of [50, 200, 1_000]) {
  rendezvous(`10,000 nodes over ${count} trackers: none serves twice the mean`, () => {
    const table = of(ids.slice(0, count));
    const load = new Map<string, number>();
    for (const id of ids) {
      const three = table.rank(id).slice(0, 3);
      assert.is(new Set(three).size, 3);
      for (const tracker of three) load.set(tracker, (load.get(tracker) ?? 0) + 1);
    }
    const mean = (3 * ids.length) / count;
    assert.ok(Math.max(...load.values()) <= 2 * mean, `${Math.max(...load.values())} of ${mean}`);
    assert.ok(load.size === count);
  });
}

rendezvous('the order of learning does not matter, nor what came and went', () => {
  const trackers = ids.slice(0, 100);
  const one = of(trackers);
  const other = of([...trackers].reverse());
  const random = new Random(7);
  for (let i = 0; i < 300; i++) {
    const id = trackers[random.below(100)] as string;
    other.rank(ids[random.below(500)] as string); // so that there are rankings to keep true
    if (other.has(id)) other.remove(id);
    else other.add(id);
  }
  for (const id of trackers) other.add(id);
  for (const id of ids.slice(0, 500)) assert.equal(other.rank(id), one.rank(id));
});

rendezvous('a remembered ranking is what a new one would be', () => {
  const table = of(ids.slice(0, 40));
  const random = new Random(8);
  const asked = ids.slice(1_000, 1_030);
  for (let i = 0; i < 400; i++) {
    const id = ids[random.below(80)] as string;
    if (table.has(id)) table.remove(id);
    else table.add(id);
    const node = asked[i % asked.length] as string;
    const fresh = of(ids.slice(0, 80).filter((tracker) => table.has(tracker)));
    assert.equal(table.rank(node), fresh.rank(node));
  }
});

rendezvous('one tracker less concerns only those it served', () => {
  const trackers = ids.slice(0, 60);
  const gone = trackers[17] as string;
  const before = of(trackers);
  const after = of(trackers.filter((id) => id !== gone));
  for (const id of ids.slice(100, 1_100)) {
    const three = before.rank(id).slice(0, 3);
    if (!three.includes(gone)) assert.equal(after.rank(id).slice(0, 3), three);
  }
});

rendezvous('a node is never its own tracker; a new seed deals anew', () => {
  const trackers = ids.slice(0, 10);
  const table = of(trackers);
  for (const id of trackers) assert.not(table.rank(id).includes(id));
  const node = ids[99] as string;
  const before = table.rank(node);
  const { version } = table;
  table.reseed(Uint8Array.from({ length: 16 }, () => 0));
  assert.is(table.version, version);
  table.reseed(Uint8Array.from({ length: 16 }, () => 1));
  assert.ok(table.version > version);
  assert.not.equal(table.rank(node), before);
  assert.equal(table.rank(node), of(trackers, new Uint8Array(16).fill(1)).rank(node));
});

rendezvous('ranks no more than are of use', () => {
  assert.is(of(ids.slice(0, 50)).rank(ids[99] as string).length, RANKED_MAX);
  assert.equal(of([]).rank(ids[0] as string), []);
});

rendezvous.run();
