// Those who are reachable by anybody, as far as we know; from among them trackers are drawn.
//
//   waiting ──2 min──▶ up ──60 s of failed attempts──▶ down ──5 min──▶ waiting
//      the first few are up at once; six hours after its signing a record is no longer believed
//
// The hold-down keeps one that comes and goes from dealing the trackers anew each time.

import { equalBytes } from '@noble/ciphers/utils.js';
import type { Endpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Times } from './effects.js';
import type { Sealed } from './frame.js';
import type { Ground, Reachable } from './ground.js';
import { type Rendezvous, standing } from './rendezvous.js';
import { Timetable } from './timetable.js';

/**
 * Records held at once. More trackers would make nobody faster, and each record goes to each node
 * every few hours: 128 of 450 bytes in 5 h are 26 bit/s. Which 128, all agree on. In a mesh of
 * 10,000 each of them serves some 230, whose sessions take 6 kbit/s.
 */
export const REACHABLE_MAX = 128;

/** A record is believed for so long after its signing. */
export const VALID_MS = 6 * 3_600_000;

/** Clocks may differ by this much (mesh time). */
export const CLOCK_SLACK_MS = 600_000;

export const UP_AFTER_MS = 120_000;
export const DOWN_MS = 300_000;

/** While fewer than these are up, there is nothing to hold steady. */
const FIRST = 3;

/** From an invite, without a record: replaced by one soon, or it was the wrong thing to believe. */
const BELIEVED_MS = 24 * 3_600_000;

/** A record that ran out while there is a session with its node: it is where it was. */
const EXTENDED_MS = 3_600_000;

/** In a mesh of fewer members one witness is enough, since there may be no second. */
export const ONE_WITNESS_BELOW = 8;

export const REACHABLE_DROPS = ['forged', 'old', 'witnesses', 'forbidden', 'full'] as const;
export type ReachableDrop = (typeof REACHABLE_DROPS)[number];

type Entry = {
  sealed: Sealed | undefined; // undefined: believed
  endpoint: Endpoint;
  at: Millis; // mesh time of signing
  heardAt: Millis;
  expiresAt: Millis; // as monotonic time
  state: 'waiting' | 'up' | 'down' | 'gone'; // gone: it said so itself
  until: Millis; // of waiting and down
  standing: number;
};

export class Reachables {
  readonly drops: Record<ReachableDrop, number> = {
    forged: 0,
    old: 0,
    witnesses: 0,
    forbidden: 0,
    full: 0,
  };
  private readonly entries = new Map<NodeId, Entry>();
  private readonly due = new Timetable();
  /** The last bytes of records that were accepted: the same again needs no second look. */
  private readonly tails = new Map<NodeId, string>();
  private readonly accepted = new Set<string>();
  private seed: Uint8Array; // of the standings

  constructor(
    private readonly ground: Ground,
    private readonly rendezvous: Rendezvous,
  ) {
    this.seed = ground.roll.seed;
  }

  /** A record of somebody, from anybody; false where it is known already, or not believed. */
  accept(sealed: Sealed, at: Times): boolean {
    const tail = tailOf(sealed);
    if (this.accepted.has(tail)) return false;
    const record = this.ground.records.openReachable(sealed);
    if (record === undefined) return this.drop('forged');
    const age = this.ground.meshTime(at) - record.at;
    const old = this.entries.get(record.node);
    if (age > VALID_MS || age < -CLOCK_SLACK_MS) return this.drop('old');
    if (old?.sealed !== undefined && record.at <= old.at) return this.drop('old');
    if (record.witnesses.length === 0) return this.withdraw(record, sealed, at);
    if (!this.hasWitnesses(record)) return this.drop('witnesses');
    if (this.ground.isForbidden(record.endpoint.address)) return this.drop('forbidden');
    if (old === undefined && !this.makeRoom(record.node)) return this.drop('full');
    this.put(record.node, record.endpoint, at.now, {
      sealed,
      at: record.at,
      expiresAt: at.now + VALID_MS - age,
    });
    this.note(record.node, tail);
    return true;
  }

