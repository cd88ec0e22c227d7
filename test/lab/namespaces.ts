// Network namespaces for tests: made, joined by veth pairs, and gone afterwards.
//
//     const lab = await Lab.create('roaming');
//     await lab.namespace('a');
//     await lab.namespace('b');
//     await lab.connect('a', 'b', { addresses: [['10.0.0.1/24', 'fd00::1/64'], ['10.0.0.2/24']] });
//     const ping = await lab.run('a', 'ping', '-c1', '10.0.0.2');   // { stdout, stderr, code }
//     const daemon = lab.spawn('b', 'kith', 'wg', '-f', lab.interfaceName('b'));
//     await lab.waitFor(() => daemon.log.includes('ready'), 5_000, 'kith ready');
//     await lab.dispose();
//
// Everything is removed by `dispose`, at exit, and at SIGINT, SIGTERM, SIGHUP; what a test that was
// killed left behind is removed by the next one.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Daemon, type Ran, type RunOptions, start } from './daemon.js';
import {
  interfaceName,
  isLeftover,
  isLeftoverInterface,
  kill,
  mustBeOurs,
  ownedName,
  startTime,
} from './owner.js';

const NAMESPACES = '/run/netns';
const SOCKETS = '/var/run/wireguard'; // not separated by namespaces: names must be unique there
const POLL_MS = 20;

export type Connection = Readonly<{
  mtu?: number; // 1500
  names?: readonly [string, string]; // interface names; default: the other side's label
  addresses?: readonly [readonly string[], readonly string[]]; // with prefix length
}>;

const labs = new Set<Lab>();

export class Lab {
  /** A folder that goes with the lab: keys, configurations, captures. */
  readonly folder: string;
  private readonly namespaces = new Map<string, string>(); // label -> name
  private readonly daemons: Daemon[] = [];
  private readonly interfaces: string[] = [];

  private constructor(
    readonly name: string,
    private readonly random: string,
  ) {
    this.folder = mkdtempSync(join(tmpdir(), ownedName(`${name}.`)));
  }

  static async create(name: string): Promise<Lab> {
    if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
    if (labs.size === 0) sweep();
    const lab = new Lab(name, randomBytes(4).readUInt32LE().toString(36).padStart(7, '0'));
    labs.add(lab);
    installHandlers();
    return lab;
  }

  /** A new namespace: loopback up, IPv6 addresses usable at once, no forwarding. */
  async namespace(label: string): Promise<void> {
    const name = ownedName(`${this.random}.${label}`);
    this.namespaces.set(label, name);
    await this.must(null, 'ip', 'netns', 'add', name);
    // duplicate address detection would hold an IPv6 address back for a second or two
    const quick = ['all', 'default'].map(
      (of) => `echo 0 > /proc/sys/net/ipv6/conf/${of}/accept_dad`,
    );
    await this.must(label, 'sh', '-c', quick.join('; '));
    await this.must(label, 'ip', 'link', 'set', 'lo', 'up');
  }

  /** The namespace's full name, as `ip netns` knows it. */
  namespaceName(label: string): string {
    const name = this.namespaces.get(label);
    if (name === undefined) throw new RangeError(`no namespace ${label}`);
    return name;
  }

  /** Joins two namespaces by a veth pair that is up. */
  async connect(a: string, b: string, connection: Connection = {}): Promise<void> {
    const { mtu = 1500, names = [b, a], addresses = [[], []] } = connection;
    const left = ['link', 'add', 'name', names[0], 'mtu', `${mtu}`, 'netns', this.namespaceName(a)];
    const right = ['type', 'veth', 'peer', 'name', names[1], 'mtu', `${mtu}`];
    await this.must(null, 'ip', ...left, ...right, 'netns', this.namespaceName(b));
    for (const side of [0, 1] as const) {
      const label = side === 0 ? a : b;
      for (const address of addresses[side]) await this.address(label, names[side], address);
      await this.must(label, 'ip', 'link', 'set', 'dev', names[side], 'up');
    }
  }

  /** Adds an address with prefix length, IPv4 or IPv6. */
  async address(label: string, device: string, address: string): Promise<void> {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await this.must(label, 'ip', 'address', 'add', address, 'dev', device, ...nodad);
  }

  /** Lets a namespace pass packets on between its interfaces. */
  async forward(label: string): Promise<void> {
    const names = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'];
    const on = names.map((name) => `echo 1 > /proc/sys/net/${name}`);
    await this.must(label, 'sh', '-c', on.join('; '));
  }

  /** Loads nftables rules (text of `nft -f`) in a namespace. */
  async nft(label: string, ruleset: string): Promise<void> {
    const file = join(this.folder, `${label}-${randomBytes(4).toString('hex')}.nft`);
    writeFileSync(file, ruleset);
    await this.must(label, 'nft', '-f', file);
  }

