// When each of many things is next due: the nearest moment in no time at all, changes in log n.
//
// A binary heap of [moment, key]; a moment that was changed leaves its old entry behind, which is
// skipped when it comes up, and swept out when such entries outnumber the living ones.

import type { Millis } from '../wireguard/effects.js';

type Entry = Readonly<{ at: Millis; key: string }>;

const SWEEP_LEAST = 64; // below this many entries, old ones do no harm

export class Timetable {
  private heap: Entry[] = [];
  private readonly moments = new Map<string, Millis>();

  /** Due at `at` from now on, and at no other time; undefined: never. */
  set(key: string, at: Millis | undefined): void {
    if (this.moments.get(key) === at) return;
    if (at === undefined) {
      this.moments.delete(key);
      return;
    }
    this.moments.set(key, at);
    this.push({ at, key });
    if (this.heap.length > SWEEP_LEAST && this.heap.length > 2 * this.moments.size) this.sweep();
  }

  /** The nearest moment. */
  next(): Millis | undefined {
    return this.top()?.at;
  }

  /** Takes out one that is due; call until undefined, and set it anew if it is to come again. */
  take(now: Millis): string | undefined {
    const top = this.top();
    if (top === undefined || top.at > now) return undefined;
    this.pop();
    this.moments.delete(top.key);
    return top.key;
  }

  private top(): Entry | undefined {
    for (;;) {
      const top = this.heap[0];
      if (top === undefined || this.moments.get(top.key) === top.at) return top;
      this.pop();
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up] as Entry;
      if (parent.at <= entry.at) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= heap.length) break;
      const a = heap[left] as Entry;
      const b = heap[left + 1];
      const child = b !== undefined && b.at < a.at ? left + 1 : left;
      const entry = heap[child] as Entry;
      if (entry.at >= last.at) break;
      heap[i] = entry;
      i = child;
    }
    heap[i] = last;
  }

  private sweep(): void {
    this.heap = [];
    for (const [key, at] of this.moments) this.push({ at, key });
  }
}

/** The least of those that are set. */
export function soonest(moments: readonly (Millis | undefined)[]): Millis | undefined {
  let least: Millis | undefined;
  for (const at of moments) if (at !== undefined && (least === undefined || at < least)) least = at;
  return least;
}
