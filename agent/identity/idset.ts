// A set of statement ids as range-based set reconciliation wants it: in the order of their bytes,
// with a fingerprint of any range at once.
//
//   base     sorted, with running sums     shared between forks, never changed
//   added    sorted, few                   since then
//   removed  sorted, few
//
// The fingerprint of a range is a hash of how many ids it has and of their sum modulo 2^128, taken
// from the last 16 bytes of each: the difference of two running sums.

import { sha256 } from '@noble/hashes/sha2.js';
import type { StatementId } from './member.js';
import { idBytes, idOf } from './nodeid.js';

export const FINGERPRINT_BYTES = 16;

/**
 * A bound is the first bytes of an id, up to 32; ids that begin with it come after it. Ranges are
 * from `from` up to and without `to`; an empty `from` is the very start, an empty `to` the end.
 */
export interface IdSet {
  readonly count: number;
  has(id: StatementId): boolean;
  countIn(from: Uint8Array, to: Uint8Array): number;
  /** 16 bytes; the same for the same ids. */
  fingerprint(from: Uint8Array, to: Uint8Array): Uint8Array;
  /** In order, at most `max`. */
  ids(from: Uint8Array, to: Uint8Array, max?: number): StatementId[];
  /** The 32 bytes of the id at `index` of the range: where to cut it in two. */
  at(from: Uint8Array, to: Uint8Array, index: number): Uint8Array | undefined;
}

const LANES = 4; // of 32 bits
const FOLD_MIN = 256;

type Key = string; // the 32 bytes of an id as 32 letters below 256, which compare as bytes do
type Base = Readonly<{ keys: readonly Key[]; sums: Uint32Array }>;

const EMPTY: Base = { keys: [], sums: new Uint32Array(LANES) };

export class OrderedIds implements IdSet {
  private base = EMPTY;
  private added: Key[] = [];
  private removed: Key[] = [];
  private whole: Uint8Array | undefined; // fingerprint of all, which is asked for most often

  get count(): number {
    return this.base.keys.length + this.added.length - this.removed.length;
  }

  has(id: StatementId): boolean {
    return this.holds(keyOf(idBytes(id)));
  }

  /** False where it is there already. */
  add(id: StatementId): boolean {
    const key = keyOf(idBytes(id));
    if (this.holds(key)) return false;
    this.whole = undefined;
    if (!take(this.removed, key)) put(this.added, key);
    this.fold(Math.max(FOLD_MIN, this.base.keys.length / 8));
    return true;
  }

  /** False where it is not there. */
  delete(id: StatementId): boolean {
    const key = keyOf(idBytes(id));
    if (!this.holds(key)) return false;
    this.whole = undefined;
    if (!take(this.added, key)) put(this.removed, key);
    this.fold(Math.max(FOLD_MIN, this.base.keys.length / 8));
    return true;
  }

  countIn(from: Uint8Array, to: Uint8Array): number {
    const [start, end] = [keyOf(from), endOf(to)];
    const { base, added, removed } = this;
    return within(base.keys, start, end) + within(added, start, end) - within(removed, start, end);
  }

  fingerprint(from: Uint8Array, to: Uint8Array): Uint8Array {
    if (from.length > 0 || to.length > 0) return this.print(from, to);
    this.whole ??= this.print(from, to);
    return Uint8Array.from(this.whole);
  }

  private print(from: Uint8Array, to: Uint8Array): Uint8Array {
    const [start, end] = [keyOf(from), endOf(to)];
    const { keys, sums } = this.base;
    const [first, last] = [lowerBound(keys, start), lowerBound(keys, end)];
    const sum = new Uint32Array(LANES + 1);
    addLanes(sum, sums, LANES * Math.max(first, last));
    subtractLanes(sum, sums, LANES * first);
    for (const key of slice(this.added, start, end)) addLanes(sum, lanesOf(key), 0);
    for (const key of slice(this.removed, start, end)) subtractLanes(sum, lanesOf(key), 0);
    sum[LANES] = this.countIn(from, to);
    const bytes = new Uint8Array(4 * sum.length);
    const view = new DataView(bytes.buffer);
    for (const [i, lane] of sum.entries()) view.setUint32(4 * i, lane, true);
    return sha256(bytes).slice(0, FINGERPRINT_BYTES);
  }

  ids(from: Uint8Array, to: Uint8Array, max = Number.POSITIVE_INFINITY): StatementId[] {
    const found: StatementId[] = [];
    for (const key of this.keysIn(keyOf(from), endOf(to))) {
      if (found.length >= max) break;
      found.push(idOf(bytesOfKey(key)));
    }
    return found;
  }

