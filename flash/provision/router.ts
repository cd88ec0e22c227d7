// One router, from factory-fresh to in the mesh: what is asked of it over its serial line, in what
// order, and how long it may take.

import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '../../agent/commands/failure.js';
import { SETUP_VERSION, type Setup } from '../../board/setupfile.js';
import { oneLine, type RouterLine } from './line.js';

export type RouterOptions = Readonly<{
  settings: Partial<Setup>;
  /** An invite of its own, once it is known to be fresh. Throws Failure. */
  invite(): Promise<string>;
  loginPin: string | undefined;
  patienceMs: number; // for joining, and for the first path: uplinks take their time
  tell(what: string): void;
  stop: AbortSignal;
}>;

export type Provisioned = Readonly<{
  name: string;
  addresses: readonly string[];
  members: number;
  path: string; // such as `direct to home`
}>;

type Status = Readonly<{ name: string; key: string; mesh: boolean; members: number; path: string }>;

const ASK_MS = 10_000;
const LOOK_ASK_MS = 4_000;
const JOIN_MS = 90_000;
const AGAIN_MS = 5_000;
const LOOK_MS = 1_000;

/** Thrown where the router belongs to a mesh already: nothing was changed. */
export class Taken extends Failure {}

/** Identity of the router that hangs on the line now, and whether it is in a mesh. */
export async function look(line: RouterLine, loginPin: string | undefined, login: boolean) {
  if (login) {
    if (loginPin === undefined)
      throw new Failure('it asks for the PIN of its console: give it by --login-pin FILE');
    await line.ask('login', { pin: loginPin }, ASK_MS);
  }
  return statusOf(await line.ask('status', {}, LOOK_ASK_MS));
}

/** Throws Failure; Taken where it is not fresh. */
export async function provisionRouter(
  line: RouterLine,
  before: Status,
  options: RouterOptions,
): Promise<Provisioned> {
  const { settings, tell } = options;
  if (before.mesh) throw new Taken(`it is ${before.name}, in a mesh already: left as it is`);
  const invite = await options.invite();
  const setup: Setup = { ...settings, version: SETUP_VERSION, invite };
  tell('joining');
  const joined = await join(line, setup, options);
  await logIn(line, settings.pin);
  tell('looking for a path');
  const now = await firstPath(line, options);
  await line.ask('leave', {}, ASK_MS);
  return { ...joined, members: now.members, path: now.path };
}

/** Again and again: right after its start a router has no uplink yet. */
async function join(line: RouterLine, setup: Setup, { patienceMs, tell, stop }: RouterOptions) {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      const result = await line.ask('provision', { setup: JSON.stringify(setup) }, JOIN_MS);
      const { joined } = record(result);
      if (typeof joined !== 'object' || joined === null)
        throw new Failure('it did not join: it was in a mesh already');
      const { name, addresses } = record(joined);
      return { name: oneLine(String(name)), addresses: texts(addresses) };
    } catch (error) {
      if (!(error instanceof Failure) || stop.aborted) throw error;
      if (performance.now() + AGAIN_MS > end || error.problems.length > 0) throw error;
      tell(`${oneLine(error.message)}; trying again`);
      await pause(AGAIN_MS, undefined, { signal: stop }).catch(() => {});
      await logIn(line, setup.pin); // the settings were taken; only joining failed
    }
  }
}

async function logIn(line: RouterLine, pin: string | undefined): Promise<void> {
  if (pin !== undefined) await line.ask('login', { pin }, ASK_MS);
}

async function firstPath(line: RouterLine, { patienceMs, stop }: RouterOptions): Promise<Status> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const status = statusOf(await line.ask('status', {}, ASK_MS));
    if (status.mesh && status.path !== '') return status;
    if (performance.now() > end)
      throw new Failure('it joined, but reaches nobody: is its uplink right, and is anybody up?');
    await pause(LOOK_MS, undefined, { signal: stop }).catch(() => {});
  }
}

function statusOf(value: unknown): Status {
  const { name, publicKey, mesh, peers } = record(value);
  const paths = (Array.isArray(peers) ? peers : []).flatMap((peer) => {
    const { name: to, path } = record(peer);
    const { class: kind } = record(path);
    return kind === 'direct' || kind === 'relay' ? [`${kind} to ${oneLine(String(to))}`] : [];
  });
  paths.sort(); // direct comes first
  const { members } = mesh === null || mesh === undefined ? { members: 0 } : record(mesh);
  return {
    name: oneLine(String(name)),
    key: String(publicKey),
    mesh: mesh !== null && mesh !== undefined,
    members: Number(members),
    path: paths[0] ?? '',
  };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Failure('it answers in a way that this kith does not understand: are both of one age?');
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map((one) => oneLine(String(one))) : [];
}
