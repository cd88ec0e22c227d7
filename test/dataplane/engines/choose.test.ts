import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { choose, type Probes, realProbes } from '../../../agent/dataplane/engines/choose.js';
import type { Engine } from '../../../agent/dataplane/engines/engine.js';
import { openEvp } from '../../../agent/dataplane/engines/evp.js';
import { openPrimitives } from '../../../agent/dataplane/engines/primitives.js';
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
    way: engine.way,
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

function real(engine: Engine | string): Engine {
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

const primitives = () => real(openPrimitives(table, work.wasm));
const evp = () => real(openEvp(table));
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
  openssl: [() => paced(primitives(), 4, 0.005), () => paced(evp(), 6, 0.005)],
};
const absent = () => 'not built in';
const without = { ...good, openssl: [absent, absent] };
/** Whose openssl, reached through EVP, takes this long. */
const evpOf = (perPacket: number, perByte: number): Probes => ({
  ...good,
  openssl: [absent, () => paced(evp(), perPacket, perByte)],
});
const DIRECT = 'openssl (its ChaCha20 and Poly1305 called directly)';
const BOTH = 'both agree with noble';

const choosing = suite('dataplane/engines/choose');

const rows: [string, Parameters<typeof choose>[0], Probes, string, string][] = [
  ['noble', 'noble', good, 'noble', 'noble, as configured'],
  ['simd', 'simd', good, 'simd', 'simd, as configured: it agrees with noble'],
  [
    'openssl, with simd for the short',
    'openssl',
    good,
    'openssl',
    `${DIRECT} from 449 bytes, simd below, as configured; ${BOTH}`,
  ],
  [
    'openssl whose primitives are hidden',
    'openssl',
    evpOf(6, 0.005),
    'openssl',
    `openssl (through EVP) from 896 bytes, simd below, as configured; ${BOTH}`,
  ],
  [
    'openssl whose primitives fail',
    'openssl',
    { ...good, openssl: [() => broken(primitives()), evp] },
    'openssl',
    `openssl (through EVP) from 896 bytes, simd below, as configured; ${BOTH}`,
  ],
  [
    'openssl alone',
    'openssl',
    { ...good, simd: absent },
    'openssl',
    `${DIRECT}, as configured: it agrees with noble`,
  ],
  [
    'openssl that is not there',
    'openssl',
    without,
    'noble',
    'noble, although another is configured: openssl is not available (not built in); ' +
      'openssl is not available (not built in)',
  ],
  [
    'simd that fails',
    'simd',
    { ...good, simd: () => broken(simd()) },
    'noble',
    'noble, although another is configured: simd failed its test (sealed wrongly: 64 bytes)',
  ],
  [
    'the usual break-even, as primitives are about that fast: 4 + 0.005 n = 2 + 0.01 n at 400',
    'auto',
    good,
    'openssl',
    `${DIRECT} from 449 bytes, simd below, as usual; ${BOTH}`,
  ],
  [
    'the usual break-even, as EVP is about that fast: 6 + 0.005 n = 2 + 0.01 n at 800',
    'auto',
    evpOf(6, 0.005),
    'openssl',
    `openssl (through EVP) from 896 bytes, simd below, as usual; ${BOTH}`,
  ],
  [
    'the usual break-even where openssl is slower, but not clearly',
    'auto',
    evpOf(2, 0.0108),
    'openssl',
    `openssl (through EVP) from 896 bytes, simd below, as usual; ${BOTH}`,
  ],
  [
    'simd up to jumbo packets: 20 + 0.005 n = 2 + 0.01 n at 3600',
    'auto',
    evpOf(20, 0.005),
    'openssl',
    `openssl (through EVP) from 4096 bytes, simd below, which is fastest here; ${BOTH}`,
  ],
  [
    'simd where openssl is clearly slower',
    'auto',
    evpOf(20, 0.01),
    'simd',
    `simd: it is faster here than openssl; ${BOTH}`,
  ],
  [
    'openssl from the shortest that was measured, where simd is slower at any length',
    'auto',
    evpOf(1, 0.001),
    'openssl',
    `openssl (through EVP) from 256 bytes, simd below, which is fastest here; ${BOTH}`,
  ],
  [
    'simd where there is no openssl',
    'auto',
    { ...good, openssl: [absent] },
    'simd',
    'simd: it agrees with noble; openssl is not available (not built in)',
  ],
  [
    'openssl where simd fails',
    'auto',
    { ...good, simd: () => broken(simd()) },
    'openssl',
    `${DIRECT}: it agrees with noble; simd failed its test (sealed wrongly: 64 bytes)`,
  ],
  [
    'noble where nothing faster passes',
    'auto',
    {
      simd: () => {
        throw new Error('no vectors');
      },
      openssl: [() => broken(primitives()), () => broken(evp())],
    },
    'noble',
    `noble: simd is not available (no vectors); ${DIRECT} failed its test ` +
      '(sealed wrongly: 64 bytes); openssl (through EVP) failed its test ' +
      '(sealed wrongly: 64 bytes)',
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