  at(from: Uint8Array, to: Uint8Array, index: number): Uint8Array | undefined {
    if (index >= this.countIn(from, to)) return undefined;
    const { keys } = this.base;
    const start = keyOf(from);
    const before = this.rank(start); // of all, how many come before the range
    let [low, high] = [lowerBound(keys, start), keys.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rank(keys[middle] ?? END) - before <= index) low = middle;
      else high = middle - 1;
    }
    const near = keys[low] ?? END;
    const skips = near > start && near !== END && this.rank(near) - before <= index;
    let left = skips ? index - (this.rank(near) - before) : index;
    for (const key of this.keysIn(skips ? near : start, endOf(to))) {
      if (left-- === 0) return bytesOfKey(key);
    }
    return undefined;
  }

  /** The same ids; from now on each goes its own way. */
  fork(): OrderedIds {
    this.fold(FOLD_MIN);
    const other = new OrderedIds();
    other.base = this.base;
    other.added = [...this.added];
    other.removed = [...this.removed];
    other.whole = this.whole;
    return other;
  }

  private holds(key: Key): boolean {
    if (contains(this.added, key)) return true;
    return contains(this.base.keys, key) && !contains(this.removed, key);
  }

  /** How many come before `key`. */
  private rank(key: Key): number {
    const { base, added, removed } = this;
    return lowerBound(base.keys, key) + lowerBound(added, key) - lowerBound(removed, key);
  }

  private *keysIn(start: Key, end: Key): IterableIterator<Key> {
    const { keys } = this.base;
    const { added, removed } = this;
    let i = lowerBound(keys, start);
    let j = lowerBound(added, start);
    let k = lowerBound(removed, start);
    for (;;) {
      const [old, fresh] = [keys[i], added[j]];
      if (old !== undefined && old === removed[k]) {
        i++;
        k++;
      } else if (old !== undefined && (fresh === undefined || old < fresh)) {
        if (old >= end) return;
        i++;
        yield old;
      } else {
        if (fresh === undefined || fresh >= end) return;
        j++;
        yield fresh;
      }
    }
  }

  private fold(least: number): void {
    if (this.added.length + this.removed.length <= least) return;
    const keys = [...this.keysIn('', END)];
    const sums = new Uint32Array(LANES * (keys.length + 1));
    const running = new Uint32Array(LANES);
    for (const [i, key] of keys.entries()) {
      addLanes(running, lanesOf(key), 0);
      sums.set(running, LANES * (i + 1));
    }
    this.base = { keys, sums };
    this.added = [];
    this.removed = [];
  }
}

const END: Key = '\u0100'; // after every byte

function keyOf(bytes: Uint8Array): Key {
  return String.fromCharCode(...bytes);
}

function endOf(bound: Uint8Array): Key {
  return bound.length === 0 ? END : keyOf(bound);
}

function bytesOfKey(key: Key): Uint8Array {
  const bytes = new Uint8Array(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i);
  return bytes;
}

function lanesOf(key: Key): Uint32Array {
  const lanes = new Uint32Array(LANES);
  for (let i = 0; i < 4 * LANES; i++) {
    lanes[i >> 2] = (lanes[i >> 2] ?? 0) | (key.charCodeAt(16 + i) << (8 * (i & 3)));
  }
  return lanes;
}

function addLanes(sum: Uint32Array, other: Uint32Array, at: number): void {
  let carry = 0;
  for (let i = 0; i < LANES; i++) {
    const lane = (sum[i] ?? 0) + (other[at + i] ?? 0) + carry;
    sum[i] = lane;
    carry = lane > 0xffffffff ? 1 : 0;
  }
}

function subtractLanes(sum: Uint32Array, other: Uint32Array, at: number): void {
  let borrow = 0;
  for (let i = 0; i < LANES; i++) {
    const lane = (sum[i] ?? 0) - (other[at + i] ?? 0) - borrow;
    sum[i] = lane;
    borrow = lane < 0 ? 1 : 0;
  }
}

/** How many of a sorted list come before `key`. */
function lowerBound(list: readonly Key[], key: Key): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function contains(list: readonly Key[], key: Key): boolean {
  return list[lowerBound(list, key)] === key;
}

function within(list: readonly Key[], start: Key, end: Key): number {
  return Math.max(0, lowerBound(list, end) - lowerBound(list, start));
}

function slice(list: readonly Key[], start: Key, end: Key): readonly Key[] {
  return list.slice(lowerBound(list, start), lowerBound(list, end));
}

function put(list: Key[], key: Key): void {
  list.splice(lowerBound(list, key), 0, key);
}

function take(list: Key[], key: Key): boolean {
  const at = lowerBound(list, key);
  if (list[at] !== key) return false;
  list.splice(at, 1);
  return true;
}
