// roster.cbor in the state folder: which mesh this node belongs to, all statements it holds, and
// the endpoints that its invite named, and the rendezvous key as whoever let it in sealed it.
//
//     { 0: 1, 1: mesh key, 2: [statement, …], 3: [[node key, address, port], …], 4: [share, …] }
//
// Written when something changed, at most once a second, and on a clean stop.

import { type Endpoint, parseAddress } from '../bytes/address.js';
import { type Cbor, decode, encode } from '../bytes/cbor.js';
import { Failure } from '../commands/failure.js';
import type { NodeId } from '../identity/member.js';
import { idBytes, idOf } from '../identity/nodeid.js';
import type { Folder } from './folder.js';

/** Above what a full roster comes to: its statements, their heads, revocations beyond. */
export const ROSTER_BYTES_MAX = 64 * 1024 * 1024;
const FORMAT = 1;
const BELIEVED_MAX = 8;
const SHARES_MAX = 4;
const KEY_BYTES = 32;
const WRITE_MS = 1_000;
const RETRY_MS = 60_000; // a full disk, for one: somebody may make room

export type Believed = Readonly<{ node: NodeId; endpoint: Endpoint }>;

export type Written = Readonly<{
  meshKey: Uint8Array;
  statements: readonly Uint8Array[];
  believed: readonly Believed[];
  shares: readonly Uint8Array[];
}>;

/** Undefined: no mesh yet. Throws Failure where the file is damaged. */
export function readRoster(folder: Folder): Written | undefined {
  const bytes = folder.readBytes('roster.cbor', ROSTER_BYTES_MAX + 1);
  if (bytes === undefined) return undefined;
  const written = parse(bytes);
  if (written) return written;
  throw new Failure(
    `${folder.file('roster.cbor')} is damaged: put a backup in its place, or move it away and ` +
      'join again with a new invite',
  );
}

export function writeRoster(
  folder: Folder,
  { meshKey, statements, believed, shares }: Written,
): void {
  const endpoints = believed.map(({ node, endpoint }) => [
    idBytes(node),
    endpoint.address,
    endpoint.port,
  ]);
  const map = new Map<number, Cbor>([
    [0, FORMAT],
    [1, meshKey],
    [2, [...statements]],
    [3, endpoints],
    [4, [...shares]],
  ]);
  folder.writeBytes('roster.cbor', encode(map));
}

function parse(bytes: Uint8Array): Written | undefined {
  const map = bytes.length > ROSTER_BYTES_MAX ? undefined : decode(bytes);
  if (!(map instanceof Map) || map.get(0) !== FORMAT) return undefined;
  const [meshKey, statements, endpoints] = [map.get(1), map.get(2), map.get(3)];
  const shares = map.get(4) ?? [];
  if (!(meshKey instanceof Uint8Array) || meshKey.length !== KEY_BYTES) return undefined;
  if (!Array.isArray(statements) || !Array.isArray(endpoints)) return undefined;
  if (!statements.every((one) => one instanceof Uint8Array)) return undefined;
  if (!Array.isArray(shares) || !shares.every((one) => one instanceof Uint8Array)) return undefined;
  const believed = endpoints.slice(0, BELIEVED_MAX).map(parseBelieved);
  if (believed.includes(undefined)) return undefined;
  const known = believed.filter((one) => one !== undefined);
  return { meshKey, statements, believed: known, shares: shares.slice(0, SHARES_MAX) };
}

function parseBelieved(value: unknown): Believed | undefined {
  if (!Array.isArray(value)) return undefined;
  const [key, text, port] = value;
  const address = typeof text === 'string' ? parseAddress(text) : undefined;
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) return undefined;
  if (address === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    return undefined;
  return { node: idOf(key), endpoint: { address, port } };
}

/** Writes what is there at the moment of writing, however often it is asked. */
export class LazyFile {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly write: () => void,
    private readonly onFailure: (reason: string) => void,
    private readonly delayMs = WRITE_MS,
  ) {}

  touch(): void {
    this.timer ??= setTimeout(() => this.flush(), this.delayMs).unref(); // a clean stop flushes
  }

  /** At once, if anything is to be written. What fails is tried again later. */
  flush(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      this.write();
    } catch (error) {
      this.onFailure(error instanceof Error ? error.message : String(error));
      this.timer = setTimeout(() => this.flush(), RETRY_MS).unref();
    }
  }
}
