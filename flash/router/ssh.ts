// Another machine by the system's own `ssh`: its keys, its known hosts, its questions. One
// connection is kept for all that is done, so a password is asked for once. Only `ssh` with
// standard input is used: OpenWrt's dropbear has no sftp.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure, UsageFailure } from '../../agent/commands/failure.js';

export type Ran = Readonly<{ code: number; out: string; error: string }>;

export type RemoteOptions = Readonly<{
  host: string; // root@192.168.1.1
  port: number | undefined;
  identity: string | undefined;
  /** Nobody is there to answer questions. */
  alone: boolean;
  stop: AbortSignal;
}>;

const OUTPUT_MAX = 256 * 1024; // of one command; a router that says more is not listened to
const SSH_FAILED = 255;

export class Remote {
  readonly host: string;
  private readonly folder = mkdtempSync(join(tmpdir(), 'kith-ssh-'));
  private readonly flags: readonly string[];

  /** Throws UsageFailure. */
  constructor(private readonly options: RemoteOptions) {
    const { host, port, identity, alone } = options;
    if (!/^([A-Za-z0-9_.-]+@)?[A-Za-z0-9_.:[\]%-]+$/.test(host) || host.startsWith('-'))
      throw new UsageFailure(`"${host.slice(0, 64)}" is no ROOT@HOST, such as root@192.168.1.1`);
    this.host = host;
    this.flags = [
      ...option('ControlMaster', 'auto'),
      // One connection only, so a short name does: a socket's path has 108 bytes, and ssh adds 17.
      ...option('ControlPath', join(this.folder, 'm')),
      ...option('ControlPersist', '60'),
      ...option('ConnectTimeout', '15'),
      ...option('ServerAliveInterval', '10'), // a router that was switched off is noticed
      ...option('ServerAliveCountMax', '3'),
      ...option('LogLevel', 'ERROR'),
      ...(alone ? option('BatchMode', 'yes') : []),
      ...(port === undefined ? [] : ['-p', `${port}`]),
      ...(identity === undefined ? [] : ['-i', identity]),
    ];
  }

  /** Runs a script in the other machine's shell. Throws Failure where it cannot be reached. */
  async run(script: string, input?: Uint8Array | AsyncIterable<Uint8Array>): Promise<Ran> {
    if (this.options.stop.aborted) throw new Failure('stopped');
    const child = spawn('ssh', [...this.flags, '--', this.host, guarded(script)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: this.options.stop,
    });
    const ran = collected(child);
    child.stdin.on('error', () => {}); // the other side ended first: its code tells
    await feed(child, input);
    const { code, out, error } = await ran;
    if (this.options.stop.aborted) throw new Failure('stopped');
    if (code === SSH_FAILED) throw new Failure(`${this.host}: ${reasonOf(error)}`);
    return { code, out, error };
  }

  /** The same; a script that fails is a Failure that ends with what it said last. */
  async must(what: string, script: string, input?: Uint8Array | AsyncIterable<Uint8Array>) {
    const { code, out, error } = await this.run(script, input);
    if (code === 0) return out;
    const said = lastLines(`${out}\n${error}`);
    throw new Failure(
      `${this.host}: ${what} failed (code ${code})${said === '' ? '' : `: ${said}`}`,
    );
  }

  async close(): Promise<void> {
    const child = spawn('ssh', [...this.flags, '-O', 'exit', '--', this.host], { stdio: 'ignore' });
    await new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('close', () => resolve());
    });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** 255 means that ssh itself failed, and is what opkg says for everything: that becomes 254. */
function guarded(script: string): string {
  return `(\n${script}\n)\ncode=$?; [ $code = ${SSH_FAILED} ] && code=254; exit $code`;
}

function option(name: string, value: string): string[] {
  return ['-o', `${name}=${value}`];
}

function collected(child: ChildProcess): Promise<Ran> {
  const said = { out: '', error: '' };
  const keep = (key: 'out' | 'error') => (text: string) => {
    said[key] = (said[key] + text).slice(-OUTPUT_MAX);
  };
  child.stdout?.setEncoding('utf8').on('data', keep('out'));
  child.stderr?.setEncoding('utf8').on('data', keep('error'));
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing =
        error.code === 'ENOENT' ? 'there is no `ssh` here: apt install openssh-client' : '';
      resolve({ code: SSH_FAILED, out: '', error: missing || error.message });
    });
    child.once('close', (code) => resolve({ code: code ?? SSH_FAILED, ...said }));
  });
}

async function feed(
  { stdin }: ChildProcess,
  input: Uint8Array | AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  if (!stdin) return;
  if (input instanceof Uint8Array) stdin.write(input);
  else if (input)
    for await (const piece of input) {
      if (stdin.destroyed) break;
      if (!stdin.write(piece)) await drained(stdin);
    }
  stdin.end();
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.once(event, done);
  });
}

function reasonOf(error: string): string {
  const line = lastLines(error);
  if (/Permission denied/.test(line))
    return 'it does not let us in: is the password right, is your key there?';
  if (/REMOTE HOST IDENTIFICATION|Host key verification failed/.test(error))
    return 'its host key is not the one that `ssh` knows: see what `ssh` itself says to it';
  return line === '' ? 'the connection broke' : line;
}

/** For a terminal: no control characters, and no more than a few lines. */
function lastLines(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/\p{Cc}+/gu, ' ').trim());
  return lines
    .filter((line) => line !== '')
    .slice(-4)
    .join(' / ')
    .slice(0, 600);
}
