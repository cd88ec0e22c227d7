// The trial of a release: it is passed when the agent has been well for a while and somebody has
// reached it from outside, and failed when its time is over.

import type { Needs } from './slots.js';

const STEP_MS = 2_000;
const HEALTHY_MOST_MS = 60_000; // well for so long: what crashes at once is not confirmed
const HEALTHY_PART = 5; // of the trial's time, where that is short

export type Verdict = Readonly<{ passed: boolean; why: string }>;

export class Trial {
  readonly until: number;
  private readonly least: number;
  private step: number;
  private healthySince: number | undefined;
  private ill: string | undefined = 'it has only begun';
  private reachedBy: string | undefined;

  /** Times in milliseconds since the agent's start. */
  constructor(
    seconds: number,
    private readonly needs: Needs,
    now: number,
  ) {
    this.until = now + 1_000 * seconds;
    this.least = Math.min(HEALTHY_MOST_MS, (1_000 * seconds) / HEALTHY_PART);
    this.step = now;
  }

  /** `ill`: what is wrong; undefined: all is well. */
  health(ill: string | undefined, now: number): void {
    this.ill = ill;
    this.healthySince = ill === undefined ? (this.healthySince ?? now) : undefined;
  }

  /** The first counts. */
  reached(by: string): void {
    this.reachedBy ??= by;
  }

  get isReached(): boolean {
    return this.needs === 'nobody' || this.reachedBy !== undefined;
  }

  /** What it still waits for, for people. */
  get lacks(): string | null {
    if (this.ill !== undefined) return this.ill;
    return this.isReached ? null : 'nobody has reached it from outside';
  }

  /** True once per step: it is time to look and to knock. */
  due(now: number): boolean {
    if (now < this.step) return false;
    this.step = now + STEP_MS;
    return true;
  }

  get deadline(): number {
    return Math.min(this.step, this.until);
  }

  verdict(now: number): Verdict | undefined {
    const since = this.healthySince;
    if (since !== undefined && now - since >= this.least && this.isReached) {
      const by = this.reachedBy;
      const reached = by === undefined ? 'nobody was there to reach it' : `${by} reached it`;
      return { passed: true, why: `it is well, and ${reached}` };
    }
    if (now < this.until) return undefined;
    return { passed: false, why: this.lacks ?? 'it was not well for long enough' };
  }
}
