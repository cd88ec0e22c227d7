// After each batch: what it was worth, into shared memory, and what main has to hear of it.

import type { Place } from '../bytes/address.js';
import { DROP_REASONS } from './drops.js';
import {
  CIRCUIT_BYTES,
  CIRCUITS,
  COUNTS,
  NOTE_BYTES,
  NOTE_CHANNEL_UNKNOWN,
  NOTE_CONFIRMED,
  NOTE_FRAME,
  NOTE_ROAMED,
  NOTE_SEEN,
  NOTE_STALE,
  NOTE_WANT,
  NOTES,
  RECEIVE_NAMES,
  RECEIVE_SOURCES,
  RELAYED,
  SESSION_BATCH_BYTES,
  SESSION_BATCH_DATA,
  SESSION_BYTES,
  SESSION_PEER,
  SESSIONS,
  TOUCHED,
} from './layout.js';
import type { Memory } from './memory.js';
import type { PlaneEvent } from './orders.js';
import {
  BATCH_SEEN,
  DATA_RECEIVED_AT,
  METERED_FIELDS,
  RAISED_CONFIRMED,
  RAISED_STALE,
  RECEIVED_AT,
  RECEIVED_BYTES,
  SENT_AT,
  SENT_BYTES,
  type SharedMemory,
  TRAFFIC_FIELDS,
  UNACKNOWLEDGED_SINCE,
  UNANSWERED_SINCE,
} from './sharedmemory.js';
import { AF_INET, readName, readSource } from './sockaddr.js';
import { channelAt, messageAt } from './where.js';

export class Ledger {
  private readonly drops: Float64Array;

  constructor(
    private readonly memory: Memory,
    private readonly shared: SharedMemory,
    private readonly worker: number,
    private readonly raise: (event: PlaneEvent) => void,
  ) {
    const reasons = DROP_REASONS.length;
    this.drops = shared.drops.subarray(worker * reasons, (worker + 1) * reasons);
  }

