// A medium in memory that fails as cards do: the outermost edge, in the real one's place.

import type { Medium } from '../../../flash/disk/medium.js';

export type Faults = {
  /** At most so many bytes are taken at once. */
  writeMax?: number;
  /** From so many bytes on, writing fails with this code. */
  writeFails?: { from: number; code: string };
  /** From so many bytes on, reading fails with this code. */
  readFails?: { from: number; code: string };
  /** Bytes at this place are forgotten: they read as they were before. */
  forgets?: number;
  /** All of it is gone after so many bytes were written. */
  removedAfter?: number;
};

export class FaultyMedium implements Medium {
  readonly path = '/dev/faulty';
  readonly sector = 512;
  readonly bytes: Uint8Array;
  written = 0;
  syncs = 0;
  reads = 0;
  readonly order: number[] = []; // places, as they were written

  constructor(
    readonly size: number,
    readonly faults: Faults = {},
    fill = 0xee,
  ) {
    this.bytes = new Uint8Array(size).fill(fill);
  }

  async write(bytes: Uint8Array, at: number): Promise<number> {
    const { writeMax = bytes.length, writeFails, forgets, removedAfter } = this.faults;
    if (removedAfter !== undefined && this.written >= removedAfter) throw coded('ENXIO');
    if (writeFails && at >= writeFails.from) throw coded(writeFails.code);
    if (at + bytes.length > this.size) throw coded('ENOSPC');
    const taken = bytes.subarray(0, writeMax);
    const before = forgets === undefined ? 0 : (this.bytes[forgets] ?? 0);
    this.bytes.set(taken, at);
    if (forgets !== undefined) this.bytes[forgets] = before;
    this.written += taken.length;
    this.order.push(at);
    return taken.length;
  }

  async sync(): Promise<void> {
    this.syncs++;
    const { removedAfter } = this.faults;
    if (removedAfter !== undefined && this.written >= removedAfter) throw coded('EIO');
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    this.reads++;
    const { readFails, removedAfter } = this.faults;
    if (removedAfter !== undefined && this.written >= removedAfter) throw coded('ENXIO');
    if (readFails && at >= readFails.from) throw coded(readFails.code);
    into.set(this.bytes.subarray(at, at + into.length));
    return Math.min(into.length, this.size - at);
  }

  async close(): Promise<void> {}
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
