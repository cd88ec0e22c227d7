// Which engine serves on this machine, and why, in a sentence for `kith status`.

import type { Cipher, Engine, EngineName, Table, Way } from './engine.js';
import { openEvp } from './evp.js';
import { makeExam, type Question } from './exam.js';
import { measure } from './measure.js';
import { NobleEngine } from './noble.js';
import { type ApartExports, openPrimitives } from './primitives.js';
import { type Bench, selfTest } from './selftest.js';
import { type AeadExports, SimdEngine } from './simd.js';
import { SplitEngine } from './split.js';

/** How to get an engine: it, or a sentence that says why there is none here. */
export type Probe = () => Engine | string;

/** The ways to openssl are tried in turn; the first that passes its test serves. */
export type Probes = Readonly<{ simd: Probe; openssl: readonly Probe[] }>;

export type Choice = Readonly<{ engine: Engine; reason: string }>;

/**
 * Texts this long and longer go to openssl, shorter ones to simd, unless `auto` finds it clearly
 * otherwise. Nanoseconds for sealing a packet in a batch of eight on a 2.6 GHz EPYC with AVX-512
 * (opening is alike); simd takes a step at 449 bytes, where it needs another four blocks:
 *
 *   bytes        256   384   448   464   512   768  1,024  1,420  4,096
 *   simd         440   483   504   736   644   858  1,076  1,364  3,672
 *   primitives   456   549   549   679   560   573    599    793  1,414
 *   EVP          717   809   812 1,110   821   824    848  1,199  1,656
 */
export const BREAK_EVEN_BYTES: Readonly<Record<Way, number>> = { primitives: 449, evp: 896 };

const WAYS: Readonly<Record<Way, string>> = {
  primitives: 'its ChaCha20 and Poly1305 called directly',
  evp: 'through EVP',
};

// What `auto` measures: short, middling, a usual full packet, a jumbo.
const MEASURED_BYTES = [256, 768, 1_408, 4_096] as const;
const MEASURE_ROUNDS = 8;
const MEASURE_REPEATS = 1; // short rounds: a neighbour spoils few of them

/** Who takes more than this multiple of the other's time is clearly slower; nearer is a tie. */
const CLEARLY = 1.2;

/** The probes of a real machine. */
export function realProbes(table: Table, wasm: AeadExports & Partial<ApartExports>): Probes {
  return {
    simd: () => new SimdEngine(table, wasm),
    openssl: [() => openPrimitives(table, wasm), () => openEvp(table)],
  };
}

/**
 * Chooses by the setting `cipher`. Engines sit the exam at once; one that fails is closed. Nothing
 * may be under way in the table and the room of `bench`. `now`: milliseconds with fractions.
 */
export function choose(cipher: Cipher, probes: Probes, bench: Bench, now: () => number): Choice {
  const noble = new NobleEngine(bench.table);
  if (cipher === 'noble') return { engine: noble, reason: 'noble, as configured' };

  const exam = makeExam();
  const simd = admit('simd', [probes.simd], exam, bench);
  if (cipher === 'simd') return named(simd, 'simd, as configured: it agrees with noble', noble);

  const openssl = admit('openssl', probes.openssl, exam, bench);
  if (cipher === 'openssl') {
    if (typeof openssl === 'string' || typeof simd === 'string') {
      return named(openssl, `${title(openssl)}, as configured: it agrees with noble`, noble);
    }
    return split(simd, openssl, breakEven(openssl), bench, 'as configured');
  }

  if (typeof simd === 'string' && typeof openssl === 'string') {
    return { engine: noble, reason: `noble: ${simd}; ${openssl}` };
  }
  if (typeof openssl === 'string')
    return named(simd, `simd: it agrees with noble; ${openssl}`, noble);
  if (typeof simd === 'string')
    return named(openssl, `${title(openssl)}: it agrees with noble; ${simd}`, noble);
  return fastest(simd, openssl, bench, now);
}

/** The first engine that exists and passes, else a clause that says why there is none. */
function admit(
  name: EngineName,
  probes: readonly Probe[],
  exam: readonly Question[],
  bench: Bench,
): Engine | string {
  const clauses: string[] = [];
  for (const probe of probes) {
    let engine: Engine | string;
    try {
      engine = probe();
    } catch (error) {
      engine = error instanceof Error ? error.message : 'unknown failure';
    }
    if (typeof engine === 'string') {
      clauses.push(`${name} is not available (${engine})`);
      continue;
    }
    const problem = selfTest(engine, exam, bench);
    if (problem === undefined) return engine;
    engine.close();
    clauses.push(`${title(engine)} failed its test (${problem})`);
  }
  return clauses.join('; ');
}

function title(engine: Engine | string): string {
  if (typeof engine === 'string') return engine;
  return engine.way === undefined ? engine.name : `${engine.name} (${WAYS[engine.way]})`;
}

function breakEven(openssl: Engine): number {
  return BREAK_EVEN_BYTES[openssl.way ?? 'evp'];
}

/** What the setting names; where that cannot serve, noble, and the sentence says so. */
function named(engine: Engine | string, reason: string, noble: Engine): Choice {
  if (typeof engine !== 'string') return { engine, reason };
  return { engine: noble, reason: `noble, although another is configured: ${engine}` };
}

function split(short: Engine, long: Engine, from: number, bench: Bench, why: string): Choice {
  const engine = new SplitEngine(bench.table, short, long, from);
  const reason = `${title(long)} from ${from} bytes, ${short.name} below, ${why}`;
  return { engine, reason: `${reason}; both agree with noble` };
}

/**
 * Both are right; the clock decides, once, in a few milliseconds. A clock on a busy machine errs,
 * so the usual break-even stands unless one engine is clearly slower where that would have it
 * serve.
 */
function fastest(simd: Engine, openssl: Engine, bench: Bench, now: () => number): Choice {
  const options = { bench, now, rounds: MEASURE_ROUNDS, repeats: MEASURE_REPEATS };
  const times = MEASURED_BYTES.map((bytes) => {
    const [ours, theirs] = measure([simd, openssl], [bytes], options).map(
      (result) => result.sealNanoseconds + result.openNanoseconds,
    );
    return { bytes, simd: ours ?? 0, openssl: theirs ?? 0 };
  });
  const usual = breakEven(openssl);
  const stands = times.every(({ bytes, simd, openssl }) =>
    bytes >= usual ? openssl <= simd * CLEARLY : simd <= openssl * CLEARLY,
  );
  if (stands) return split(simd, openssl, usual, bench, 'as usual');
  const slower = times.findLastIndex((time) => time.openssl >= time.simd);
  const from = times[slower + 1]?.bytes;
  if (from !== undefined) return split(simd, openssl, from, bench, 'which is fastest here');
  openssl.close();
  return { engine: simd, reason: 'simd: it is faster here than openssl; both agree with noble' };
}
