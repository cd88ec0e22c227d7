// What a benchmark run leaves as JSON, and what is concluded from it.

import type { MachineFacts } from './machine.js';
import type { Flow, Latency } from './measure.js';
import type { FlowName, Round, Settings } from './round.js';
import { median } from './statistics.js';

export type RivalResult = {
  readonly name: string;
  readonly version: string;
  readonly cipher: string;
  readonly mtu: number;
  readonly rounds: Round[];
  problem?: string; // why it could not be measured (any more)
};

export type Results = Readonly<{
  date: string;
  command: string;
  machine: MachineFacts;
  settings: Settings;
  rivals: RivalResult[];
}>;

export type Summary = Readonly<{
  tcpAb: number | undefined; // bit/s, median over the rounds, as are all
  tcpBa: number | undefined;
  tcp4Ab: number | undefined;
  tcp4Ba: number | undefined;
  udp64: number | undefined; // packets/s
  firstMs: Readonly<{ median: number; p99: number }> | undefined;
  settledMs: Readonly<{ median: number; p99: number }> | undefined;
  cpuPerGb: number | undefined; // seconds, both ends, TCP with one stream
  cpuPerPacket: number | undefined; // microseconds, both ends, 64-byte UDP
  peakMib: number | undefined; // the larger of both ends
  anonymousMib: number | undefined;
  startMs: number | undefined;
  disturbed: number; // flows in which others used more of the machine than allowed
  flows: number;
}>;

export function summarize({ rounds }: RivalResult, noiseMax: number): Summary {
  const all = (name: FlowName): Flow[] => rounds.flatMap(({ flows }) => flows[name] ?? []);
  // disturbed runs count only where there is no other
  const clean = (name: FlowName): Flow[] => {
    const quiet = all(name).filter(({ others }) => others <= noiseMax);
    return quiet.length > 0 ? quiet : all(name);
  };
  const speed = (name: FlowName) => median(clean(name).map(({ bitsPerSecond }) => bitsPerSecond));
  const one = [...clean('tcpAb'), ...clean('tcpBa')].filter((each) => each.cpuSeconds > 0);
  const small = clean('udp64').filter((each) => each.cpuSeconds > 0);
  const every = (['tcpAb', 'tcpBa', 'tcp4Ab', 'tcp4Ba', 'udp64'] as const).flatMap(all);
  const memories = rounds.flatMap(({ memory }) => memory ?? []);
  return {
    tcpAb: speed('tcpAb'),
    tcpBa: speed('tcpBa'),
    tcp4Ab: speed('tcp4Ab'),
    tcp4Ba: speed('tcp4Ba'),
    udp64: median(clean('udp64').map(({ packetsPerSecond }) => packetsPerSecond)),
    firstMs: latencies(rounds.map(({ start }) => start.first)),
    settledMs: latencies(rounds.map(({ settled }) => settled)),
    cpuPerGb: median(one.map(({ cpuSeconds, bytes }) => (cpuSeconds * 1e9) / bytes)),
    cpuPerPacket: median(small.map(({ cpuSeconds, bytes }) => (cpuSeconds * 1e6 * 64) / bytes)),
    peakMib: median(memories.map(({ a, b }) => Math.max(a.peakMib, b.peakMib))),
    anonymousMib: median(memories.map(({ a, b }) => Math.max(a.anonymousMib, b.anonymousMib))),
    startMs: median(rounds.map(({ start }) => start.startMs)),
    disturbed: every.filter(({ others }) => others > noiseMax).length,
    flows: every.length,
  };
}

function latencies(of: readonly Latency[]): { median: number; p99: number } | undefined {
  const middle = median(of.map((each) => each.median));
  const p99 = median(of.map((each) => each.p99));
  return middle === undefined || p99 === undefined ? undefined : { median: middle, p99 };
}

/** How kith does against each rival: above 1 is better for speeds, below 1 for costs. */
export type Ratios = Readonly<{
  name: string;
  tcp: number | undefined; // the worse of both directions
  tcp4: number | undefined;
  udp64: number | undefined;
  latency: number | undefined;
  cpu: number | undefined;
  memory: number | undefined;
}>;

export function ratios(name: string, kith: Summary, rival: Summary): Ratios {
  const by = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined || b === 0 ? undefined : a / b;
  const worse = (...of: (number | undefined)[]) => {
    const known = of.filter((each) => each !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  };
  return {
    name,
    tcp: worse(by(kith.tcpAb, rival.tcpAb), by(kith.tcpBa, rival.tcpBa)),
    tcp4: worse(by(kith.tcp4Ab, rival.tcp4Ab), by(kith.tcp4Ba, rival.tcp4Ba)),
    udp64: by(kith.udp64, rival.udp64),
    latency: by(kith.settledMs?.median, rival.settledMs?.median),
    cpu: by(kith.cpuPerGb, rival.cpuPerGb),
    memory: by(kith.peakMib, rival.peakMib),
  };
}
