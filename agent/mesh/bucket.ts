// At most so many in such a time: a bucket that fills evenly.

import type { Millis } from '../wireguard/effects.js';

export class Bucket {
  private left: number;
  private since: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly count: number,
    private readonly perMs: Millis,
  ) {
    this.left = count;
  }

  /** True where one more is within it. */
  take(now: Millis): boolean {
    const gained = ((now - this.since) * this.count) / this.perMs;
    this.left = Math.min(this.count, this.left + gained);
    this.since = now;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
