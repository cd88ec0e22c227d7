// The trie of allowed IPs as it lies in shared memory, and its reader.
//
// A binary trie with compressed paths (Patricia): a node stands for a prefix; each child continues
// it, by the first bit behind it 0 or 1. One thread writes, others read without a lock:
//
// - a node is published, by one atomic store of the link to it, only once it is complete;
// - nothing of a published node changes but its links and its peer, one word each;
// - a node that was unlinked keeps its content until no reader can stand on it any more: a reader
//   shows the epoch in which it began to read, or 0 while it does not; the writer counts the epoch
//   up with each unlinked node and uses that again when all readers show 0 or a later epoch.
//
// Node, 12 words: 0-3 address, first bits highest | 4 length in bits | 5 peer + 1, 0 none
//                 6, 7 children | 8 on: the writer's own (allowedips.ts)
// Node 0 is the header: word 0 epoch, 1 root of IPv4, 2 root of IPv6, 4 on: epochs of the readers.

export const NODE_WORDS = 12;
export const LENGTH = 4;
export const PEER = 5;
export const CHILD = 6;

export const EPOCH = 0;
export const ROOT_IPV4 = 1;
export const ROOT_IPV6 = 2;
export const READERS = 4;
export const READERS_MAX = 4;

export class TrieReader {
  private words: Int32Array;
  private readonly key = new Int32Array(4);

  /** `reader`: which of the READERS_MAX this is. */
  constructor(
    buffer: SharedArrayBuffer,
    private readonly reader: number,
  ) {
    this.words = new Int32Array(buffer);
  }

  /** Takes over a buffer that the writer moved to. */
  move(buffer: SharedArrayBuffer): void {
    this.leave();
    this.words = new Int32Array(buffer);
  }

  /** Before a batch of look-ups; nodes stay as they are until `leave`. */
  enter(): void {
    Atomics.store(this.words, READERS + this.reader, Atomics.load(this.words, EPOCH));
  }

  leave(): void {
    Atomics.store(this.words, READERS + this.reader, 0);
  }

  /** The peer of the longest prefix over the address at `at` (4 or 16 bytes); -1: nobody's. */
  lookup(bytes: Uint8Array, at: number, v6: boolean): number {
    const { key, words } = this;
    const parts = v6 ? 4 : 1;
    for (let i = 0; i < parts; i++) key[i] = bigEndian(bytes, at + 4 * i);
    const width = 32 * parts;
    let best = -1;
    let node = Atomics.load(words, v6 ? ROOT_IPV6 : ROOT_IPV4);
    while (node !== 0) {
      const row = node * NODE_WORDS;
      const length = words[row + LENGTH] ?? 0;
      if (!covers(words, row, length, key)) break;
      const peer = Atomics.load(words, row + PEER);
      if (peer !== 0) best = peer - 1;
      if (length >= width) break;
      const bit = ((key[length >>> 5] ?? 0) >>> (31 - (length & 31))) & 1;
      node = Atomics.load(words, row + CHILD + bit);
    }
    return best;
  }
}

function bigEndian(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** Whether the first `length` bits of the node's address are those of the key. */
function covers(words: Int32Array, row: number, length: number, key: Int32Array): boolean {
  let at = 0;
  for (let left = length; left > 0; left -= 32, at++) {
    const mask = left >= 32 ? -1 : ~(-1 >>> left);
    if ((((words[row + at] ?? 0) ^ (key[at] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}
