// Frames that do not fit into one transport message travel as numbered chunks, each a frame of its
// own kind:
//
//   { 0: 0, 1: tag, 2: index, 3: count, 4: bytes }     all chunks but the last are full
//
// The tag is a hash of the whole, so that a frame that is sent again fills the holes which loss
// left the first time. Nothing waits for a lost chunk: whoever sent the frame sends it again.

import { hash } from '../crypto/primitives.js';
import type { Millis } from '../wireguard/effects.js';

export const FRAME_BYTES_MAX = 1_184; // in an MTU of 1280: 40 IPv6, 8 UDP, 32 WireGuard, 16 spare
export const WHOLE_BYTES_MAX = 65_536; // what one peer may make us hold
export const CHUNK_BYTES = 1_160; // the rest of a chunk's frame takes 19 at most
export const CHUNKS_MAX = Math.ceil(WHOLE_BYTES_MAX / CHUNK_BYTES);
export const REASSEMBLIES_MAX = 4; // per peer at a time; the oldest gives way
export const REASSEMBLY_MS = 10_000; // longer than any machine waits before it sends again

export type Chunk = Readonly<{ tag: number; index: number; count: number; bytes: Uint8Array }>;

/** The chunks of an encoded frame. */
export function split(whole: Uint8Array): Chunk[] {
  if (whole.length > WHOLE_BYTES_MAX) throw new RangeError(`"frame" has ${whole.length} bytes`);
  const count = Math.ceil(whole.length / CHUNK_BYTES);
  const digest = hash(whole);
  const tag = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  return Array.from({ length: count }, (_, index) => {
    const bytes = whole.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    return { tag, index, count, bytes };
  });
}

export type ChunkDrop = 'chunk-form' | 'chunk-repeated' | 'chunk-expired' | 'chunk-crowded';

type Reassembly = {
  readonly tag: number;
  readonly count: number;
  readonly since: Millis;
  readonly parts: (Uint8Array | undefined)[];
  missing: number;
};

/** What one peer has sent in part. Holds 64 KiB at most, counted as announced. */
export class Assembler {
  private readonly open: Reassembly[] = []; // oldest first

  constructor(private readonly drop: (reason: ChunkDrop) => void) {}

  /** The whole frame, once its last missing chunk came. Keeps `chunk.bytes`. */
  add(chunk: Chunk, now: Millis): Uint8Array | undefined {
    this.expire(now);
    const { tag, index, count, bytes } = chunk;
    const full = index < count - 1;
    if (count < 2 || count > CHUNKS_MAX || index >= count || bytes.length > CHUNK_BYTES) {
      return this.refuse('chunk-form');
    }
    if (full ? bytes.length !== CHUNK_BYTES : bytes.length === 0) return this.refuse('chunk-form');
    const whole = this.open.find((one) => one.tag === tag && one.count === count);
    const into = whole ?? this.begin(tag, count, now);
    if (into.parts[index] !== undefined) return this.refuse('chunk-repeated');
    into.parts[index] = bytes;
    into.missing--;
    if (into.missing > 0) return undefined;
    this.open.splice(this.open.indexOf(into), 1);
    return joined(into.parts);
  }

  /** Lets go of what stayed incomplete for too long; also done by every `add`. */
  expire(now: Millis): void {
    for (let oldest = this.open[0]; oldest !== undefined; oldest = this.open[0]) {
      if (now - oldest.since < REASSEMBLY_MS) return;
      this.open.shift();
      this.drop('chunk-expired');
    }
  }

  get waiting(): number {
    return this.open.length;
  }

  private begin(tag: number, count: number, now: Millis): Reassembly {
    const announced = () => this.open.reduce((sum, one) => sum + one.count, count);
    while (this.open.length >= REASSEMBLIES_MAX || announced() > CHUNKS_MAX) {
      this.open.shift();
      this.drop('chunk-crowded');
    }
    const begun = { tag, count, since: now, parts: new Array<undefined>(count), missing: count };
    this.open.push(begun);
    return begun;
  }

  private refuse(reason: ChunkDrop): undefined {
    this.drop(reason);
    return undefined;
  }
}

function joined(parts: readonly (Uint8Array | undefined)[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    if (part === undefined) continue;
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
