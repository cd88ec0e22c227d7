// Where the measured meet: two namespaces, "a" and "b", joined by one veth pair of MTU 1500 without
// loss, delay or shaping. Each side runs one node of the tunnel; a sends, b serves.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon, RunOptions } from '../lab/daemon.js';
import { Lab } from '../lab/namespaces.js';

export type Side = 'a' | 'b';
export const SIDES: readonly Side[] = ['a', 'b'];

const DEVICE_WAIT_MS = 15_000;

export class Arena {
  readonly daemons: Record<Side, Daemon[]> = { a: [], b: [] };
  readonly device: Record<Side, string>;
  readonly under: Record<Side, string> = { a: '198.18.0.1', b: '198.18.0.2' };
  readonly over: Record<Side, string> = { a: '198.19.0.1', b: '198.19.0.2' };
  /** What the tests of the tunnel talk to; the baseline sets it to the bare veth. */
  target = this.over.b;

  private constructor(readonly lab: Lab) {
    this.device = { a: lab.interfaceName('a'), b: lab.interfaceName('b') };
  }

  static async create(name: string): Promise<Arena> {
    const lab = await Lab.create(name);
    for (const side of SIDES) await lab.namespace(side);
    const arena = new Arena(lab);
    const { a, b } = arena.under;
    await lab.connect('a', 'b', { names: ['va', 'vb'], addresses: [[`${a}/24`], [`${b}/24`]] });
    return arena;
  }

  other(side: Side): Side {
    return side === 'a' ? 'b' : 'a';
  }

  /** A file of the arena's folder that goes with it, for its owner only. */
  file(name: string, text: string): string {
    const path = join(this.lab.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  spawn(side: Side, options: RunOptions, ...command: string[]): Daemon {
    const daemon = this.lab.spawnWith(side, options, ...command);
    this.daemons[side].push(daemon);
    return daemon;
  }

  pids(...sides: Side[]): number[] {
    return sides.flatMap((side) => this.daemons[side].filter((d) => d.running).map((d) => d.pid));
  }

  /** Until the tunnel's device is there; throws with the daemon's log where it ends before. */
  async deviceUp(side: Side): Promise<void> {
    const show = ['ip', 'link', 'show', 'dev', this.device[side]];
    const there = async () => {
      const dead = this.daemons[side].find((daemon) => !daemon.running);
      if (dead) throw new Error(`ended with exit code ${dead.code}\n${dead.log}`);
      return (await this.lab.run(side, ...show)).code === 0;
    };
    await this.lab.waitFor(there, DEVICE_WAIT_MS, `device ${this.device[side]}`);
  }

  /** The overlay address and MTU of a side's device, for rivals that do not set it themselves. */
  async addressDevice(side: Side, mtu: number): Promise<void> {
    const device = this.device[side];
    const commands = `address add ${this.over[side]}/24 dev ${device}
      link set ${device} mtu ${mtu} up`;
    await this.lab.must(side, 'ip', '-batch', this.file(`${side}.ip`, commands));
  }

  async dispose(): Promise<void> {
    await Promise.all(SIDES.flatMap((side) => this.daemons[side].map((daemon) => daemon.stop())));
    await this.lab.dispose();
  }
}
