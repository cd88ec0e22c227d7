// Whether handshakes take so much of this thread that peers have to prove their addresses first
// (cookies; WireGuard paper, section 5.3). Under load is: 16 handshakes waiting, or a quarter of
// the last second spent on them; and one second beyond, so that it does not flicker.

import type { Millis } from './wireguard/effects.js';

export const WAITING_MAX = 16;
export const BUSY_SHARE_MAX = 0.25;
const WINDOW_MS = 1_000;

export class Load {
  private windowStart: Millis = 0;
  private spent: Millis = 0; // in this window
  private spentBefore: Millis = 0; // in the one before it
  private until: Millis = 0;

  /** A handshake took this long; `waiting` more stand behind it. */
  note(now: Millis, tookMs: Millis, waiting: number): void {
    this.turn(now);
    this.spent += tookMs;
    const share = (now - this.windowStart) / WINDOW_MS;
    const lastSecond = this.spent + this.spentBefore * (1 - share);
    if (waiting >= WAITING_MAX || lastSecond >= BUSY_SHARE_MAX * WINDOW_MS) {
      this.until = now + WINDOW_MS;
    }
  }

  isHigh(now: Millis): boolean {
    return now < this.until;
  }

  private turn(now: Millis): void {
    const windows = Math.floor((now - this.windowStart) / WINDOW_MS);
    if (windows < 1) return;
    this.spentBefore = windows === 1 ? this.spent : 0;
    this.spent = 0;
    this.windowStart += windows * WINDOW_MS;
  }
}