  /** Kept as long as the record would have been, so that this one is not believed again. */
  private withdraw({ node, at: signedAt }: Reachable, sealed: Sealed, at: Times): boolean {
    const entry = this.entries.get(node);
    if (entry === undefined) return false;
    // The last one that is left is tried on: where else would it come back?
    if (entry.state === 'up' && node !== this.ground.self && this.upCount(node) === 0) return false;
    Object.assign(entry, { sealed, at: signedAt, heardAt: at.now, state: 'gone' });
    entry.expiresAt = at.now + VALID_MS;
    entry.until = entry.expiresAt;
    this.note(node, tailOf(sealed));
    this.settle(node, entry);
    return true;
  }

  private note(node: NodeId, tail: string): void {
    this.accepted.delete(this.tails.get(node) ?? '');
    this.tails.set(node, tail);
    this.accepted.add(tail);
  }

  believe(node: NodeId, endpoint: Endpoint, at: Times): void {
    if (node === this.ground.self || this.entries.get(node)?.sealed !== undefined) return;
    if (!this.entries.has(node) && !this.makeRoom(node)) return;
    const expiresAt = at.now + BELIEVED_MS;
    this.put(node, endpoint, at.now, { sealed: undefined, at: 0, expiresAt });
  }

  /** It was tried for a minute. The last one that is left is kept: there is nothing better. */
  failed(node: NodeId, now: Millis): void {
    const entry = this.entries.get(node);
    if (entry === undefined || entry.state === 'down' || entry.state === 'gone') return;
    if (entry.state === 'up' && this.upCount(node) === 0) return;
    entry.state = 'down';
    entry.until = now + DOWN_MS;
    this.settle(node, entry);
  }

  remove(node: NodeId): void {
    if (!this.entries.delete(node)) return;
    this.accepted.delete(this.tails.get(node) ?? '');
    this.tails.delete(node);
    this.due.set(node, undefined);
    this.rendezvous.remove(node);
  }

  /** The roster knows it in another way now, or no longer. */
  onMember(node: NodeId): void {
    const entry = this.entries.get(node);
    if (entry === undefined) return;
    if (this.ground.roll.member(node) === undefined) this.remove(node);
    else this.settle(node, entry);
  }

  endpointOf(node: NodeId): Endpoint | undefined {
    const entry = this.entries.get(node);
    return entry?.state === 'gone' ? undefined : entry?.endpoint;
  }

  isUp(node: NodeId): boolean {
    return this.entries.get(node)?.state === 'up';
  }

  up(): readonly Readonly<{ node: NodeId; endpoint: Endpoint }>[] {
    const found = [];
    for (const [node, { endpoint, state }] of this.entries) {
      if (state === 'up') found.push({ node, endpoint });
    }
    return found;
  }

  /** Four bytes of each record that we hold: another knows by them what we lack. */
  marks(): Uint8Array {
    const sealed = this.sealed().slice(0, REACHABLE_MAX); // and perhaps one more: our own
    const marks = new Uint8Array(MARK_BYTES * sealed.length);
    for (const [i, record] of sealed.entries()) marks.set(markOf(record), MARK_BYTES * i);
    return marks;
  }

  /** The records that are not among these marks, the newest first. */
  missing(marks: Uint8Array, atMost: number): Sealed[] {
    const known = new Set<string>();
    for (let i = 0; i + MARK_BYTES <= marks.length; i += MARK_BYTES)
      known.add(String.fromCharCode(...marks.subarray(i, i + MARK_BYTES)));
    return this.sealed()
      .filter((record) => !known.has(String.fromCharCode(...markOf(record))))
      .slice(0, atMost);
  }

  /** The newest first. */
  private sealed(): Sealed[] {
    return [...this.entries.values()]
      .sort((a, b) => b.heardAt - a.heardAt)
      .flatMap(({ sealed }) => (sealed === undefined ? [] : [sealed]));
  }

