// Whom do you know to be reachable that we do not? Records are told once to each node, and what is
// told may be lost; so it is asked of whoever is met anew, and of one of our trackers now and then.
//
//   ask-reachable {known} ─▶ the other: four bytes of each record that we hold
//             reachable ◀─── those that are not among them; nothing, where there are none
//
// One is asked after the other: the second of three trackers has little to add to the first.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect } from './effects.js';
import type { Ground } from './ground.js';

/** Between two questions: by then an answer is there. */
export const ENQUIRY_GAP_MS = 3_000;

/** And of trackers, after the first: twice as long each time. An hour costs 2 bit/s at most. */
export const ROUND_MS = 120_000;
export const ROUND_MS_MAX = 3_600_000;

/** Met anew, and not asked yet; who is met beyond that is one of very many. */
const WAITING_MAX = 64;

export class Enquiry {
  private readonly waiting = new Set<NodeId>();
  private askedAt: Millis = Number.NEGATIVE_INFINITY;
  private asked: NodeId | undefined;
  private roundAt: Millis = Number.POSITIVE_INFINITY;
  private gap = ROUND_MS;
  private turn = 0;

  constructor(
    private readonly ground: Ground,
    /** Four bytes of each record that we hold. */
    private readonly known: () => Uint8Array,
  ) {}

  /** After a time without a session. */
  onMet(node: NodeId, now: Millis, out: MeshEffect[]): void {
    if (this.waiting.size < WAITING_MAX) this.waiting.add(node);
    if (this.roundAt === Number.POSITIVE_INFINITY) this.roundAt = now + this.gap;
    this.tick(now, out);
  }

  /** Its answer had something new in it: there may be more. */
  onNews(node: NodeId): void {
    if (node === this.asked) this.waiting.add(node);
  }

  tick(now: Millis, out: MeshEffect[]): void {
    if (now >= this.roundAt) {
      this.gap = Math.min(2 * this.gap, ROUND_MS_MAX);
      this.roundAt = now + this.gap;
      const own = this.ground.trackersOf(this.ground.self);
      const tracker = own[this.turn++ % Math.max(1, own.length)];
      if (tracker !== undefined) this.waiting.add(tracker);
    }
    if (now < this.askedAt + ENQUIRY_GAP_MS) return;
    for (const node of this.waiting) {
      this.waiting.delete(node);
      if (!this.ground.isMet(node)) continue;
      this.askedAt = now;
      this.asked = node;
      out.push({ kind: 'frame', node, frame: { kind: 'ask-reachable', known: this.known() } });
      return;
    }
  }

  deadline(): Millis {
    if (this.waiting.size === 0) return this.roundAt;
    return Math.min(this.roundAt, this.askedAt + ENQUIRY_GAP_MS);
  }
}
