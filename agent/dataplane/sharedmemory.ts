// The memory that main and the workers share: who may write what, and where it lies. Everything is
// placed once; nothing here grows. (The trie of allowed IPs has a buffer of its own.)
//
//   header      words below
//   slots       i32 each: the socket's file descriptor, -1 closed
//   gso         i32 per slot: 1 where it may send trains
//   counters    u32 per session: the next message's counter, taken in ranges by Atomics.add
//   armed       i32 per peer: 1 while `active` is to be raised at the next packet
//   raised      i32 per session: bits of what was raised once (STALE, CONFIRMED)
//   keys        64 bytes per session, send then receive: written by main, wiped by main
//   traffic     8 f64 per peer: the fields of Traffic
//   drops       f64 per worker and reason
//   checks      f64 per worker: packets that noble checked, alarms, milliseconds blocked in poll
//   metered     per circuit: f64 inner bytes, f64 when the last of them went through
//   ring        handshake datagrams on their way to main, see ring.ts

import { DROP_REASONS } from './drops.js';
import { CIRCUITS_MAX, PEERS_MAX, SESSIONS_MAX } from './layout.js';
import { SLOTS_MAX } from './orders.js';

export const WORKERS_MAX = 2;

// Header words.
export const STOP = 0; // 1: leave the loop
export const ROUTES_VERSION = 1; // counts every change of the allowed IPs
export const SLOTS_VERSION = 2; // counts every change of SLOT_FDS
export const BATCH_SEEN = 3; // per worker: number of the last batch of orders it applied
export const RING_HEAD = 6; // datagrams ever put in
export const RING_TAIL = 7; // datagrams ever taken out
export const RING_BELL = 8; // 1: main was told and has not come yet
const HEADER_WORDS = 64;

export const TRAFFIC_FIELDS = 8;
export const UNANSWERED_SINCE = 0;
export const UNACKNOWLEDGED_SINCE = 1;
export const DATA_RECEIVED_AT = 2;
export const RECEIVED_AT = 3;
export const SENT_AT = 4;
export const RECEIVED_BYTES = 5;
export const SENT_BYTES = 6;

export const KEY_PAIR_BYTES = 64;
export const RAISED_STALE = 1;
export const RAISED_CONFIRMED = 2;

export const CHECK_FIELDS = 4;
export const CHECKED = 0;
export const ALARMS = 1;
export const BLOCKED_MS = 2;

export const METERED_FIELDS = 2;

export const RING_ENTRIES = 64;
export const RING_ENTRY_BYTES = 256;

export class SharedMemory {
  readonly buffer: SharedArrayBuffer;
  readonly header: Int32Array;
  readonly slots: Int32Array;
  readonly gso: Int32Array;
  readonly counters: Uint32Array;
  readonly armed: Int32Array;
  readonly raised: Int32Array;
  readonly keys: Uint8Array;
  readonly traffic: Float64Array;
  readonly drops: Float64Array;
  readonly checks: Float64Array;
  readonly metered: Float64Array;
  readonly ring: Uint8Array;

  /** Without a buffer a new one, as main makes it; workers are handed that. */
  constructor(buffer?: SharedArrayBuffer) {
    const lengths = [
      HEADER_WORDS * 4,
      SLOTS_MAX * 4,
      SLOTS_MAX * 4,
      SESSIONS_MAX * 4,
      PEERS_MAX * 4,
      SESSIONS_MAX * 4,
      SESSIONS_MAX * KEY_PAIR_BYTES,
      PEERS_MAX * TRAFFIC_FIELDS * 8,
      WORKERS_MAX * DROP_REASONS.length * 8,
      WORKERS_MAX * CHECK_FIELDS * 8,
      CIRCUITS_MAX * METERED_FIELDS * 8,
      RING_ENTRIES * RING_ENTRY_BYTES,
    ];
    const total = lengths.reduce((sum, bytes) => sum + bytes, 0);
    this.buffer = buffer ?? new SharedArrayBuffer(total);
    const offsets = lengths.map((_, i) => lengths.slice(0, i).reduce((a, b) => a + b, 0));
    const at = (index: number) => offsets[index] ?? 0;
    const b = this.buffer;
    this.header = new Int32Array(b, at(0), HEADER_WORDS);
    this.slots = new Int32Array(b, at(1), SLOTS_MAX);
    this.gso = new Int32Array(b, at(2), SLOTS_MAX);
    this.counters = new Uint32Array(b, at(3), SESSIONS_MAX);
    this.armed = new Int32Array(b, at(4), PEERS_MAX);
    this.raised = new Int32Array(b, at(5), SESSIONS_MAX);
    this.keys = new Uint8Array(b, at(6), SESSIONS_MAX * KEY_PAIR_BYTES);
    this.traffic = new Float64Array(b, at(7), PEERS_MAX * TRAFFIC_FIELDS);
    this.drops = new Float64Array(b, at(8), WORKERS_MAX * DROP_REASONS.length);
    this.checks = new Float64Array(b, at(9), WORKERS_MAX * CHECK_FIELDS);
    this.metered = new Float64Array(b, at(10), CIRCUITS_MAX * METERED_FIELDS);
    this.ring = new Uint8Array(b, at(11), RING_ENTRIES * RING_ENTRY_BYTES);
    if (buffer === undefined) this.slots.fill(-1);
  }
}
