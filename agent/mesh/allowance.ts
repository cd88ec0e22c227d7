// How often somebody may ask: so many in a window of time, for each key. Bounded; when it is full
// of windows that still run, newcomers are refused.

import type { Millis } from '../wireguard/effects.js';

export class Allowance {
  /** Oldest window first. */
  private readonly windows = new Map<string, { since: Millis; count: number }>();

  constructor(
    private readonly limit: number,
    private readonly windowMs: Millis,
    private readonly keysMax: number,
  ) {}

  /** Takes one, if there is one left. */
  take(key: string, now: Millis): boolean {
    const window = this.windows.get(key);
    if (window !== undefined && now < window.since + this.windowMs) {
      if (window.count >= this.limit) return false;
      window.count++;
      return true;
    }
    this.windows.delete(key);
    if (this.windows.size >= this.keysMax) this.sweep(now);
    if (this.windows.size >= this.keysMax) return false;
    this.windows.set(key, { since: now, count: 1 });
    return true;
  }

  get size(): number {
    return this.windows.size;
  }

  private sweep(now: Millis): void {
    for (const [key, { since }] of this.windows) {
      if (now < since + this.windowMs) return;
      this.windows.delete(key);
    }
  }
}
