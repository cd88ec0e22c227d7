// When to look for a direct path again while there is none: soon at first, seldom later, never not
// at all. What may have changed the odds (new candidates, a move, a session) begins anew.

import type { Millis } from '../wireguard/effects.js';

const STEPS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 64_000];
const LATER_MS = 300_000;
const LATER_SPREAD = 0.2; // each way, so that a site's peers do not all try at once

export class Retry {
  private at: Millis | undefined;
  private steps = 0;

  /** `fraction()`: random, from 0 up to 1. */
  constructor(private readonly fraction: () => number) {}

  /** From the first step on. */
  begin(now: Millis): void {
    this.steps = 0;
    this.at = now + (STEPS_MS[0] ?? LATER_MS);
  }

  stop(): void {
    this.at = undefined;
    this.steps = 0;
  }

  get due(): Millis | undefined {
    return this.at;
  }

  /** How often it was tried since it began. */
  get tries(): number {
    return this.steps;
  }

  /** Call when it is due and has been done; the moments count from each other. */
  next(now: Millis): void {
    this.steps++;
    const step = STEPS_MS[this.steps];
    const spread = 1 + LATER_SPREAD * (2 * this.fraction() - 1);
    this.at = now + (step ?? LATER_MS * spread);
  }
}