  drop(reason: number, packets = 1): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + packets;
  }

  /** After sealing: notes the traffic of the sessions that took part. */
  sent(now: number): void {
    const { traffic } = this.shared;
    const { words } = this.memory;
    const count = this.memory.wasm.takeTouched();
    for (let i = 0; i < count; i++) {
      const row = this.sessionWord(i);
      const peer = words[row + (SESSION_PEER >> 2)] ?? 0;
      const at = peer * TRAFFIC_FIELDS;
      traffic[at + SENT_AT] = now;
      traffic[at + UNACKNOWLEDGED_SINCE] = 0;
      traffic[at + SENT_BYTES] =
        (traffic[at + SENT_BYTES] ?? 0) + (words[row + (SESSION_BATCH_BYTES >> 2)] ?? 0);
      if (!words[row + (SESSION_BATCH_DATA >> 2)]) continue;
      if (traffic[at + UNANSWERED_SINCE] === 0) traffic[at + UNANSWERED_SINCE] = now;
      this.wake(peer);
    }
    this.settle(0);
  }

  /** After opening a batch from this slot. */
  received(now: number, slot: number): void {
    const { traffic } = this.shared;
    const { words } = this.memory;
    const count = this.memory.wasm.takeTouched();
    for (let i = 0; i < count; i++) {
      const row = this.sessionWord(i);
      const peer = words[row + (SESSION_PEER >> 2)] ?? 0;
      const at = peer * TRAFFIC_FIELDS;
      traffic[at + RECEIVED_AT] = now;
      traffic[at + UNANSWERED_SINCE] = 0;
      traffic[at + RECEIVED_BYTES] =
        (traffic[at + RECEIVED_BYTES] ?? 0) + (words[row + (SESSION_BATCH_BYTES >> 2)] ?? 0);
      if (!words[row + (SESSION_BATCH_DATA >> 2)]) continue;
      traffic[at + DATA_RECEIVED_AT] = now;
      if (traffic[at + UNACKNOWLEDGED_SINCE] === 0) traffic[at + UNACKNOWLEDGED_SINCE] = now;
      this.wake(peer);
    }
    this.settle(slot);
  }

  /** How much went through the circuits of this batch. */
  relayed(count: number): void {
    const { words, view } = this.memory;
    const { metered } = this.shared;
    words[RELAYED >> 2] = 0;
    for (let i = 1; i <= count; i++) {
      const circuit = words[(RELAYED >> 2) + i] ?? 0;
      const row = CIRCUITS + circuit * CIRCUIT_BYTES;
      metered[circuit * METERED_FIELDS] = view.getFloat64(row, true);
      metered[circuit * METERED_FIELDS + 1] = view.getFloat64(row + 8, true);
      words[(row + 20) >> 2] = 0;
    }
  }

  /** Counts and notes that are not a batch's. */
  settle(slot: number): void {
    if (this.memory.words[COUNTS >> 2]) this.moveCounts();
    const count = this.memory.wasm.takeNotes();
    for (let i = 0; i < count; i++) this.tell(NOTES + NOTE_BYTES * i, slot);
  }

  private sessionWord(touched: number): number {
    const session = this.memory.words[(TOUCHED >> 2) + touched] ?? 0;
    return (SESSIONS + session * SESSION_BYTES) >> 2;
  }

  private wake(peer: number): void {
    const { armed } = this.shared;
    if (armed[peer] && Atomics.exchange(armed, peer, 0)) this.raise({ kind: 'active', peer });
  }

  private moveCounts(): void {
    const { words } = this.memory;
    words[COUNTS >> 2] = 0;
    for (let i = 0; i < DROP_REASONS.length; i++) {
      const at = (COUNTS >> 2) + 1 + i;
      const count = words[at] ?? 0;
      if (count === 0) continue;
      words[at] = 0;
      this.drop(i, count);
    }
  }

  private tell(note: number, slot: number): void {
    const { bytes, words } = this.memory;
    const word = note >> 2;
    const id = words[word + 1] ?? 0;
    const pointer = words[word + 2] ?? 0;
    switch (words[word]) {
      case NOTE_WANT:
        this.raise({ kind: 'want', peer: id });
        return;
      case NOTE_STALE:
        this.stale(id);
        return;
      case NOTE_CONFIRMED:
        if (this.isFirst(id, RAISED_CONFIRMED)) this.raise({ kind: 'confirmed', session: id });
        return;
      case NOTE_ROAMED:
        this.raise({
          kind: 'roamed',
          peer: id,
          place: this.placeOf(pointer, slot),
          batch: Atomics.load(this.shared.header, BATCH_SEEN + this.worker),
        });
        return;
      case NOTE_SEEN:
        this.raise({ kind: 'seen', peer: id, place: this.placeOf(pointer, slot) });
        return;
      case NOTE_CHANNEL_UNKNOWN:
        this.raise({ kind: 'channel-unknown', channel: id, from: this.placeOf(pointer, slot) });
        return;
      case NOTE_FRAME: {
        const extent = words[word + 3] ?? 0;
        const frame = bytes.slice(pointer, pointer + (extent & 0xffff));
        this.raise({ kind: 'frame', peer: id, frame, from: this.placeOf(extent >>> 16, slot) });
        return;
      }
    }
  }

  /** A session wants a successor: main is told once. */
  stale(session: number): void {
    if (this.isFirst(session, RAISED_STALE)) this.raise({ kind: 'stale', session });
  }

  /** Of all workers only one tells. */
  private isFirst(session: number, bit: number): boolean {
    return (Atomics.or(this.shared.raised, session, bit) & bit) === 0;
  }

  private placeOf(where: number, slot: number): Place {
    const { bytes } = this.memory;
    const message = messageAt(where);
    const name = RECEIVE_NAMES + 32 * message;
    const source = readSource(bytes, RECEIVE_SOURCES + 32 * message, bytes[name] === AF_INET);
    return {
      slot,
      endpoint: readName(bytes, name),
      source,
      channel: channelAt(this.memory, where),
    };
  }
}
