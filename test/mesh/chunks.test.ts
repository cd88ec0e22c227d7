// Chunks: what one peer can make us hold is bounded, and loss is mended by sending again.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Assembler,
  CHUNK_BYTES,
  CHUNKS_MAX,
  type ChunkDrop,
  REASSEMBLIES_MAX,
  REASSEMBLY_MS,
  split,
  WHOLE_BYTES_MAX,
} from '../../agent/mesh/chunks.js';
import { Random } from '../lab/random.js';

const chunks = suite('mesh: chunks');

function assembler() {
  const drops: ChunkDrop[] = [];
  return { drops, one: new Assembler((reason) => drops.push(reason)) };
}

const whole = (length: number, seed = 1) => new Random(seed).bytes(length);

chunks('a frame sent again fills the holes of the first time', () => {
  const { one, drops } = assembler();
  const frame = whole(5_000);
  const parts = split(frame);
  assert.is(parts.length, 5);
  for (const part of parts.slice(0, 3)) assert.is(one.add(part, 0), undefined);
  const results = split(frame).map((part) => one.add(part, 1_000));
  assert.equal(results[4], frame);
  assert.equal(drops, ['chunk-repeated', 'chunk-repeated', 'chunk-repeated']);
  assert.is(one.waiting, 0);
});

chunks('several frames at once, their chunks mixed', () => {
  const { one, drops } = assembler();
  const all = [1, 2, 3, 4].map((seed) => split(whole(3_000, seed)));
  const results = [0, 1, 2].flatMap((i) => all.map((parts) => one.add(parts[i]!, 0)));
  assert.equal(results.filter(Boolean).length, 4);
  assert.equal(drops, []);
});

chunks('an incomplete one is let go after a while', () => {
  const { one, drops } = assembler();
  const [first, second] = split(whole(2_000));
  one.add(first!, 0);
  one.expire(REASSEMBLY_MS - 1);
  assert.is(one.waiting, 1);
  one.expire(REASSEMBLY_MS);
  assert.is(one.waiting, 0);
  assert.is(one.add(second!, REASSEMBLY_MS), undefined);
  assert.equal(drops, ['chunk-expired']);
});

chunks('the oldest gives way: by number and by announced size', () => {
  const { one, drops } = assembler();
  for (let seed = 0; seed < 100; seed++) one.add(split(whole(2_000, seed))[0]!, 0);
  assert.is(one.waiting, REASSEMBLIES_MAX);
  assert.is(drops.length, 100 - REASSEMBLIES_MAX);
  const large = split(whole(WHOLE_BYTES_MAX));
  assert.is(large.length, CHUNKS_MAX);
  one.add(large[0]!, 0);
  assert.is(one.waiting, 1, 'a full-sized one leaves no room for others');
  assert.ok(drops.every((drop) => drop === 'chunk-crowded'));
});

chunks('malformed ones', () => {
  const bytes = new Uint8Array(CHUNK_BYTES);
  const cases = [
    { tag: 1, index: 0, count: 1, bytes }, // would not be chunked
    { tag: 1, index: 0, count: 0, bytes },
    { tag: 1, index: 2, count: 2, bytes },
    { tag: 1, index: 0, count: CHUNKS_MAX + 1, bytes },
    { tag: 1, index: 0, count: 2, bytes: bytes.subarray(1) }, // not full, and not the last
    { tag: 1, index: 1, count: 2, bytes: new Uint8Array(CHUNK_BYTES + 1) },
    { tag: 1, index: 1, count: 2, bytes: new Uint8Array(0) },
  ];
  for (const chunk of cases) {
    const { one, drops } = assembler();
    assert.is(one.add(chunk, 0), undefined);
    assert.equal(drops, ['chunk-form']);
    assert.is(one.waiting, 0);
  }
  assert.throws(() => split(whole(WHOLE_BYTES_MAX + 1)), /65537 bytes/);
});

chunks.run();
