// Whose is it? Names of namespaces and interfaces carry the process that made them, so that a later
// run finds and removes what a crashed one (kill -9) left behind, and never what is still in use.

import { readFileSync } from 'node:fs';

const FIELD_STATE = 0; // of /proc/PID/stat, counted behind the closing bracket of the name
const FIELD_START = 19;

/** When a process began, in clock ticks since boot; undefined where it is gone or a zombie. */
export function startTime(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[FIELD_STATE] === 'Z' ? undefined : Number(fields[FIELD_START]);
}

/** A process id may be used again: only id and start time together name one process. */
export function isAlive(pid: number, start: number): boolean {
  return startTime(pid) === start;
}

/** Ends one process (or, with `group`, its group) at once, if it is still the one we knew. */
export function kill(pid: number, start: number, signal: NodeJS.Signals, group = false): void {
  if (!isAlive(pid, start)) return;
  try {
    process.kill(group ? -pid : pid, signal);
  } catch {
    // it went by itself in this very moment
  }
}

const NAME = /^kithlab\.(\d+)\.(\d+)\./;
const INTERFACE = /^kt([0-9a-z]{5})[0-9a-z]{1,8}$/;

/** `kithlab.PID.START.REST`: a namespace, or a temporary folder. */
export function ownedName(rest: string): string {
  return `kithlab.${process.pid}.${startTime(process.pid)}.${rest}`;
}

/** At most 15 characters, as the kernel wants: `kt`, process id, random, label. */
export function interfaceName(label: string, random: string): string {
  const name = `kt${process.pid.toString(36).padStart(5, '0')}${random.slice(0, 4)}${label}`;
  if (name.length > 15) throw new RangeError(`"label" is longer than 4 characters: ${label}`);
  return name;
}

/** Whether this was made by a test that no longer runs. */
export function isLeftover(name: string): boolean {
  const parts = NAME.exec(name);
  return parts !== null && !isAlive(Number(parts[1]), Number(parts[2]));
}

/**
 * What stands between a mistake in the judgement above and everybody else's files: whoever deletes
 * by name asks this first, whatever it was told about the name.
 */
export function mustBeOurs(name: string): string {
  if (!NAME.test(name) && !INTERFACE.test(name.replace(/\.sock$/, ''))) {
    throw new RangeError(`"name" is not of the lab's making: ${name}`);
  }
  return name;
}

/** The same of an interface name; it has no start time, so a reused id keeps it for a while. */
export function isLeftoverInterface(name: string): boolean {
  const parts = INTERFACE.exec(name);
  return parts !== null && startTime(Number.parseInt(parts[1] ?? '', 36)) === undefined;
}
