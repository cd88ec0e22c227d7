// A member that has not heard of us yet is silent: our enrolment has not come to it by gossip, so
// to it our handshake is a stranger's. Then we go to its door, as a newcomer does, and show our
// chain (design section 4, "Door"); the handshake under way is answered from then on.
//
//   knock, no answer for 0.5 s ──▶ visit ──▶ no answer: again, later, three times ──▶ met, or never
//
// Whether it does not know us or is not there cannot be told apart; so visits are few.

import type { Endpoint, Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Bucket } from './bucket.js';
import type { MeshEffect, Times } from './effects.js';
import type { Machine } from './machines.js';
import { Timetable } from './timetable.js';

/** Two copies of the initiation and an answer from afar have had their time. */
export const VISIT_AFTER_MS = 500;
/** One that does not answer three is not there; what is there hears of us by gossip in the end. */
export const VISITS_MAX = 3;
/** Longer than a knock lasts: between two visits to one member, doubled each time. */
export const VISIT_GAP_MS = 5_000;
/** After so long it may be there again. */
export const VISITS_AGAIN_MS = 600_000;
/** Doors tried at once: what it proved before, or what it has said, stands first. */
export const DOORS_PER_VISIT = 4;
/** Members that are sought and silent at one time; of more the longest sought is forgotten. */
export const SOUGHT_MAX = 256;
/** Each visit is a handshake of its own, out of sockets of its own. */
const VISITS_PER_10_S = 8;

type Sought = {
  endpoints: readonly Endpoint[];
  tries: number;
  at: Millis; // of the last try, or since when it is sought
  due: boolean;
};

export class Visitor implements Machine {
  private readonly sought = new Map<NodeId, Sought>(); // the oldest first
  private readonly timetable = new Timetable();
  private readonly pace = new Bucket(VISITS_PER_10_S, 10_000);

  constructor(private readonly isMet: (node: NodeId) => boolean) {}

  /** A handshake with it was begun there. Through a channel nobody gets to a door. */
  onKnock(node: NodeId, places: readonly Place[], at: Times): void {
    const direct = places.filter(({ channel }) => channel === 0).map(({ endpoint }) => endpoint);
    if (direct.length === 0 || this.isMet(node)) return;
    const known = this.sought.get(node);
    const fresh = known === undefined || at.now - known.at >= VISITS_AGAIN_MS;
    const entry = fresh ? { endpoints: direct, tries: 0, at: at.now, due: false } : known;
    entry.endpoints = direct.slice(0, DOORS_PER_VISIT);
    if (fresh) this.add(node, entry);
    if (entry.due || entry.tries >= VISITS_MAX) return;
    entry.due = true;
    const gap = entry.tries === 0 ? 0 : VISIT_GAP_MS * 2 ** (entry.tries - 1);
    this.timetable.set(node, Math.max(at.now + VISIT_AFTER_MS, entry.at + gap));
  }

  onMet(node: NodeId): void {
    this.sought.delete(node);
    this.timetable.set(node, undefined);
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (let node = this.timetable.take(at.now); node; node = this.timetable.take(at.now)) {
      const entry = this.sought.get(node);
      if (entry === undefined) continue;
      entry.due = false;
      if (this.isMet(node) || !this.pace.take(at.now)) continue;
      entry.tries++;
      entry.at = at.now;
      out.push({ kind: 'visit', node, endpoints: entry.endpoints });
    }
  }

  deadline(): Millis | undefined {
    return this.timetable.next();
  }

  private add(node: NodeId, entry: Sought): void {
    this.sought.delete(node);
    this.sought.set(node, entry);
    for (const oldest of this.sought.keys()) {
      if (this.sought.size <= SOUGHT_MAX) return;
      this.onMet(oldest);
    }
  }
}
