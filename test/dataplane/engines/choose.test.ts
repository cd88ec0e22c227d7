import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { choose, type Probes, realProbes } from '../../../agent/dataplane/engines/choose.js';
import type { Engine } from '../../../agent/dataplane/engines/engine.js';
import { openOpenssl } from '../../../agent/dataplane/engines/openssl.js';
import { SimdEngine } from '../../../agent/dataplane/engines/simd.js';
import { newWorkbench } from './workbench.js';

const work = newWorkbench();
const { bench, packets, table } = work;

// A clock that engines move by hand: per packet, and per byte.
let clock = 0;
const now = () => clock;

function paced(engine: Engine, perPacket: number, perByte: number): Engine {
  const tick = (first: number, count: number) => {
    for (let i = first; i < first + count; i++) clock += perPacket + perByte * packets.length(i);
  };
  return {
    name: engine.name,
    seal: (first, count) => {
      tick(first, count);
      return engine.seal(first, count);
    },
    open: (first, count) => {
      tick(first, count);
      return engine.open(first, count);
    },
    close: () => engine.close(),
  };
}

function openssl(): Engine {
  const engine = openOpenssl(table);
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

const simd = () => new SimdEngine(table, work.wasm);
const broken = (engine: Engine): Engine => ({
  ...paced(engine, 0, 0),
  seal: (first, count) => {
    engine.seal(first, count);
    packets.sealed(first).fill(0);
    return true;
  },
});
const good: Probes = {
  simd: () => paced(simd(), 2, 0.01),
  openssl: () => paced(openssl(), 6, 0.005),
};
const absent = () => 'not built in';

const choosing = suite('dataplane/engines/choose');

const rows: [string, Parameters<typeof choose>[0], Probes, string, string][] = [
  ['noble', 'noble', good, 'noble', 'noble, as configured'],
  ['simd', 'simd', good, 'simd', 'simd, as configured: it agrees with noble'],
  [
    'openssl, with simd for the short',
    'openssl',
    good,
    'openssl',
    'openssl from 896 bytes, simd below, as configured; both agree with noble',
  ],
  [
    'openssl alone',
    'openssl',
    { ...good, simd: absent },
    'openssl',
    'openssl, as configured: it agrees with noble',
  ],
  [
    'openssl that is not there',
    'openssl',
    { ...good, openssl: absent },
    'noble',
    'noble, although another is configured: openssl is not available (not built in)',
  ],
  [
    'simd that fails',
    'simd',
    { ...good, simd: () => broken(simd()) },
    'noble',
    'noble, although another is configured: simd failed its test (sealed wrongly: 64 bytes)',
  ],
  [
    'the line at which both cost the same: 6 + 0.005 n = 2 + 0.01 n',
    'auto',
    good,
    'openssl',
    'openssl from 800 bytes, simd below, which is fastest here; both agree with noble',
  ],
  [
    'simd up to jumbo packets: 20 + 0.005 n = 2 + 0.01 n',
    'auto',
    { ...good, openssl: () => paced(openssl(), 20, 0.005) },
    'openssl',
    'openssl from 3600 bytes, simd below, which is fastest here; both agree with noble',
  ],
  [
    'simd where openssl is as fast, or nearly',
    'auto',
    { ...good, openssl: () => paced(openssl(), 2, 0.0098) },
    'simd',
    'simd: it is faster here than openssl; both agree with noble',
  ],
  [
    'simd where openssl is slower',
    'auto',
    { ...good, openssl: () => paced(openssl(), 20, 0.01) },
    'simd',
    'simd: it is faster here than openssl; both agree with noble',
  ],
  [
    'openssl where simd is slower at any length',
    'auto',
    { ...good, openssl: () => paced(openssl(), 1, 0.001) },
    'openssl',
    'openssl: it is faster here than simd; both agree with noble',
  ],
  [
    'simd where there is no openssl',
    'auto',
    { ...good, openssl: absent },
    'simd',
    'simd: it agrees with noble; openssl is not available (not built in)',
  ],
  [
    'openssl where simd fails',
    'auto',
    { ...good, simd: () => broken(simd()) },
    'openssl',
    'openssl: it agrees with noble; simd failed its test (sealed wrongly: 64 bytes)',
  ],
  [
    'noble where nothing faster passes',
    'auto',
    {
      simd: () => {
        throw new Error('no vectors');
      },
      openssl: () => broken(openssl()),
    },
    'noble',
    'noble: simd is not available (no vectors); openssl failed its test (sealed wrongly: 64 bytes)',
  ],
];

for (const [name, cipher, probes, engine, reason] of rows) {
  choosing(`${cipher}: ${name}`, () => {
    const choice = choose(cipher, probes, bench, now);
    assert.is(choice.reason, reason);
    assert.is(choice.engine.name, engine);
    choice.engine.close();
  });
}

choosing('on this machine something faster than noble is found, quickly', () => {
  const started = performance.now();
  const choice = choose('auto', realProbes(table, work.wasm), bench, () => performance.now());
  const took = performance.now() - started;
  assert.is.not(choice.engine.name, 'noble', choice.reason);
  assert.ok(took < 2_000, `${took} ms`); // tens of them in fact
  choice.engine.close();
});

choosing.run();
