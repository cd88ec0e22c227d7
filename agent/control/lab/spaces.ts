// The network namespaces of one lab. They carry its name, so that any later run finds all of them,
// whatever became of the one that made them.

import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Failure, systemCode } from '../../commands/failure.js';
import type { Network } from './internet.js';

const NAMESPACES = '/run/netns';
const TERMINATE_MS = 1_500; // for agents to close their interfaces
const POLL_MS = 50;

/** What a command came to; its whole output. */
export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>;

export class Spaces implements Network {
  constructor(readonly name: string) {}

  /** Throws Failure naming what this machine lacks. */
  static require(): void {
    if (process.getuid?.() !== 0)
      throw new Failure('the lab makes network namespaces, which needs root: try it with sudo');
    for (const [program, packages] of [
      ['ip', 'iproute2 (OpenWrt: ip-full)'],
      ['nft', 'nftables'],
    ] as const) {
      if (systemCode(spawnSync(program, ['-V']).error) === 'ENOENT')
        throw new Failure(`the lab needs the program ${program}: install ${packages}`);
    }
  }

  /** As `ip netns` knows it. */
  full(label: string): string {
    return `kith-${this.name}.${label}`;
  }

  /** What to put before a command to run it there. */
  prefix(label: string): string[] {
    return ['ip', 'netns', 'exec', this.full(label)];
  }

  async namespace(label: string): Promise<void> {
    await succeed(['ip', 'netns', 'add', this.full(label)]);
    await this.must(label, 'ip', 'link', 'set', 'lo', 'up');
  }

  async connect(
    a: string,
    b: string,
    { names }: { names: readonly [string, string] },
  ): Promise<void> {
    const left = ['name', names[0], 'netns', this.full(a)];
    const right = ['name', names[1], 'netns', this.full(b)];
    await succeed(['ip', 'link', 'add', ...left, 'type', 'veth', 'peer', ...right]);
    await this.must(a, 'ip', 'link', 'set', 'dev', names[0], 'up');
    await this.must(b, 'ip', 'link', 'set', 'dev', names[1], 'up');
  }

  async forward(label: string): Promise<void> {
    await this.must(label, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  }

  must(label: string, ...command: string[]): Promise<string> {
    return succeed([...this.prefix(label), ...command]);
  }

  async nft(label: string, rules: string): Promise<void> {
    await succeed([...this.prefix(label), 'nft', '-f', '-'], rules);
  }

  /** The full names of all that are there now. */
  list(): string[] {
    try {
      return readdirSync(NAMESPACES).filter((name) => name.startsWith(this.full('')));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** Ends every process in them and deletes them; returns how many there were. */
  async remove(): Promise<number> {
    const names = this.list();
    const running = () => names.flatMap(processesIn);
    for (const pid of running()) end(pid, 'SIGTERM');
    const patience = performance.now() + TERMINATE_MS;
    while (running().length > 0 && performance.now() < patience) await pause();
    for (const pid of running()) end(pid, 'SIGKILL');
    await Promise.all(names.map((name) => run(['ip', 'netns', 'delete', name])));
    return names.length;
  }
}

function processesIn(name: string): number[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  const pids = (stdout ?? '').split('\n').map(Number);
  return pids.filter((pid) => pid > 0 && pid !== process.pid);
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it went by itself in this very moment
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** Runs a command to its end; never rejects. Standard input is `input` and nothing else. */
export function run(command: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const [program = '', ...rest] = command;
    const child = spawn(program, rest);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {}); // it did not want its input
    child.stdin.end(input);
    child.once('error', ({ message }) => resolve({ code: null, stdout, stderr: message }));
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The same; its standard output, or a Failure with what it wrote. */
export async function succeed(command: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(command, input);
  if (code === 0) return stdout;
  const said = (stderr.trim() || stdout.trim() || `exit code ${code}`).split('\n').slice(-3);
  throw new Failure(`${command.join(' ')}: ${said.join(' / ')}`);
}
