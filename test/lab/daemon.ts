// One process in a namespace: started, watched, its log kept, and ended by process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { kill, startTime } from './owner.js';

const LOG_CHARACTERS_MAX = 4_000_000; // the first half and the last half of more than that
const STOP_MS = 3_000; // between SIGTERM and SIGKILL

/** How a process ended: its exit code, or 128 plus the number of the signal that ended it. */
export type Ran = Readonly<{ stdout: string; stderr: string; code: number }>;

export type RunOptions = Readonly<{
  input?: string; // standard input; none by default
  env?: Readonly<Record<string, string>>; // beside those of this process
  timeoutMs?: number; // killed (code 137) after that; default one minute
  cwd?: string;
}>;

export class Daemon {
  readonly pid: number;
  readonly start: number;
  /** Resolves with the exit code; never rejects. */
  readonly exited: Promise<number>;
  /** The exit code, undefined while it runs. */
  code: number | undefined;
  stdout = '';
  stderr = '';

  constructor(
    readonly command: readonly string[],
    private readonly child: ChildProcess,
  ) {
    if (child.pid === undefined) throw new Error(`cannot start ${command.join(' ')}`);
    this.pid = child.pid;
    this.start = startTime(child.pid) ?? -1;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = keep(this.stdout + text);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = keep(this.stderr + text);
    });
    child.stdin?.on('error', () => {}); // it ended without reading all of it
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.code = code ?? 128 + (SIGNALS[signal ?? 'SIGKILL'] ?? 9);
        resolve(this.code);
      });
    });
  }

  get running(): boolean {
    return this.code === undefined;
  }

  /** What it wrote so far, for the message of a failed test. */
  get log(): string {
    return `$ ${this.command.join(' ')}\n${this.stdout}${this.stderr}`;
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) kill(this.pid, this.start, signal);
  }

  /** SIGTERM, and SIGKILL to its whole group when that is not enough. */
  async stop(): Promise<number> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_MS);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }

  /** SIGKILL, also to what it started. */
  kill(): void {
    if (this.running) kill(this.pid, this.start, 'SIGKILL', true);
  }

  async result(timeoutMs = 60_000): Promise<Ran> {
    const timer = setTimeout(() => this.kill(), timeoutMs);
    const code = await this.exited;
    clearTimeout(timer);
    return { stdout: this.stdout, stderr: this.stderr, code };
  }
}

const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** Starts a command in a process group of its own. */
export function start(command: readonly string[], options: RunOptions = {}): Daemon {
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.on('error', () => {}); // told by the missing process id
  const daemon = new Daemon(command, child);
  if (options.input !== undefined) child.stdin.end(options.input);
  return daemon;
}

function keep(text: string): string {
  if (text.length <= LOG_CHARACTERS_MAX) return text;
  const half = LOG_CHARACTERS_MAX / 2;
  return `${text.slice(0, half)}\n[…]\n${text.slice(-half + 16)}`;
}