  tick({ now }: Times): void {
    for (let node = this.due.take(now); node; node = this.due.take(now)) {
      const entry = this.entries.get(node);
      if (entry === undefined) continue;
      if (now >= entry.expiresAt && !this.extend(node, entry, now)) {
        this.remove(node);
        continue;
      }
      if (entry.state === 'waiting' && now >= entry.until) entry.state = 'up';
      if (entry.state === 'down' && now >= entry.until) this.wait(entry, now);
      this.settle(node, entry);
    }
  }

  deadline(): Millis | undefined {
    return this.due.next();
  }

  private put(
    node: NodeId,
    endpoint: Endpoint,
    now: Millis,
    rest: Pick<Entry, 'sealed' | 'at' | 'expiresAt'>,
  ): void {
    const old = this.entries.get(node);
    const entry: Entry = {
      state: 'waiting',
      until: now,
      standing: old?.standing ?? standing(this.seed, node),
      ...old,
      ...rest,
      endpoint,
      heardAt: now,
    };
    if (old === undefined || old.state === 'down' || old.state === 'gone') this.wait(entry, now);
    this.entries.set(node, entry);
    this.settle(node, entry);
  }

  private wait(entry: Entry, now: Millis): void {
    entry.state = this.upCount() < FIRST ? 'up' : 'waiting';
    entry.until = now + UP_AFTER_MS;
  }

  /** Its place among the trackers, and when to look at it again, follow from its state. */
  private settle(node: NodeId, entry: Entry): void {
    const roles = this.ground.roll.member(node)?.roles ?? [];
    if (entry.state === 'up' && roles.includes('tracker')) this.rendezvous.add(node);
    else this.rendezvous.remove(node);
    const until = entry.state === 'up' ? entry.expiresAt : entry.until;
    this.due.set(node, Math.min(until, entry.expiresAt));
  }

  /** With a session in use it is no doubt alive; but we vouch for that to nobody. */
  private extend(node: NodeId, entry: Entry, now: Millis): boolean {
    if (entry.state === 'gone' || !this.ground.isMet(node)) return false;
    entry.sealed = undefined;
    entry.expiresAt = now + EXTENDED_MS;
    return true;
  }

  /** Other nodes that are up, as far as FIRST. */
  private upCount(without?: NodeId): number {
    let count = 0;
    for (const [node, { state }] of this.entries) {
      if (state !== 'up' || node === without || node === this.ground.self) continue;
      if (++count === FIRST) break;
    }
    return count;
  }

  private hasWitnesses({ node, witnesses }: Reachable): boolean {
    const others = new Set(witnesses.filter((witness) => witness !== node));
    return others.size >= (this.ground.roll.memberCount < ONE_WITNESS_BELOW ? 1 : 2);
  }

  /** Where it is full, the node of the lowest standing goes, if it is not the new one. */
  private makeRoom(node: NodeId): boolean {
    if (this.entries.size < REACHABLE_MAX) return true;
    this.reseed();
    let lowest = node;
    let least = standing(this.seed, node);
    for (const [other, { standing: its }] of this.entries) {
      if (its < least && other !== this.ground.self) [lowest, least] = [other, its];
    }
    if (lowest === node) return node === this.ground.self;
    this.remove(lowest);
    return true;
  }

  private reseed(): void {
    const { seed } = this.ground.roll;
    if (equalBytes(seed, this.seed)) return;
    this.seed = seed;
    for (const [node, entry] of this.entries) entry.standing = standing(seed, node);
  }

  private drop(reason: ReachableDrop): false {
    this.drops[reason]++;
    return false;
  }
}

const MARK_BYTES = 4;
const markOf = (sealed: Sealed) => sealed.subarray(-MARK_BYTES);

/** A signature ends it, so its last bytes are unlike those of any other record. */
function tailOf(sealed: Sealed): string {
  return String.fromCharCode(...sealed.subarray(-16));
}
