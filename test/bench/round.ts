// One round of one rival: a fresh tunnel, everything measured once, and gone again.

import { Arena, SIDES } from './arena.js';
import { CORES, loadNow, type Memory, memoryOf } from './machine.js';
import {
  type Flow,
  type FlowKind,
  firstPings,
  flow,
  isReadable,
  type Latency,
  ping,
  type Start,
} from './measure.js';
import type { Rival } from './rivals/rival.js';

export const FLOWS = {
  tcpAb: { streams: 1 },
  tcpBa: { streams: 1, reverse: true },
  tcp4Ab: { streams: 4 },
  tcp4Ba: { streams: 4, reverse: true },
  udp64: { udpBytes: 64 },
} as const satisfies Record<string, Omit<FlowKind, 'seconds'>>;

export type FlowName = keyof typeof FLOWS;
export const FLOW_NAMES = Object.keys(FLOWS) as FlowName[];

export type Round = Readonly<{
  flows: Partial<Record<FlowName, Flow>>;
  start: Start;
  settled: Latency;
  memory: Readonly<{ a: Memory; b: Memory }> | null; // after all of it; the baseline has none
  readable: boolean | null;
}>;

export type Settings = Readonly<{
  seconds: number; // of one flow
  pings: number; // through the settled tunnel
  settleMs: number;
  noiseMax: number; // share of the machine that others may use; above, a flow is run again
  repeats: number; // ... at most so often
  quietWaitMs: number; // waiting for a quiet moment before a flow, at most
}>;

/** Brings a rival up; returns when the first daemon was started (wall clock). */
export async function bringUp(arena: Arena, rival: Rival): Promise<number> {
  await rival.prepare?.(arena);
  const startedAt = Date.now();
  for (const side of [...SIDES].reverse()) await rival.up(arena, side);
  return startedAt;
}

export async function runRound(rival: Rival, settings: Settings, look: boolean): Promise<Round> {
  const arena = await Arena.create('bench');
  try {
    await quiet(settings);
    const start = await firstPings(arena, await bringUp(arena, rival));
    await new Promise((resolve) => setTimeout(resolve, settings.settleMs));
    const readable = look ? await isReadable(arena) : null;
    if (readable !== null && readable !== (rival.cipher === 'none')) {
      throw new Error(readable ? 'what it carries can be read outside' : 'the check sees nothing');
    }
    await quiet(settings);
    const settled = await ping(arena, settings.pings);
    const flows: Partial<Record<FlowName, Flow>> = {};
    for (const name of FLOW_NAMES) flows[name] = await undisturbed(arena, name, settings);
    const [a, b] = SIDES.map((side) => memoryOf(arena.pids(side)));
    const died = SIDES.flatMap((side) => arena.daemons[side]).find((daemon) => !daemon.running);
    if (died) throw new Error(`ended while it was measured\n${died.log.slice(-2_000)}`);
    const memory = a && b && arena.pids('a', 'b').length > 0 ? { a, b } : null;
    return { flows, start, settled, memory, readable };
  } catch (error) {
    const logs = SIDES.flatMap((side) => arena.daemons[side].map(({ log }) => log.slice(-1_500)));
    throw new Error(`${error instanceof Error ? error.message : error}\n${logs.join('\n')}`);
  } finally {
    await arena.dispose();
  }
}

/** The least disturbed of several runs; the first one that is quiet enough ends it. */
async function undisturbed(arena: Arena, name: FlowName, settings: Settings): Promise<Flow> {
  let best: Flow | undefined;
  for (let attempt = 0; attempt <= settings.repeats; attempt++) {
    await quiet(settings);
    const run = await flow(arena, { ...FLOWS[name], seconds: settings.seconds });
    if (best === undefined || run.others < best.others) best = run;
    if (best.others <= settings.noiseMax) break;
  }
  if (best === undefined) throw new RangeError('"repeats" is negative');
  return best;
}

async function quiet({ noiseMax, quietWaitMs }: Settings): Promise<void> {
  const end = performance.now() + quietWaitMs;
  while ((await loadNow()) > noiseMax + 0.02 / CORES && performance.now() < end);
}
