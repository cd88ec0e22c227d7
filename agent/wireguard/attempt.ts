// The handshake with a peer that is under way by our own initiation; at most one at a time.

import { KEY_BYTES } from '../crypto/primitives.js';
import type { PrivateKey } from '../crypto/x25519.js';
import type { Effect, Millis } from './effects.js';
import type { Ground, Times } from './ground.js';
import { type Correspondent, Initiation } from './handshake.js';
import type { Peer } from './peer.js';

export class Attempt {
  initiation: Initiation | undefined;
  at: Millis = Number.NEGATIVE_INFINITY; // when the last one was begun

  constructor(private readonly ground: Ground) {}

  /** The message, without macs; undefined for a peer whose key is of low order. */
  begin(
    peer: Peer,
    us: PrivateKey,
    them: Correspondent,
    at: Times,
    out: Effect[],
  ): Uint8Array | undefined {
    const { clock, indices, random } = this.ground;
    this.forget();
    const { timestamp, ceiling } = clock.next(at.now, at.wall);
    if (ceiling !== undefined) out.push({ kind: 'ceiling', seconds: ceiling });
    const sender = indices.add(peer);
    const begun = Initiation.begin(us, them, { ephemeral: random(KEY_BYTES), sender, timestamp });
    if (begun === undefined) indices.remove(sender);
    this.initiation = begun?.initiation;
    this.at = at.now;
    return begun?.datagram;
  }

  /** It has wiped itself; its index is the session's now. */
  done(): void {
    this.initiation = undefined;
  }

  forget(): void {
    if (this.initiation === undefined) return;
    this.ground.indices.remove(this.initiation.sender);
    this.initiation.wipe();
    this.initiation = undefined;
  }
}
