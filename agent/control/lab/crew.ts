// The nodes of a lab and its guest: real agents on state folders of their own, each in its
// namespace, brought together by the commands that a person would type.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Status } from '../../commands/context.js';
import { Failure } from '../../commands/failure.js';
import { DEFAULT_PORT } from '../../config/schema.js';
import { Client } from '../client.js';
import type { RecordFile } from './record.js';
import { run, type Spaces, succeed } from './spaces.js';

const READY_MS = 15_000; // for an agent to answer, on a slow and busy machine
const POLL_MS = 50;
const ANSWER_MS = 2_000;
const GUEST_DEVICE = 'wg0';
/** Runs a program, and when it listens gives it the configuration in the first argument. */
const SET_UP = `f=$1; shift; "$@" & until grep -q '00010000 .*/${GUEST_DEVICE}.sock' /proc/net/unix
do sleep 0.1; done; wg setconf ${GUEST_DEVICE} "$f" && : > "$f.set"; wait`;
const LOG_LINES = 5; // of what a node wrote, where it failed

export class Crew {
  private readonly children: ChildProcess[] = [];

  constructor(
    private readonly spaces: Spaces,
    private readonly file: RecordFile,
    /** The command that runs this very program. */
    private readonly kith: readonly string[],
  ) {}

  /** The first node, which runs, makes the mesh. */
  async found(node: string): Promise<void> {
    await this.ask(node, 'init', { name: node });
  }

  /** The word by which `node` gets in. */
  async invite(node: string, inviter: string): Promise<string> {
    const { word } = (await this.ask(inviter, 'invite', { name: node })) as { word: string };
    return word;
  }

  /** Lets `node`, which runs, in. */
  async join(node: string, word: string): Promise<void> {
    await this.ask(node, 'join', { word });
  }

  /** A command to the agent of a node, as `kith` gives it. Throws Failure. */
  private async ask(node: string, command: string, given: unknown): Promise<unknown> {
    const client = await Client.open(`${this.file.stateOf(node)}/kith.sock`);
    if (client === undefined) throw new Failure(`${node} ended: ${this.lastWords(node)}`);
    try {
      return (await client.ask(command, given, READY_MS)).result;
    } catch (error) {
      if (error instanceof Failure) throw new Failure(`${node}: ${error.message}`, error.problems);
      throw error;
    } finally {
      client.close();
    }
  }

  /** Starts the agent of a node and waits until it answers. */
  async start(node: string): Promise<void> {
    const child = this.launch(node, [...this.kith, 'up', '--state', this.file.stateOf(node)]);
    const answers = () => askAgent(this.file.stateOf(node), 'status');
    await this.until(node, child, async () => (await answers()) !== undefined);
  }

  /** Throws Failure with its last words where the child ends first, or it takes too long. */
  private async until(
    label: string,
    child: ChildProcess,
    ready: () => Promise<boolean>,
  ): Promise<void> {
    const end = performance.now() + READY_MS;
    while (!(await ready())) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Failure(`${label} ended: ${this.lastWords(label)}`);
      if (performance.now() > end)
        throw new Failure(`${label} is not up: ${this.lastWords(label)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Starts something that goes on until the lab ends; it writes to a log in the lab's folder. */
  launch(label: string, command: readonly string[]): ChildProcess {
    const log = openSync(this.file.fileOf(`${label}.log`), 'a', 0o600);
    // WireGuard's control sockets are found by their path in every namespace: each gets its own.
    const own = 'd=/var/run/wireguard; mkdir -p $d && mount -t tmpfs none $d; exec "$@"';
    const [program = '', ...rest] = [...this.spaces.prefix(label), 'sh', '-c', own, 'sh'];
    const stdio = ['ignore', log, log] as const;
    const child = spawn(program, [...rest, ...command], { detached: true, stdio: [...stdio] });
    child.on('error', () => {}); // seen as not being there
    closeSync(log);
    this.children.push(child);
    return child;
  }

  /**
   * A stock WireGuard peer that `host` carries: the kernel's, or wireguard-go, or `kith wg`, driven
   * by `wg`. Resolves to its address inside. Throws Failure where it cannot be.
   */
  async guest(name: string, host: string, endpoint: string): Promise<string> {
    if ((await run(['wg', '--version'])).code !== 0)
      throw new Failure('the guest needs the program wg (wireguard-tools)');
    const place = `${endpoint}:${DEFAULT_PORT}`;
    const added = await this.ask(host, 'guest add', { name, endpoint: place });
    const { configuration: text } = added as { configuration: string };
    const quick = /^(Address|DNS|MTU)\s*=/; // wg-quick's own
    const lines = text.split('\n');
    const plain = lines.filter((line) => !quick.test(line)).join('\n');
    const file = this.file.fileOf(`${name}.conf`);
    writeFileSync(file, `${plain}\n`, { mode: 0o600 });
    await this.stockInterface(name, file);
    for (const address of valuesOf(lines, 'Address'))
      await this.spaces.must(name, 'ip', 'address', 'add', address, 'dev', GUEST_DEVICE);
    await this.spaces.must(name, 'ip', 'link', 'set', 'dev', GUEST_DEVICE, 'up');
    for (const route of valuesOf(lines, 'AllowedIPs'))
      await this.spaces.must(name, 'ip', 'route', 'replace', route, 'dev', GUEST_DEVICE);
    return valuesOf(lines, 'Address')[0]?.split('/')[0] ?? '';
  }

  private async stockInterface(name: string, file: string): Promise<void> {
    const prefix = this.spaces.prefix(name);
    const add = ['ip', 'link', 'add', GUEST_DEVICE, 'type', 'wireguard'];
    if ((await run([...prefix, ...add])).code === 0) {
      await succeed([...prefix, 'wg', 'setconf', GUEST_DEVICE, file]);
      return;
    }
    const there = (await run(['wireguard-go', '--version'])).code === 0;
    const program = there ? ['wireguard-go'] : [...this.kith, 'wg'];
    // `wg` finds its socket only where that is: in the folder that `launch` mounts.
    const child = this.launch(name, [
      'sh',
      '-c',
      SET_UP,
      'sh',
      file,
      ...program,
      '-f',
      GUEST_DEVICE,
    ]);
    await this.until(name, child, async () => existsSync(`${file}.set`));
  }

  private lastWords(label: string): string {
    const log = this.file.fileOf(`${label}.log`);
    const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    return lines.slice(-LOG_LINES).join(' / ') || 'it wrote nothing';
  }
}

/** `A = x, y` of all lines that set A. */
function valuesOf(lines: readonly string[], key: string): string[] {
  const values = lines.map((line) => new RegExp(`^${key}\\s*=\\s*(.*)$`).exec(line)?.[1]);
  return values.flatMap((value) => value?.split(/\s*,\s*/) ?? []);
}

/** What the agent on a state folder answers; undefined where none runs or it fails. */
async function askAgent(statePath: string, command: string): Promise<unknown> {
  const client = await Client.open(`${statePath}/kith.sock`).catch(() => undefined);
  try {
    return (await client?.ask(command, {}, ANSWER_MS))?.result;
  } catch {
    return undefined;
  } finally {
    client?.close();
  }
}

export async function statusOf(statePath: string): Promise<Status | undefined> {
  return (await askAgent(statePath, 'status')) as Status | undefined; // our own agent
}
