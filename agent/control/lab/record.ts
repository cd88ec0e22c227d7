// What a lab leaves in its folder, so that the commands in other terminals find it: who runs it,
// and how its internet is now. It lies in /run, which a reboot empties, as it does namespaces.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../commands/failure.js';
import { writeAtomically } from '../atomic.js';
import type { InternetState } from './internet.js';

const FOLDER = '/run/kith-lab';

/** A node of the lab, or its guest. */
export type Inhabitant = Readonly<{
  name: string; // its namespace and, for nodes, its name in the mesh
  guest: boolean;
}>;

export type Record = {
  pid: number; // of `kith lab up`
  start: number; // of that process, in ticks since boot
  internet: InternetState;
  inhabitants: readonly Inhabitant[];
};

export class RecordFile {
  readonly folder: string;

  constructor(readonly name: string) {
    this.folder = join(FOLDER, name);
  }

  private get path(): string {
    return join(this.folder, 'lab.json');
  }

  /** The state folder of a node. */
  stateOf(node: string): string {
    return join(this.folder, node);
  }

  /** Something that goes with the lab, such as a log. */
  fileOf(name: string): string {
    return join(this.folder, name);
  }

  /** Undefined where there is no lab of that name, or none that got as far as this. */
  read(): Record | undefined {
    try {
      return JSON.parse(readFileSync(this.path, 'utf8')) as Record; // our own, root's
    } catch {
      return undefined;
    }
  }

  /** The same; throws Failure where there is none, or nobody runs it. */
  mustRead(): Record {
    const record = this.read();
    if (record !== undefined && isAlive(record)) return record;
    throw new Failure('no lab is running: start one with `kith lab up`');
  }

  write(record: Record): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeAtomically(this.path, Buffer.from(JSON.stringify(record)));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether the process is still the one that wrote this; process ids are used again. */
export function isAlive({ pid, start }: Pick<Record, 'pid' | 'start'>): boolean {
  return startOf(pid) === start;
}

const START_FIELD = 19; // of /proc/PID/stat, counted behind the closing bracket of the name

/** When a process began, in clock ticks since boot; -1: it is not there. */
export function startOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? -1 : Number(fields[START_FIELD]);
  } catch {
    return -1;
  }
}
