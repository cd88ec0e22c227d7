// Serving as a tracker: who is where, as they register with us, told to members that ask.
//
//   register ─▶ registered {observed, busy}       kept while the session lasts, and some time after
//   lookup   ─▶ found {record, observed}          and in the same turn, to the one looked up:
//               introduce {the asker's}           so that both begin at once
//   echo     ─▶ echoed, after the silence asked for
//   unregister                                    it has others now
//
// Records are signed by their owners: a tracker adds no more than the endpoint it sees. Whoever
// asks is a member; what members make us do is bounded all the same, for one may be broken.

import { equalBytes } from '@noble/ciphers/utils.js';
import type { Endpoint, Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Allowance } from './allowance.js';
import type { MeshEffect, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { CandidateRecord, Ground } from './ground.js';

import { Timetable } from './timetable.js';

/** Members registered at once: 20,000 records of 300 bytes are 6 MB. Above: `busy`. */
export const REGISTERED_MAX = 20_000;

/** Without a session, a registration is kept for this long: the member may be back. */
export const KEPT_MS = 3_600_000;

/** Of one that has others by right: what it said when it left may have been lost. */
export const LEFT_MS = 300_000;

/** Lookups of one node by one asker, and of all by one asker, in a window. */
export const WINDOW_MS = 30_000;
export const LOOKUPS_PER_PAIR = 8;
export const LOOKUPS_PER_ASKER = 64;
const PAIRS_MAX = 16_384; // 256 askers that use up their lookups at once

/** Introductions to one member in a window: it punches for each of them. */
export const INTRODUCTIONS_PER_MEMBER = 64;

/** Signatures checked per asker in a window; the same record again costs none. */
export const CHECKS_PER_ASKER = 16;

/** Records that were found authentic a moment ago and need no second look. */
const VERIFIED_MAX = 1_024;

/** A member may ask for silence of so many seconds: as long as a session lasts. */
export const ECHO_AFTER_MAX_S = 120;

export const TRACKING_DROPS = ['limit', 'forged', 'stale', 'foreign'] as const;
export type TrackingDrop = (typeof TRACKING_DROPS)[number];

type Verified = Readonly<{ sealed: Sealed; record: CandidateRecord }>;
type Registration = Readonly<{ sealed: Sealed; seq: number; observed: Endpoint | null }>;

/** What an asker is told. */
export type Found = Readonly<{ record: Sealed | null; observed: Endpoint | null }>;

export class Tracking {
  readonly drops: Record<TrackingDrop, number> = { limit: 0, forged: 0, stale: 0, foreign: 0 };
  private readonly registered = new Map<NodeId, Registration>();
  private readonly verified = new Map<NodeId, Verified>(); // the oldest goes first
  /** Echoes to be sent, and registrations without a session to be forgotten. */
  private readonly echoes = new Timetable();
  private readonly leaving = new Timetable();
  private readonly pairs = new Allowance(LOOKUPS_PER_PAIR, WINDOW_MS, PAIRS_MAX);
  private readonly askers = new Allowance(LOOKUPS_PER_ASKER, WINDOW_MS, REGISTERED_MAX);
  private readonly introduced = new Allowance(INTRODUCTIONS_PER_MEMBER, WINDOW_MS, REGISTERED_MAX);
  private readonly checks = new Allowance(CHECKS_PER_ASKER, WINDOW_MS, REGISTERED_MAX);

  constructor(
    private readonly ground: Ground,
    private readonly capacity = REGISTERED_MAX,
  ) {}

  get size(): number {
    return this.registered.size;
  }

  has(node: NodeId): boolean {
    return this.registered.has(node);
  }

  /** It may be one of ours that we have forgotten, since we began anew: it registers then. */
  onMet(node: NodeId, expected: boolean, out: MeshEffect[]): void {
    this.leaving.set(node, undefined);
    if (this.registered.has(node) || !expected || this.registered.size >= this.capacity) return;
    out.push({ kind: 'frame', node, frame: { kind: 'echoed', seq: 0 } });
  }

  /** `expected`: we are one of its trackers, as far as we know. */
  onLost(node: NodeId, expected: boolean, at: Times): void {
    this.echoes.set(node, undefined);
    if (!this.registered.has(node)) return;
    this.leaving.set(node, at.now + (expected ? KEPT_MS : LEFT_MS));
  }

  /** Others serve it now. */
  onUnregister(node: NodeId): void {
    this.registered.delete(node);
    this.echoes.set(node, undefined);
    this.leaving.set(node, undefined);
  }

  /** It goes, or is no member any more. */
  forget(node: NodeId): void {
    this.registered.delete(node);
    this.verified.delete(node);
    this.echoes.set(node, undefined);
    this.leaving.set(node, undefined);
  }

  onRegister(
    node: NodeId,
    frame: FrameOf<'register'>,
    from: Place,
    at: Times,
    out: MeshEffect[],
  ): void {
    const full = !this.registered.has(node) && this.registered.size >= this.capacity;
    const observed = this.observed(node, from);
    if (!full && !this.keep(node, frame.record, observed, at)) return;
    // Through a relay we see the relay's endpoint: the member must not take it for its own.
    if (observed === null) return;
    out.push({ kind: 'frame', node, frame: { kind: 'registered', observed, busy: full } });
  }

  onMoved(node: NodeId, frame: FrameOf<'moved'>, from: Place, at: Times): void {
    if (!this.registered.has(node)) return;
    this.keep(node, frame.record, this.observed(node, from), at);
  }

  onEcho(node: NodeId, frame: FrameOf<'echo'>, at: Times, out: MeshEffect[]): void {
    if (frame.after > ECHO_AFTER_MAX_S) {
      this.drops.limit++;
    } else if (frame.after === 0) {
      this.echo(node, out);
    } else {
      this.echoes.set(node, at.now + 1_000 * frame.after); // one at a time: the last counts
    }
  }

  onLookup(
    node: NodeId,
    frame: FrameOf<'lookup'>,
    from: Place,
    at: Times,
    out: MeshEffect[],
  ): void {
    if (!this.askers.take(node, at.now) || !this.pairs.take(`${node} ${frame.node}`, at.now)) {
      this.drops.limit++;
      return;
    }
    const record = this.open(node, frame.record, at);
    if (record === undefined) return;
    const found = this.lookup(frame.node);
    out.push({ kind: 'frame', node, frame: { kind: 'found', node: frame.node, ...found } });
    const observed = this.observed(node, from) ?? record.candidates[0]?.endpoint;
    if (observed === undefined || frame.node === node) return;
    this.introduce(node, frame.record, observed, frame.node, at, out);
  }

  /** What we know of a node; nothing of those who are members no more. */
  lookup(node: NodeId): Found {
    if (this.ground.roll.member(node) === undefined) return { record: null, observed: null };
    const entry = this.registered.get(node);
    const place = this.ground.isMet(node) ? this.ground.placeOf(node) : undefined;
    const observed = place?.endpoint ?? entry?.observed ?? null;
    return { record: entry?.sealed ?? null, observed };
  }

  /** Tells a member that has a session with us about somebody who looks for it. */
  introduce(
    asker: NodeId,
    record: Sealed,
    observed: Endpoint,
    to: NodeId,
    at: Times,
    out: MeshEffect[],
  ): void {
    if (!this.ground.isMet(to)) return;
    if (!this.introduced.take(to, at.now)) {
      this.drops.limit++;
      return;
    }
    const chain = this.ground.roll.chainOf(asker);
    const frame = { kind: 'introduce', node: asker, record, observed, chain } as const;
    out.push({ kind: 'frame', node: to, frame });
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (let node = this.echoes.take(at.now); node; node = this.echoes.take(at.now)) {
      if (this.ground.isMet(node)) this.echo(node, out);
    }
    for (let node = this.leaving.take(at.now); node; node = this.leaving.take(at.now)) {
      this.registered.delete(node);
    }
  }

  deadline(): Millis | undefined {
    const echo = this.echoes.next();
    const left = this.leaving.next();
    return echo === undefined || (left !== undefined && left < echo) ? left : echo;
  }

  private echo(node: NodeId, out: MeshEffect[]): void {
    const seq = this.registered.get(node)?.seq ?? 0;
    out.push({ kind: 'frame', node, frame: { kind: 'echoed', seq } });
  }

  private keep(node: NodeId, sealed: Sealed, observed: Endpoint | null, at: Times): boolean {
    const record = this.open(node, sealed, at);
    if (record === undefined) return false;
    this.registered.set(node, { sealed, seq: record.seq, observed });
    return true;
  }

  /** The record of `node`, authentic, and no older than the one we hold. */
  private open(node: NodeId, sealed: Sealed, at: Times): CandidateRecord | undefined {
    const last = this.verified.get(node);
    if (last !== undefined && equalBytes(last.sealed, sealed)) return last.record;
    if (!this.checks.take(node, at.now)) {
      this.drops.limit++;
      return undefined;
    }
    const record = this.ground.records.openCandidates(sealed);
    if (record === undefined || record.node !== node) {
      this.drops[record === undefined ? 'forged' : 'foreign']++;
      return undefined;
    }
    const known = Math.max(this.registered.get(node)?.seq ?? 0, last?.record.seq ?? 0);
    if (record.seq < known) {
      this.drops.stale++;
      return undefined;
    }
    this.verified.delete(node);
    this.verified.set(node, { sealed, record });
    if (this.verified.size > VERIFIED_MAX) {
      for (const oldest of this.verified.keys()) {
        this.verified.delete(oldest);
        break;
      }
    }
    return record;
  }

  /** Where it is, as its session shows; null where all we see is a relay. */
  private observed(node: NodeId, from: Place): Endpoint | null {
    if (from.channel === 0) return from.endpoint;
    return this.ground.placeOf(node)?.endpoint ?? null;
  }
}
