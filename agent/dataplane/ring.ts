// Handshake datagrams on their way from the worker that polls the sockets to main: 64 places in
// shared memory, one writer, one reader. Full: the datagram is dropped, as an overloaded network
// would have dropped it.
//
// Entry, 256 bytes: u32 length | u32 slot | u32 spare | u32 channel | sockaddr[32] | source[32]
//                   | datagram from 80 on

import type { Place } from '../bytes/address.js';
import type { HandshakeCheck } from './orders.js';
import {
  RING_BELL,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_HEAD,
  RING_TAIL,
  type SharedMemory,
} from './sharedmemory.js';
import { AF_INET, readName, readSource, readU32, writeU32 } from './sockaddr.js';

const NAME = 16;
const SOURCE = 48;
const DATAGRAM = 80;
const DATAGRAM_BYTES_MAX = RING_ENTRY_BYTES - DATAGRAM;

export type Handshake = Readonly<{ datagram: Uint8Array; from: Place; check: HandshakeCheck }>;

/** Copies a datagram in; `name` and `source` are 32 bytes each. False: full. */
export function putHandshake(
  shared: SharedMemory,
  datagram: Uint8Array,
  slot: number,
  name: Uint8Array,
  source: Uint8Array,
  channel = 0,
): boolean {
  const { header, ring } = shared;
  const head = Atomics.load(header, RING_HEAD);
  const waiting = (head - Atomics.load(header, RING_TAIL)) | 0;
  if (waiting >= RING_ENTRIES || datagram.length > DATAGRAM_BYTES_MAX) return false;
  const at = (head & (RING_ENTRIES - 1)) * RING_ENTRY_BYTES;
  writeU32(ring, at, datagram.length);
  writeU32(ring, at + 4, slot);
  writeU32(ring, at + 12, channel);
  ring.set(name, at + NAME);
  ring.set(source, at + SOURCE);
  ring.set(datagram, at + DATAGRAM);
  Atomics.store(header, RING_HEAD, (head + 1) | 0);
  return true;
}

/** True once until main has come to look: then it has to be told. */
export function ringBell(shared: SharedMemory): boolean {
  return Atomics.exchange(shared.header, RING_BELL, 1) === 0;
}

export function answerBell(shared: SharedMemory): void {
  Atomics.store(shared.header, RING_BELL, 0);
}

export function handshakesWaiting(shared: SharedMemory): number {
  const { header } = shared;
  return (Atomics.load(header, RING_HEAD) - Atomics.load(header, RING_TAIL)) | 0;
}

export function takeHandshake(shared: SharedMemory): Handshake | undefined {
  const { header, ring } = shared;
  if (handshakesWaiting(shared) <= 0) return undefined;
  const tail = Atomics.load(header, RING_TAIL);
  const at = (tail & (RING_ENTRIES - 1)) * RING_ENTRY_BYTES;
  const length = Math.min(DATAGRAM_BYTES_MAX, readU32(ring, at));
  const datagram = Uint8Array.from(ring.subarray(at + DATAGRAM, at + DATAGRAM + length));
  const from: Place = {
    slot: readU32(ring, at + 4),
    endpoint: readName(ring, at + NAME),
    source: readSource(ring, at + SOURCE, ring[at + NAME] === AF_INET),
    channel: readU32(ring, at + 12),
  };
  Atomics.store(header, RING_TAIL, (tail + 1) | 0);
  return { datagram, from, check: 'mac1' };
}
