// Which engine serves on this machine, and why, in a sentence for `kith status`.

import type { Cipher, Engine, EngineName, Table } from './engine.js';
import { makeExam, type Question } from './exam.js';
import { measure } from './measure.js';
import { NobleEngine } from './noble.js';
import { openOpenssl } from './openssl.js';
import { type Bench, selfTest } from './selftest.js';
import { type AeadExports, SimdEngine } from './simd.js';
import { SplitEngine } from './split.js';

/** How to get an engine: it, or a sentence that says why there is none here. */
export type Probe = () => Engine | string;

export type Probes = Readonly<{ simd: Probe; openssl: Probe }>;

export type Choice = Readonly<{ engine: Engine; reason: string }>;

/**
 * Texts this long and longer go to openssl where simd has passed too and `auto` did not measure.
 * On a 2.6 GHz EPYC: simd 236 + 0.79 per byte, openssl 550 + 0.55 per byte, in nanoseconds.
 */
export const BREAK_EVEN_BYTES = 1_280;

// What is measured at start: two lengths give a line, two lines a break-even.
const MEASURED_BYTES = [128, 1_408] as const;
const MEASURE_ROUNDS = 6;
const MEASURE_REPEATS = 12;
const GAIN_MIN = 0.97; // openssl must take less than this share of simd's time for usual packets

/** The probes of a real machine. */
export function realProbes(table: Table, wasm: AeadExports): Probes {
  return { simd: () => new SimdEngine(table, wasm), openssl: () => openOpenssl(table) };
}

/**
 * Chooses by the setting `cipher`. Engines sit the exam at once; one that fails is closed. Nothing
 * may be under way in the table and the room of `bench`. `now`: milliseconds with fractions.
 */
export function choose(cipher: Cipher, probes: Probes, bench: Bench, now: () => number): Choice {
  const noble = new NobleEngine(bench.table);
  if (cipher === 'noble') return { engine: noble, reason: 'noble, as configured' };

  const exam = makeExam();
  const simd = admit('simd', probes.simd, exam, bench);
  if (cipher === 'simd') return named(simd, 'simd, as configured: it agrees with noble', noble);

  const openssl = admit('openssl', probes.openssl, exam, bench);
  if (cipher === 'openssl') {
    if (typeof openssl === 'string' || typeof simd === 'string') {
      return named(openssl, 'openssl, as configured: it agrees with noble', noble);
    }
    return split(simd, openssl, BREAK_EVEN_BYTES, bench, 'as configured; both agree with noble');
  }

  if (typeof simd === 'string' && typeof openssl === 'string') {
    return { engine: noble, reason: `noble: ${simd}; ${openssl}` };
  }
  if (typeof openssl === 'string')
    return named(simd, `simd: it agrees with noble; ${openssl}`, noble);
  if (typeof simd === 'string')
    return named(openssl, `openssl: it agrees with noble; ${simd}`, noble);
  return fastest(simd, openssl, bench, now);
}

/** The engine if it exists and passed, else a clause that says why not. */
function admit(
  name: EngineName,
  probe: Probe,
  exam: readonly Question[],
  bench: Bench,
): Engine | string {
  let engine: Engine | string;
  try {
    engine = probe();
  } catch (error) {
    engine = error instanceof Error ? error.message : 'unknown failure';
  }
  if (typeof engine === 'string') return `${name} is not available (${engine})`;
  const problem = selfTest(engine, exam, bench);
  if (problem === undefined) return engine;
  engine.close();
  return `${name} failed its test (${problem})`;
}

/** What the setting names; where that cannot serve, noble, and the sentence says so. */
function named(engine: Engine | string, reason: string, noble: Engine): Choice {
  if (typeof engine !== 'string') return { engine, reason };
  return { engine: noble, reason: `noble, although another is configured: ${engine}` };
}

function split(short: Engine, long: Engine, from: number, bench: Bench, why: string): Choice {
  const engine = new SplitEngine(bench.table, short, long, from);
  const reason = `${long.name} from ${from} bytes, ${short.name} below, ${why}`;
  return { engine, reason };
}

/** Both are right; the clock decides, once, in about 10 ms. */
function fastest(simd: Engine, openssl: Engine, bench: Bench, now: () => number): Choice {
  const options = { bench, now, rounds: MEASURE_ROUNDS, repeats: MEASURE_REPEATS };
  const results = measure([simd, openssl], MEASURED_BYTES, options);
  const cost = results.map((result) => (result.sealNanoseconds + result.openNanoseconds) / 2);
  const [simdShort = 0, opensslShort = 0, simdLong = 0, opensslLong = 0] = cost;
  const both = 'both agree with noble';
  const times = `${Math.round(simdLong)} and ${Math.round(opensslLong)} ns for ${MEASURED_BYTES[1]} bytes`;
  if (opensslLong > simdLong * GAIN_MIN) {
    openssl.close();
    return { engine: simd, reason: `simd: it is faster here than openssl (${times}); ${both}` };
  }
  if (opensslShort <= simdShort) {
    simd.close();
    return {
      engine: openssl,
      reason: `openssl: it is faster here than simd at any length; ${both}`,
    };
  }
  const share = (opensslShort - simdShort) / (opensslShort - simdShort + simdLong - opensslLong);
  const bytes = MEASURED_BYTES[0] + share * (MEASURED_BYTES[1] - MEASURED_BYTES[0]);
  return split(simd, openssl, Math.ceil(bytes / 16) * 16, bench, `the faster here; ${both}`);
}
