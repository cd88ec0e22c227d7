// What gossip keeps of one session: what is to go there and what came from there, both bounded,
// and when digests were last compared.

import type { NodeId, StatementId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Bucket } from './bucket.js';

export const HOLD_MAX = 4_096; // ids that wait to go to one peer; what is dropped it asks for again
export const INTAKE_MAX = 64; // frames of one peer that wait to be verified, some 75 KiB
export const PACE_MS = 100;
export const PEER_BYTES = 8_192; // per PACE_MS: 80 KiB/s, which a slow uplink bears for a minute

// Frames of one peer that are taken without delay: a burst, and so many each second ever after.
const ASKS = { count: 32, perMs: 8_000 }; // ranges and fetches: each costs us some milliseconds
const TAKES = { count: 32, perMs: 2_000 }; // statements: some three signatures each

export class GossipPeer {
  digestAt = Number.NEGATIVE_INFINITY; // the last that we sent
  comparedAt = Number.NEGATIVE_INFINITY; // the last of either side
  openedAt = Number.NEGATIVE_INFINITY;
  heardAt = Number.NEGATIVE_INFINITY; // the last frame of a round
  catchUntil = Number.NEGATIVE_INFINITY;
  told: Uint8Array | undefined; // fingerprint of ours that it was told, or that was theirs, too
  doubts = 0; // digests that go out sooner, since there was a difference
  theirs: Uint8Array | undefined; // fingerprint in their last digest
  isAhead = false; // it has many that we lack
  openAt: Millis | undefined;
  checkAt: Millis | undefined; // a digest then, to see whether something is left
  fruitless = 0; // rounds since something came of one
  readonly asks = new Bucket(ASKS.count, ASKS.perMs);
  readonly takes = new Bucket(TAKES.count, TAKES.perMs);
  readonly intake: (readonly Uint8Array[])[] = [];
  private readonly held = new Set<StatementId>(); // first in, first out

  constructor(
    readonly node: NodeId,
    /** Of the two, we begin rounds. */
    readonly begins: boolean,
  ) {}

  get holds(): number {
    return this.held.size;
  }

  hold(ids: readonly StatementId[]): void {
    for (const id of ids) {
      if (this.held.size >= HOLD_MAX) return;
      this.held.add(id);
    }
  }

  next(): StatementId | undefined {
    for (const id of this.held) {
      this.held.delete(id);
      return id;
    }
    return undefined;
  }
}

const ASKED_MAX = 8_192; // ids; the oldest are forgotten
const ASK_AGAIN_MS = 2_000; // by then it came, or was lost; doubles each time ...
const ASK_AGAIN_MAX_MS = 600_000; // ... for it may have come, and been refused

/** What was asked for lately, of whomever: neither all at once nor for ever. */
export class Asked {
  private readonly asked = new Map<StatementId, { at: Millis; wait: Millis }>();

  mayAsk(id: StatementId, now: Millis): boolean {
    const before = this.asked.get(id);
    if (before !== undefined && now - before.at < before.wait) return false;
    const wait = before === undefined ? ASK_AGAIN_MS : Math.min(ASK_AGAIN_MAX_MS, 2 * before.wait);
    this.asked.delete(id);
    this.asked.set(id, { at: now, wait });
    if (this.asked.size > ASKED_MAX) {
      const [oldest] = this.asked.keys();
      if (oldest !== undefined) this.asked.delete(oldest);
    }
    return true;
  }
}
