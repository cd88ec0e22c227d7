// The door: one key pair that everybody has who knows the mesh's public key, so that somebody who
// is no member yet can be spoken to. An initiation of this key opens a porch: a peer of its own
// for a short while, which carries control frames and no IP. Nothing of it is worth a claim: who
// stands there, their frames must prove.

import { equal } from '../crypto/primitives.js';
import type { Millis, PeerId } from './effects.js';
import { PORCH_GAP_MS, PORCH_MS, PORCHES_MAX } from './limits.js';

const NEVER = Number.POSITIVE_INFINITY;

export class Door {
  private publicKey: Uint8Array | undefined;
  private readonly standing = new Map<PeerId, Millis>(); // until when, oldest first
  private fullAt: Millis = Number.NEGATIVE_INFINITY; // when as many as may stand may come at once

  setKey(publicKey: Uint8Array | null): void {
    this.publicKey = publicKey === null ? undefined : Uint8Array.from(publicKey);
  }

  isKey(publicKey: Uint8Array): boolean {
    return this.publicKey !== undefined && equal(this.publicKey, publicKey);
  }

  /** Room for one more? Eight that come together need not queue; then one a second. */
  isOpen(now: Millis): boolean {
    const hasToken = this.fullAt - now <= (PORCHES_MAX - 1) * PORCH_GAP_MS;
    return hasToken && this.standing.size < PORCHES_MAX;
  }

  enter(peer: PeerId, now: Millis): void {
    this.fullAt = Math.max(this.fullAt, now) + PORCH_GAP_MS;
    this.standing.set(peer, now + PORCH_MS);
  }

  /** False: it did not stand here. */
  leave(peer: PeerId): boolean {
    return this.standing.delete(peer);
  }

  has(peer: PeerId): boolean {
    return this.standing.has(peer);
  }

  all(): PeerId[] {
    return [...this.standing.keys()];
  }

  due(now: Millis): PeerId[] {
    return [...this.standing].filter(([, until]) => now >= until).map(([peer]) => peer);
  }

  deadline(): Millis {
    for (const until of this.standing.values()) return until;
    return NEVER;
  }
}
