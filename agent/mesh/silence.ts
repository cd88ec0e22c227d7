// Does any UDP get out here at all? Where it is blocked nobody answers, and a person should be told
// so instead of being sent to look at NATs.
//
// Known it cannot be: those who do not answer may all be away. But two that anybody reaches, at
// two addresses, silent for so long while there is no session with anybody, is what it looks like.

import type { Address } from '../bytes/address.js';
import type { Millis } from '../wireguard/effects.js';

/** Several knocks of two seconds each have gone out by then. */
export const SILENT_MS = 20_000;
const SILENT_LEAST = 2;
const ADDRESSES_MAX = 8; // more say nothing more

export class Silence {
  private readonly since = new Map<Address, Millis>();
  private now: Millis = 0;

  /** A handshake goes to somebody whom anybody reaches there, and there is no session at all. */
  onKnock(address: Address, now: Millis): void {
    this.now = now;
    if (this.since.size < ADDRESSES_MAX && !this.since.has(address)) this.since.set(address, now);
  }

  /** Somebody answered, or we are somewhere else. */
  end(): void {
    this.since.clear();
  }

  /** As of the last knock. */
  get isTotal(): boolean {
    const silent = [...this.since.values()].filter((since) => this.now - since >= SILENT_MS);
    return silent.length >= SILENT_LEAST;
  }
}
