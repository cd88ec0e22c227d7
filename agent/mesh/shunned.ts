// Trackers of ours that were of no use a moment ago: away, or full. The next in order serves, and
// they are tried again later.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';

/** So long the next in order serves; away: doubled for each time in a row. */
const AWAY_MS = 60_000;
const AWAY_MS_MAX = 240_000;
const BUSY_MS = 600_000;

type Entry = Readonly<{ until: Millis; times: number; busy: boolean }>;

export class Shunned {
  /** Only those of our own ranking come in here, so it is bounded by that. */
  private readonly entries = new Map<NodeId, Entry>();

  add(tracker: NodeId, busy: boolean, now: Millis): void {
    const times = this.entries.get(tracker)?.times ?? 0;
    const forMs = busy ? BUSY_MS : Math.min(AWAY_MS * 2 ** times, AWAY_MS_MAX);
    this.entries.set(tracker, { until: now + forMs, times: times + 1, busy });
  }

  delete(tracker: NodeId): void {
    this.entries.delete(tracker);
  }

  has(tracker: NodeId, now: Millis): boolean {
    return (this.entries.get(tracker)?.until ?? 0) > now;
  }

  /** And not for being busy: nobody else needs to ask it now. */
  isAway(tracker: NodeId, now: Millis): boolean {
    return this.has(tracker, now) && !this.entries.get(tracker)?.busy;
  }

  /** There is a session with it: true where that means that it is back. */
  back(tracker: NodeId): boolean {
    const entry = this.entries.get(tracker);
    return entry !== undefined && !entry.busy && this.entries.delete(tracker);
  }

  /** Forgets those that are ranked no more. */
  keep(ranked: readonly NodeId[]): void {
    for (const node of this.entries.keys()) if (!ranked.includes(node)) this.entries.delete(node);
  }

  /** When the next of them may be back; Infinity: there is none. */
  nextBack(now: Millis): Millis {
    let next = Number.POSITIVE_INFINITY;
    for (const { until } of this.entries.values()) if (until > now) next = Math.min(next, until);
    return next;
  }
}