  /** A router that rewrites what leaves through `outside` to that interface's own address. */
  async masquerade(label: string, outside: string): Promise<void> {
    await this.forward(label);
    await this.nft(
      label,
      `table inet nat {
        chain source { type nat hook postrouting priority srcnat; oifname "${outside}" masquerade; }
        chain inward {
          type filter hook forward priority filter;
          iifname "${outside}" ct state { established, related } accept
          iifname "${outside}" drop
        }
      }`,
    );
  }

  /** An interface name of at most 15 characters that is unique on this machine. */
  interfaceName(label: string): string {
    const random = randomBytes(4).readUInt32LE().toString(36).padStart(4, '0').slice(-4);
    const name = interfaceName(label, random);
    this.interfaces.push(name);
    return name;
  }

  /** Runs a command to its end; `null` is the machine's own namespace. */
  run(label: string | null, ...command: string[]): Promise<Ran> {
    return this.runWith(label, {}, ...command);
  }

  runWith(label: string | null, options: RunOptions, ...command: string[]): Promise<Ran> {
    const daemon = this.spawnWith(label, { input: '', ...options }, ...command);
    return daemon.result(options.timeoutMs);
  }

  /** The same, and throws with all that it wrote when it fails; returns its standard output. */
  async must(label: string | null, ...command: string[]): Promise<string> {
    const ran = await this.run(label, ...command);
    if (ran.code === 0) return ran.stdout;
    const where = label === null ? '' : ` in ${label}`;
    throw new Error(
      `${command.join(' ')}${where}: exit code ${ran.code}\n${ran.stdout}${ran.stderr}`,
    );
  }

  /** Starts a command that goes on; it ends with the lab at the latest. */
  spawn(label: string | null, ...command: string[]): Daemon {
    return this.spawnWith(label, {}, ...command);
  }

  spawnWith(label: string | null, options: RunOptions, ...command: string[]): Daemon {
    const prefix = label === null ? [] : ['ip', 'netns', 'exec', this.namespaceName(label)];
    const daemon = start([...prefix, ...command], options);
    this.daemons.push(daemon);
    void daemon.exited.then(() => this.daemons.splice(this.daemons.indexOf(daemon), 1));
    return daemon;
  }

  /** Asks again and again; throws naming `what` after `ms`. Returns what the condition gave. */
  async waitFor<T>(
    condition: () => T | Promise<T>,
    ms: number,
    what = 'condition',
  ): Promise<NonNullable<T>> {
    const end = performance.now() + ms;
    for (;;) {
      const value = await condition();
      if (value) return value;
      if (performance.now() > end) throw new Error(`${this.name}: no ${what} within ${ms} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async dispose(): Promise<void> {
    const ended = this.daemons.map((daemon) => daemon.exited);
    this.disposeNow();
    await Promise.all(ended);
  }

  /** The same without waiting, for the exit of the process. */
  disposeNow(): void {
    labs.delete(this);
    for (const daemon of [...this.daemons]) daemon.kill();
    for (const name of this.namespaces.values()) removeNamespace(name);
    for (const name of this.interfaces) rmSync(join(SOCKETS, `${name}.sock`), { force: true });
    rmSync(this.folder, { recursive: true, force: true });
    this.namespaces.clear();
  }
}

/** Ends what runs in a namespace of ours and deletes it. */
function removeNamespace(name: string): void {
  mustBeOurs(name);
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  for (const pid of (stdout ?? '').split('\n').map(Number)) {
    const began = pid > 0 ? startTime(pid) : undefined;
    if (began !== undefined) kill(pid, began, 'SIGKILL');
  }
  spawnSync('ip', ['netns', 'delete', name]);
}

/** Removes what tests that are no longer alive left behind. */
export function sweep(): string[] {
  const leftovers = list(NAMESPACES).filter(isLeftover);
  for (const name of leftovers) removeNamespace(name);
  for (const name of list(tmpdir()).filter(isLeftover)) {
    rmSync(join(tmpdir(), mustBeOurs(name)), { recursive: true, force: true });
  }
  for (const file of list(SOCKETS)) {
    if (isLeftoverInterface(file.replace(/\.sock$/, ''))) rmSync(join(SOCKETS, mustBeOurs(file)));
  }
  return leftovers;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

let installed = false;

function installHandlers(): void {
  if (installed) return;
  installed = true;
  process.on('exit', () => {
    for (const lab of [...labs]) lab.disposeNow();
  });
  for (const [signal, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => process.exit(128 + number));
  }
}
