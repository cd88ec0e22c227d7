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
 * Texts this long and longer go to openssl where `cipher` names it and simd has passed too. Measured
 * on a 2.6 GHz EPYC with AVX-512, nanoseconds per packet of 64, 512, 1024, 1424, 4096 bytes:
 * simd 225, 650, 1090, 1350, 3690; openssl 785, 950, 990, 1325, 1800. On a narrower processor
 * openssl gains less; `auto` measures.
 */
export const BREAK_EVEN_BYTES = 896;

// What `auto` measures: an acknowledgement, a usual full packet, a jumbo.
const MEASURED_BYTES = [128, 1_408, 4_096] as const;
const MEASURE_ROUNDS = 6;
const MEASURE_REPEATS = 4;

/** Openssl must take less than this share of simd's time: near a tie the one without calls out wins. */
const GAIN_MIN = 0.97;

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

/** Both are right; the clock decides, once, in a few milliseconds. */
function fastest(simd: Engine, openssl: Engine, bench: Bench, now: () => number): Choice {
  const options = { bench, now, rounds: MEASURE_ROUNDS, repeats: MEASURE_REPEATS };
  const times = MEASURED_BYTES.map((bytes) => {
    const [ours, theirs] = measure([simd, openssl], [bytes], options).map(
      (result) => result.sealNanoseconds + result.openNanoseconds,
    );
    return { bytes, simd: ours ?? 0, openssl: theirs ?? 0 };
  });
  const wins = times.findIndex((time) => time.openssl < time.simd * GAIN_MIN);
  const above = times[wins];
  if (above === undefined) {
    openssl.close();
    return { engine: simd, reason: 'simd: it is faster here than openssl; both agree with noble' };
  }
  const below = times[wins - 1];
  if (below === undefined) {
    simd.close();
    return {
      engine: openssl,
      reason: 'openssl: it is faster here than simd; both agree with noble',
    };
  }
  const behind = Math.max(below.openssl - below.simd, 0);
  const share = behind / (behind + above.simd - above.openssl);
  const bytes = below.bytes + share * (above.bytes - below.bytes);
  const from = Math.ceil(bytes / 16) * 16;
  return split(simd, openssl, from, bench, 'which is fastest here; both agree with noble');
}
