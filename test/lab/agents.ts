// Agents of kith in the namespaces of a lab, driven by the command line as people do.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerStatus, Status } from '../../agent/commands/context.js';
import type { Daemon, Ran } from './daemon.js';
import type { Lab } from './namespaces.js';
import { KITH } from './node.js';

const UP_MS = 20_000; // two cores, several suites: an agent alone takes half a second

export class Agent {
  readonly state: string;
  daemon: Daemon | undefined;

  constructor(
    readonly lab: Lab,
    readonly label: string,
  ) {
    this.state = join(lab.folder, `state-${label}`);
    mkdirSync(this.state, { recursive: true });
  }

  /** Runs one command; what stands in `input` goes to its standard input. */
  run(args: readonly string[], input?: string): Promise<Ran> {
    const command = [process.execPath, KITH, '--state', this.state, ...args];
    return this.lab.runWith(this.label, input === undefined ? {} : { input }, ...command);
  }

  /** The same, and it must go well. Standard output. */
  async must(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code !== 0) throw new Error(`${this.label}: kith ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  async up(...settings: string[]): Promise<void> {
    const set = settings.flatMap((one) => ['--set', one]);
    const daemon = this.lab.spawn(
      this.label,
      process.execPath,
      KITH,
      'up',
      '--state',
      this.state,
      ...set,
    );
    this.daemon = daemon;
    await this.lab.waitFor(
      () => daemon.stdout.includes(' is up: ') || !daemon.running,
      UP_MS,
      `kith up\n${daemon.log}`,
    );
    if (!daemon.running) throw new Error(daemon.log);
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.must(['status', '--json'])) as Status;
  }

  /** Another member as this one sees it. */
  async peer(name: string): Promise<PeerStatus> {
    const { peers } = await this.status();
    const peer = peers.find((one) => one.name === name);
    if (peer === undefined) throw new Error(`${this.label} knows no peer ${name}`);
    return peer;
  }

  async hasPeer(name: string): Promise<boolean> {
    return (await this.status()).peers.some((one) => one.name === name);
  }

  /** The first word on the first line is the whole invite. */
  async invite(name: string, ...flags: string[]): Promise<string> {
    const [word = ''] = (await this.must(['invite', name, ...flags])).split('\n');
    return word;
  }

  /** Its overlay address, IPv6. */
  async address(): Promise<string> {
    const { addresses } = await this.status();
    return (addresses.find((one) => one.endsWith('/128')) ?? '').replace('/128', '');
  }

  /** Milliseconds until the first answer; -1 where none came in `seconds`. */
  async ping(address: string, seconds = 5): Promise<number> {
    const start = performance.now();
    const flags = ['-c1', '-i0.2', `-w${seconds}`, address];
    const { code } = await this.lab.run(this.label, 'ping', ...flags);
    return code === 0 ? performance.now() - start : -1;
  }
}
