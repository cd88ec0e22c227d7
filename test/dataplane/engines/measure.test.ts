import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine } from '../../../agent/dataplane/engines/engine.js';
import { MEASURE_BYTES_MAX, measure } from '../../../agent/dataplane/engines/measure.js';
import { NobleEngine } from '../../../agent/dataplane/engines/noble.js';
import { SimdEngine } from '../../../agent/dataplane/engines/simd.js';
import { newWorkbench } from './workbench.js';

const work = newWorkbench();
const { bench, packets, table } = work;
const measuring = suite('dataplane/engines/measure');

measuring('nanoseconds per packet, by the clock it is given; the best round counts', () => {
  let clock = 0;
  const disturbances = [100, 7, 0, 0, 0, 0, 50, 3]; // of three rounds with three repeats
  const simd = new SimdEngine(table, work.wasm);
  const slow: Engine = {
    name: 'simd',
    seal: (first, count) => {
      clock += count * packets.length(first) * 0.001 + (disturbances.shift() ?? 0);
      return simd.seal(first, count);
    },
    open: (first, count) => {
      clock += count * 0.5;
      return simd.open(first, count);
    },
    close: () => {},
  };
  const options = { bench, now: () => clock, rounds: 3, repeats: 3 };
  const rows = measure([slow], [64, 1_424], options).map((row) => ({
    ...row,
    sealNanoseconds: Math.round(row.sealNanoseconds),
    openNanoseconds: Math.round(row.openNanoseconds),
  }));
  assert.equal(rows, [
    { engine: 'simd', bytes: 64, sealNanoseconds: 64_000, openNanoseconds: 500_000 },
    { engine: 'simd', bytes: 1_424, sealNanoseconds: 1_424_000, openNanoseconds: 500_000 },
  ]);
});

measuring('real engines, from nothing to the longest', () => {
  const engines = [new NobleEngine(table), new SimdEngine(table, work.wasm)];
  const options = { bench, now: () => performance.now(), rounds: 1, repeats: 1 };
  const rows = measure(engines, [0, 512, MEASURE_BYTES_MAX], options);
  assert.equal(
    rows.map(({ engine, bytes }) => `${engine} ${bytes}`),
    ['noble 0', 'simd 0', 'noble 512', 'simd 512'].concat(
      `noble ${MEASURE_BYTES_MAX}`,
      `simd ${MEASURE_BYTES_MAX}`,
    ),
  );
  assert.ok(rows.every((row) => row.sealNanoseconds > 0 && row.openNanoseconds > 0));
  assert.throws(() => measure(engines, [MEASURE_BYTES_MAX + 1], options), /bytes/);
});

measuring('an engine that cannot open its own packets is an error, not a result', () => {
  const deaf: Engine = { name: 'simd', seal: () => true, open: () => true, close: () => {} };
  const options = { bench, now: () => 0, rounds: 1, repeats: 1 };
  assert.throws(() => measure([deaf], [64], options), /does not open/);
});

measuring.run();
