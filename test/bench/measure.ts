// One measurement of one tunnel that is up. Everything is read as the receiver saw it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arena } from './arena.js';
import { busySeconds, CORES, cpuSeconds } from './machine.js';
import { median, quantile } from './statistics.js';

const PORT = 5201;
const PING_GAP = '0.01';
const PINGS_FIRST = 100;
const PATTERN = '5a17c0de91b6e3f4';

/** What one run of iperf3 gave, and what share of the machine others used meanwhile. */
export type Flow = Readonly<{
  bitsPerSecond: number;
  packetsPerSecond: number; // UDP only, else 0
  cpuSeconds: number; // of both tunnel ends together
  bytes: number; // received
  retransmits: number;
  others: number; // 0 to 1
}>;

export type FlowKind = Readonly<{
  streams?: number;
  reverse?: boolean; // b sends
  udpBytes?: number; // UDP datagrams of this payload, as many as the sender can
  seconds: number;
}>;

type IperfResult = Readonly<{
  error?: string;
  end: Readonly<{
    sum_sent: Readonly<{ seconds: number; retransmits?: number }>;
    sum_received: Readonly<{ bits_per_second: number; bytes: number }>;
    cpu_utilization_percent: Readonly<{ host_total: number; remote_total: number }>;
  }>;
}>;

export async function flow(arena: Arena, kind: FlowKind): Promise<Flow> {
  const args = ['-c', arena.target, '-p', `${PORT}`, '-t', `${kind.seconds}`, '-J'];
  if (kind.udpBytes === undefined) args.push('-C', 'cubic', '-P', `${kind.streams ?? 1}`);
  else args.push('-u', '-b', '0', '-l', `${kind.udpBytes}`);
  if (kind.reverse) args.push('-R');

  const pids = arena.pids('a', 'b');
  const before = { cpu: cpuSeconds(pids), busy: busySeconds(), at: performance.now() };
  const { end } = await iperf(arena, args, kind.seconds);
  const cpu = cpuSeconds(pids) - before.cpu;
  const busy = busySeconds() - before.busy;
  const elapsed = (performance.now() - before.at) / 1000;

  const { host_total, remote_total } = end.cpu_utilization_percent;
  const own = ((host_total + remote_total) / 100) * end.sum_sent.seconds;
  const { bytes, bits_per_second } = end.sum_received;
  return {
    // a flooded sender may end its test early or late; what counts is what arrived while it sent
    bitsPerSecond: kind.udpBytes ? (bytes * 8) / end.sum_sent.seconds : bits_per_second,
    packetsPerSecond: kind.udpBytes ? bytes / kind.udpBytes / end.sum_sent.seconds : 0,
    cpuSeconds: cpu,
    bytes,
    retransmits: end.sum_sent.retransmits ?? 0,
    others: Math.max(0, (busy - cpu - own) / (elapsed * CORES)),
  };
}

async function iperf(arena: Arena, args: string[], seconds: number): Promise<IperfResult> {
  let problem = '';
  for (let attempt = 0; attempt < 3; attempt++) {
    const server = arena.lab.spawn('b', 'iperf3', '-s', '-1', '-p', `${PORT}`);
    const listening = ['ss', '-Hltn', `sport = :${PORT}`];
    await arena.lab.waitFor(
      async () => (await arena.lab.run('b', ...listening)).stdout !== '',
      5_000,
      'iperf3 server',
    );
    const timeoutMs = (seconds + 20) * 1_000;
    const ran = await arena.lab.runWith('a', { timeoutMs }, 'iperf3', ...args);
    await server.stop();
    const result = parse(ran.stdout);
    if (ran.code === 0 && result?.error === undefined && result?.end.sum_received?.bytes) {
      return result;
    }
    problem = `exit code ${ran.code}, ${result?.error ?? ran.stderr}`;
  }
  throw new Error(`iperf3 ${args.join(' ')} failed three times: ${problem}`);
}

function parse(text: string): IperfResult | undefined {
  try {
    return JSON.parse(text) as IperfResult;
  } catch {
    return undefined;
  }
}

/** Round-trip times in milliseconds. */
export type Latency = Readonly<{ median: number; p99: number; max: number; lost: number }>;

function latency(times: readonly number[], sent: number): Latency {
  return {
    median: median(times) ?? Number.NaN,
    p99: quantile(times, 0.99) ?? Number.NaN,
    max: Math.max(...times),
    lost: sent - times.length,
  };
}

/** Pings 10 ms apart through a tunnel that has nothing else to do. */
export async function ping(arena: Arena, count: number): Promise<Latency> {
  const args = ['-n', '-i', PING_GAP, '-c', `${count}`, '-W', '1', arena.target];
  const { stdout } = await arena.lab.run('a', 'ping', ...args);
  return latency(
    [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)),
    count,
  );
}

export type Start = Readonly<{ startMs: number; first: Latency }>;

/**
 * From `startedAt` (wall clock, when the first daemon was started) to the first reply; and the next
 * hundred pings. Those that were on their way before that reply waited for the start, too.
 */
export async function firstPings(arena: Arena, startedAt: number): Promise<Start> {
  const replies: Reply[] = [];
  const end = Date.now() + 20_000;
  while (afterFirst(replies).length < PINGS_FIRST) {
    // it ends at once while there is no route yet; the next one then begins
    const pinger = arena.lab.spawn('a', 'ping', '-D', '-n', '-i', PING_GAP, arena.target);
    while (pinger.running && Date.now() < end) {
      if (afterFirst([...replies, ...repliesIn(pinger.stdout)]).length >= PINGS_FIRST) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await pinger.stop();
    replies.push(...repliesIn(pinger.stdout));
    if (Date.now() >= end) break;
  }
  const [first] = replies;
  if (first === undefined) throw new Error('no ping came through within 20 s');
  const times = afterFirst(replies).map(({ time }) => time);
  return { startMs: first.at - startedAt, first: latency(times, PINGS_FIRST) };
}

type Reply = Readonly<{ at: number; time: number }>; // wall clock, round trip; milliseconds

function repliesIn(output: string): Reply[] {
  const lines = [...output.matchAll(/^\[([\d.]+)\].* time=([\d.]+) ms$/gm)];
  return lines.map(([, at, time]) => ({ at: Number(at) * 1_000, time: Number(time) }));
}

/** Those that set out once the first one was back, a hundred at most. */
export function afterFirst(replies: readonly Reply[]): Reply[] {
  const [first] = replies;
  if (first === undefined) return [];
  return replies.filter(({ at, time }) => at - time >= first.at).slice(0, PINGS_FIRST);
}

/** Whether the content of a ping can be read on the veth: not when a VPN carries it. */
export async function isReadable(arena: Arena): Promise<boolean> {
  const file = join(arena.lab.folder, 'wire.pcap');
  const dump = arena.lab.spawn(
    'a',
    'tcpdump',
    '--immediate-mode',
    '-U',
    '-n',
    '-i',
    'va',
    '-w',
    file,
    'ip',
  );
  await arena.lab.waitFor(() => dump.stderr.includes('listening'), 5_000, 'tcpdump');
  const args = ['-n', '-q', '-c', '5', '-i', '0.05', '-s', '400', '-p', PATTERN, arena.target];
  await arena.lab.must('a', 'ping', ...args);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await dump.stop();
  const captured = readFileSync(file);
  if (captured.length < 2_000) throw new Error('tcpdump saw nothing on the wire');
  return captured.includes(Buffer.from(PATTERN, 'hex'));
}
