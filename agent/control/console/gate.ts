// The PIN of the console. Guessing takes time: after three wrong ones in a row each further one
// costs twice the wait, up to a minute. It outlives logins and replugged cables.

import { timingSafeEqual } from 'node:crypto';

const FREE_TRIES = 3; // anybody mistypes
const FIRST_WAIT_MS = 2_000;
const WAIT_MAX_MS = 60_000; // noise on the line must not lock the owner out for long

export class PinGate {
  private wrong = 0;
  private openAt = 0;

  /** Milliseconds until the next try counts. */
  wait(now: number): number {
    return Math.max(0, this.openAt - now);
  }

  /** True where it is the PIN, and no wait was left. */
  attempt(given: string, pin: Uint8Array, now: number): boolean {
    if (this.wait(now) > 0) return false;
    if (isSame(new TextEncoder().encode(given), pin)) {
      this.wrong = 0;
      return true;
    }
    this.wrong++;
    const doublings = this.wrong - FREE_TRIES;
    if (doublings >= 0) {
      this.openAt = now + Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** Math.min(doublings, 16));
    }
    return false;
  }
}

/** In a time that tells nothing of the content. */
function isSame(given: Uint8Array, pin: Uint8Array): boolean {
  const [a, b] = [new Uint8Array(256), new Uint8Array(256)];
  a.set(given.subarray(0, 256));
  b.set(pin.subarray(0, 256));
  return timingSafeEqual(a, b) && given.length === pin.length && pin.length > 0;
}
