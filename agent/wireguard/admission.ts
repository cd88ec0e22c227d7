// How many handshakes a source address may ask for while we are under load (WireGuard paper,
// section 5.3): a token bucket each. Only sources that have proven themselves by a cookie get here.

import { type Address, family, maskAddress, type Place } from '../bytes/address.js';
import type { Millis } from './effects.js';
import { ADMISSION_BURST, ADMISSION_PER_SECOND, ADMISSION_SOURCES_MAX } from './limits.js';

const TOKEN_MS = 1_000 / ADMISSION_PER_SECOND;
const FULL_MS = ADMISSION_BURST * TOKEN_MS; // an empty bucket is full again after this

export class Admission {
  /** Source to the moment at which its bucket is full; least recently used first. */
  private readonly fullAt = new Map<string, Millis>();

  /** Takes a token, if there is one. */
  admit(place: Place, now: Millis): boolean {
    const source = sourceOf(place);
    const fullAt = Math.max(this.fullAt.get(source) ?? 0, now);
    if (fullAt + TOKEN_MS - now > FULL_MS) return false;
    if (!this.fullAt.delete(source) && !this.makeRoom(now)) return false;
    this.fullAt.set(source, fullAt + TOKEN_MS);
    return true;
  }

  get size(): number {
    return this.fullAt.size;
  }

  /** Forgets full buckets, oldest use first; false where the table is full of others. */
  private makeRoom(now: Millis): boolean {
    for (const [source, fullAt] of this.fullAt) {
      if (fullAt > now) break;
      this.fullAt.delete(source);
    }
    return this.fullAt.size < ADMISSION_SOURCES_MAX;
  }
}

/** Whoever has an IPv6 address has its whole /64; behind a relay each channel is a source. */
function sourceOf({ endpoint, channel }: Place): string {
  const address: Address =
    family(endpoint.address) === 6 ? maskAddress(endpoint.address, 64) : endpoint.address;
  return channel === 0 ? address : `${address} ${endpoint.port} ${channel}`;
}
