// What the doctor looks at. Everything is asked of the machine here, once; the checks are functions
// of these facts, so that a test can have any machine it wants.

import { readdirSync, statfsSync } from 'node:fs';
import type { Board, Look } from '../board.js';
import { sourceAddress, thisMachine } from '../machine.js';
import { type RunProgram, runProgram } from '../program.js';

/** A running agent's own view of how it is reached. */
export type Reach = Readonly<{ reachable: boolean; nat: string; alone: boolean }>;

export type Facts = Readonly<{
  board: Pick<Board, 'kind' | 'model' | 'system'>;
  node: string; // version
  arch: string; // as Node names it
  musl: boolean;
  kernel: string;
  mayConfigure: boolean;
  tun: string | undefined; // error code
  memory: Readonly<{ total: number; available: number }>; // bytes
  free: number; // bytes that the state folder may take; -1: unknown
  now: number; // Unix milliseconds
  programs: ReadonlySet<string>; // names of running processes
  interfaces: readonly NetworkInterface[];
  tools: Readonly<{ ip: string; nft: string }>; // what they print for -V; empty: not there
  rulesets: string; // nft -j list ruleset; empty: none, or not to be had
  portError: string | undefined;
  source: string | undefined; // the address that we reach the internet from
  look: Look;
  wanted: Wanted;
  /** Null where no agent runs. */
  reach: Reach | null;
}>;

export type NetworkInterface = Readonly<{ name: string; type: string }>; // type as in uevent

export type Wanted = Readonly<{
  interfaceName: string;
  port: number;
  addresses: readonly string[];
  serialPort: string | null;
  statePath: string;
  agentRuns: boolean;
}>;

export async function gatherFacts(
  board: Board,
  wanted: Wanted,
  reach: Reach | null,
  look: Look,
  run: RunProgram = runProgram,
): Promise<Facts> {
  const version = async (program: string) => {
    const { code, stdout, stderr } = await run([program, '-V']);
    return code === null ? '' : `${stdout}${stderr}`.trim() || program;
  };
  const { code, stdout } = await run(['nft', '-j', 'list', 'ruleset']);
  const portFree = wanted.agentRuns || wanted.port === 0;
  return {
    board,
    node: process.versions.node,
    arch: process.arch,
    musl: isMusl(look),
    kernel: thisMachine.kernel,
    mayConfigure: thisMachine.mayConfigure(),
    tun: thisMachine.openTun(),
    memory: memoryOf(look('/proc/meminfo') ?? ''),
    free: freeBytes(wanted.statePath),
    now: Date.now(),
    programs: runningPrograms(look),
    interfaces: interfacesOf(look),
    tools: { ip: await version('ip'), nft: await version('nft') },
    rulesets: code === 0 ? stdout : '',
    portError: portFree ? undefined : await thisMachine.bind(wanted.port),
    source: await sourceAddress(),
    look,
    wanted,
    reach,
  };
}

/**
 * By the libraries that this process has loaded. (`process.report` knows it, too, but looks up the
 * names of all open connections' ends first, and the agent stands still meanwhile.)
 */
function isMusl(look: Look): boolean {
  return (look('/proc/self/maps') ?? '').includes('/ld-musl-');
}

function memoryOf(text: string): Facts['memory'] {
  const of = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { total: of('MemTotal'), available: of('MemAvailable') };
}

/** Of the nearest folder there is: the state folder may be still to be made. */
function freeBytes(path: string): number {
  for (let folder = path; ; folder = folder.replace(/\/[^/]*$/, '') || '/') {
    try {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    } catch {
      if (folder === '/') return -1;
    }
  }
}

const PROCESSES_MAX = 4096; // a router has about a hundred

function runningPrograms(look: Look): Set<string> {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name));
  const names = pids.slice(0, PROCESSES_MAX).map((pid) => look(`/proc/${pid}/comm`)?.trim() ?? '');
  return new Set(names);
}

function interfacesOf(look: Look): NetworkInterface[] {
  return list('/sys/class/net').map((name) => {
    const uevent = look(`/sys/class/net/${name}/uevent`) ?? '';
    return { name, type: /^DEVTYPE=(.*)$/m.exec(uevent)?.[1] ?? '' };
  });
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
