// `kith bench`: what this machine can do, per cipher engine.

import { readFileSync } from 'node:fs';
import { asset } from '../dataplane/assets.js';
import { monotonic } from '../dataplane/clock.js';
import { choose, type Probe, realProbes } from '../dataplane/engines/choose.js';
import type { EngineName } from '../dataplane/engines/engine.js';
import { makeExam } from '../dataplane/engines/exam.js';
import { measure } from '../dataplane/engines/measure.js';
import { NobleEngine } from '../dataplane/engines/noble.js';
import { type Bench, selfTest } from '../dataplane/engines/selftest.js';
import { DESCRIPTORS, OUT } from '../dataplane/layout.js';
import { Memory } from '../dataplane/memory.js';
import type { Handler } from './command.js';
import { formatTable } from './table.js';

const SIZES = [64, 512, 1420] as const; // bytes of packets inside the tunnel
const ROUNDS = 5;
const REPEATS = 40;

type Speed = Readonly<{
  bytes: number;
  sealNanoseconds: number;
  openNanoseconds: number;
  /** One core that does nothing but seal, and nothing but open. */
  sealMbits: number;
  openMbits: number;
}>;

type Measured = Readonly<{
  engine: EngineName;
  problem: string | null; // why it does not serve here
  speeds: readonly Speed[];
}>;

type Report = Readonly<{
  engines: readonly Measured[];
  auto: Readonly<{ engine: string; reason: string }>; // what `cipher: auto` takes here
}>;

export const bench: Handler<unknown, Report> = {
  run() {
    const module = new WebAssembly.Module(readFileSync(asset('dataplane.wasm')));
    const memory = new Memory(module, { route: () => -1, reserve: () => -1 });
    const buffer = memory.bytes.buffer as ArrayBuffer;
    const table = { memory: buffer, address: DESCRIPTORS, base: memory.base };
    const place = { table, room: OUT };
    const probes = realProbes(table, memory.wasm);
    const noble = new NobleEngine(table);
    const engines = [
      measureOne('noble', () => noble, place),
      measureOne('simd', probes.simd, place),
      measureFirst('openssl', probes.openssl, place),
    ];
    const { engine, reason } = choose('auto', probes, place, monotonic);
    engine.close();
    return { engines, auto: { engine: engine.name, reason } };
  },
  show({ engines, auto }) {
    const head = ['engine', ...SIZES.flatMap((bytes) => [`seal ${bytes} B`, `open ${bytes} B`])];
    const rows = engines.map(({ engine, problem, speeds }) =>
      problem === null
        ? [engine, ...speeds.flatMap((one) => [rate(one.sealMbits), rate(one.openMbits)])]
        : [engine, problem],
    );
    return [
      formatTable([head, ...rows]),
      '',
      'Mbit/s of one core that does nothing else; a tunnel also has to move the packets.',
      `cipher auto takes ${auto.engine} here: ${auto.reason}`,
    ].join('\n');
  },
};

/** Of several ways to one engine the first that works, as the data plane does it. */
function measureFirst(name: EngineName, probes: readonly Probe[], place: Bench): Measured {
  let last: Measured = { engine: name, problem: 'there is none here', speeds: [] };
  for (const probe of probes) {
    last = measureOne(name, probe, place);
    if (last.problem === null) break;
  }
  return last;
}

function measureOne(name: EngineName, probe: Probe, place: Bench): Measured {
  const engine = probe();
  if (typeof engine === 'string') return { engine: name, problem: engine, speeds: [] };
  try {
    const problem = name === 'noble' ? undefined : selfTest(engine, makeExam(), place);
    if (problem !== undefined)
      return { engine: name, problem: `disagrees with noble: ${problem}`, speeds: [] };
    const options = { bench: place, now: monotonic, rounds: ROUNDS, repeats: REPEATS };
    const speeds = measure([engine], SIZES, options).map((one) => ({
      bytes: one.bytes,
      sealNanoseconds: Math.round(one.sealNanoseconds),
      openNanoseconds: Math.round(one.openNanoseconds),
      sealMbits: mbits(one.bytes, one.sealNanoseconds),
      openMbits: mbits(one.bytes, one.openNanoseconds),
    }));
    return { engine: name, problem: null, speeds };
  } finally {
    engine.close();
  }
}

function mbits(bytes: number, nanoseconds: number): number {
  return Math.round((bytes * 8e3) / nanoseconds);
}

function rate(megabits: number): string {
  return String(megabits).padStart(6);
}
