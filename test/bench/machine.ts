// What the kernel counts: CPU time of processes and of the whole machine, and resident memory.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { startTime } from '../lab/owner.js';

export const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
export const CORES = cpus().length;

const FIELD_USER = 11; // of /proc/PID/stat, behind the closing bracket of the name
const FIELD_SYSTEM = 12;

/** These processes and all that they started. */
export function family(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => [pid, ...family(children(pid))]);
}

function children(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((task) => read(`/proc/${pid}/task/${task}/children`).trim().split(' '))
      .map(Number)
      .filter((child) => child > 0);
  } catch {
    return [];
  }
}

/** Seconds of CPU (user and system, all threads) that these processes have used. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of family(pids)) {
    if (startTime(pid) === undefined) continue;
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[FIELD_USER]) + Number(fields[FIELD_SYSTEM]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Seconds in which some core was busy: everything but idle and waiting for a disk. */
export function busySeconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = read('/proc/stat').split(/\s+/);
  const busy = [user, nice, system, irq, softirq, steal].map(Number);
  return busy.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

export type Memory = Readonly<{ peakMib: number; residentMib: number; anonymousMib: number }>;

/** Summed over these processes and what they started. */
export function memoryOf(pids: readonly number[]): Memory {
  const sum = { VmHWM: 0, VmRSS: 0, RssAnon: 0 };
  for (const pid of family(pids)) {
    const status = read(`/proc/${pid}/status`);
    for (const key of ['VmHWM', 'VmRSS', 'RssAnon'] as const) {
      sum[key] += Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
    }
  }
  return { peakMib: sum.VmHWM, residentMib: sum.VmRSS, anonymousMib: sum.RssAnon };
}

/** What share of the machine (0 to 1) is busy now, over half a second. */
export async function loadNow(): Promise<number> {
  const before = busySeconds();
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 500));
  return ((busySeconds() - before) * 1000) / (performance.now() - began) / CORES;
}

export type MachineFacts = Readonly<{
  processor: string;
  cores: number;
  memoryGib: number;
  kernel: string;
  system: string;
  node: string;
}>;

export function machineFacts(): MachineFacts {
  const total = Number(/MemTotal:\s+(\d+)/.exec(read('/proc/meminfo'))?.[1] ?? 0);
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: CORES,
    memoryGib: Math.round(total / 1024 / 1024),
    kernel: read('/proc/sys/kernel/osrelease').trim(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(read('/etc/os-release'))?.[1] ?? 'unknown',
    node: process.versions.node,
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process has just gone
  }
}
