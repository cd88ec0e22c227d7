// Who is reachable by anybody: found out of ourselves (ownreach.ts), attested to others
// (witness.ts), held (reachables.ts), and told around here.
//
// Telling: each new record once, to
//   - those whose first tracker we are, or stand in for it;
//   - our own trackers, where we are reachable ourselves: that binds trackers together.
// So every node gets each record about once. What it lacks all the same it asks for (enquiry.ts).

import type { Address, Endpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Allowance } from './allowance.js';
import type { MeshEffect, Met, Times } from './effects.js';
import { Enquiry } from './enquiry.js';
import type { Sealed } from './frame.js';
import type { Candidate, Ground, NatKind } from './ground.js';
import type { ReachFrame, ReachMachine } from './machines.js';
import { OwnReach } from './ownreach.js';
import { REACHABLE_MAX, Reachables } from './reachables.js';
import type { Rendezvous } from './rendezvous.js';
import { Unsolicited } from './unsolicited.js';
import { Witness } from './witness.js';

/** Told in one answer; of one frame, so that it is not too many chunks. */
const TOLD_MAX = 64;
const PER_FRAME = 16;

/** Whom we met so lately we have asked, and it us; this is longer than a session lasts. */
const MET_MS = 600_000;
const MET_NODES_MAX = 4_096;

/** Answers to one member in a minute: a full roll of records takes two, and it may be lost. */
const ANSWERS_PER_MEMBER = 4;

/** New records are passed on together. */
const SPREAD_MS = 500;
const SPREAD_MAX = REACHABLE_MAX;

/** Records that one member may have us check in a minute. */
const RECORDS_PER_SENDER = 128;

type News = Readonly<{ sealed: Sealed; from: NodeId }>;

export type ReachPorts = Readonly<{
  ground: Ground;
  /** What is up is put into it, what is down taken out. */
  rendezvous: Rendezvous;
  whereabouts: Readonly<{ nat: NatKind; candidates: readonly Candidate[] }>;
  /** It is registered with us. */
  tracks(node: NodeId): boolean;
}>;

export class Reach implements ReachMachine {
  readonly known: Reachables;
  private readonly own: OwnReach;
  private readonly witness: Witness;
  private readonly unsolicited = new Unsolicited();
  private readonly enquiry: Enquiry;
  private readonly met = new Map<NodeId, Millis>(); // the longest ago first
  private readonly senders = new Allowance(RECORDS_PER_SENDER, 60_000, MET_NODES_MAX);
  private readonly answers = new Allowance(ANSWERS_PER_MEMBER, 60_000, MET_NODES_MAX);
  private spread: News[] = [];
  private spreadAt: Millis | undefined;

  constructor(private readonly ports: ReachPorts) {
    this.known = new Reachables(ports.ground, ports.rendezvous);
    this.own = new OwnReach(ports);
    this.witness = new Witness(ports.ground);
    this.enquiry = new Enquiry(ports.ground, () => this.known.marks());
  }

  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void {
    const blue = this.unsolicited.onMet(node, met, at.now);
    this.witness.onMet(node, met, at.now);
    this.own.onMet(node, met, blue, at, out);
    const since = this.met.get(node) ?? Number.NEGATIVE_INFINITY;
    this.met.delete(node);
    this.met.set(node, at.now);
    if (at.now > since + MET_MS) this.enquiry.onMet(node, at.now, out);
    if (this.met.size <= MET_NODES_MAX) return;
    for (const oldest of this.met.keys()) {
      this.met.delete(oldest);
      return;
    }
  }

  onSent(to: Address, now: Millis): void {
    this.unsolicited.onSent(to, now);
  }

  onFrame(node: NodeId, frame: ReachFrame, at: Times, out: MeshEffect[]): void {
    switch (frame.kind) {
      case 'attest-me':
        this.witness.onAttestMe(node, at, out);
        return;
      case 'attestation':
        if (this.own.onAttestation(node, frame, at)) this.publish(at);
        return;
      case 'check':
        this.witness.onCheck(node, frame, at, out);
        return;
      case 'knock-at':
        this.witness.onKnockAt(frame, this.known.isUp(node), at, out);
        return;
      case 'reachable':
        for (const sealed of frame.records) this.take(node, sealed, at);
        return;
      case 'ask-reachable':
        if (!this.answers.take(node, at.now)) return;
        tell(node, this.known.missing(frame.known, TOLD_MAX), out);
        return;
    }
  }

  believe(node: NodeId, endpoint: Endpoint, at: Times): void {
    this.known.believe(node, endpoint, at);
  }

  onFailed(node: NodeId, at: Times): void {
    this.known.failed(node, at.now);
  }

  onCandidates(at: Times, _out: MeshEffect[]): void {
    const { self } = this.ports.ground;
    const gone = this.own.onCandidates(at);
    if (gone === 'moved') this.known.remove(self);
    else if (gone !== undefined) this.accept(self, gone, at);
  }

  /** A clean stop: those we speak with need not find out, and tell the others. */
  bye(at: Times, out: MeshEffect[]): void {
    const withdrawal = this.own.withdraw(at);
    if (withdrawal === undefined) return;
    for (const node of this.witness.metNow) tell(node, [withdrawal], out);
  }

  onMember(node: NodeId, _at: Times): void {
    this.known.onMember(node);
    if (this.ports.ground.roll.member(node) === undefined) this.witness.forget(node);
  }

  reachable(): readonly Readonly<{ node: NodeId; endpoint: Endpoint }>[] {
    return this.known.up();
  }

  endpointOf(node: NodeId): Endpoint | undefined {
    return this.known.endpointOf(node);
  }

  records(): readonly Uint8Array[] {
    return this.known.missing(new Uint8Array(0), TOLD_MAX);
  }

  tick(at: Times, out: MeshEffect[]): void {
    this.ports.rendezvous.reseed(this.ports.ground.roll.seed);
    this.known.tick(at);
    this.own.tick(at, out);
    this.enquiry.tick(at.now, out);
    if (this.spreadAt !== undefined && at.now >= this.spreadAt) this.passOn(out);
  }

  deadline(): Millis | undefined {
    let next = this.spreadAt;
    for (const machine of [this.known, this.own, this.enquiry]) {
      const due = machine.deadline();
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  private take(from: NodeId, sealed: Sealed, at: Times): void {
    if (this.senders.take(from, at.now)) this.accept(from, sealed, at);
  }

  /** There is a record of ours: we hold it as any other, and tell it. */
  private publish(at: Times): void {
    const sealed = this.own.record?.sealed;
    if (sealed !== undefined) this.accept(this.ports.ground.self, sealed, at);
  }

  private accept(from: NodeId, sealed: Sealed, at: Times): void {
    if (!this.known.accept(sealed, at)) return;
    this.enquiry.onNews(from);
    if (this.spread.length >= SPREAD_MAX) return; // a meeting will make up for it
    this.spread.push({ sealed, from });
    this.spreadAt ??= at.now + SPREAD_MS;
  }

  private passOn(out: MeshEffect[]): void {
    const { spread } = this;
    this.spread = [];
    this.spreadAt = undefined;
    for (const node of this.witness.metNow) {
      const records = spread.filter((news) => this.passes(news, node));
      tell(
        node,
        records.map(({ sealed }) => sealed),
        out,
      );
    }
  }

  private passes({ from }: News, to: NodeId): boolean {
    const { self } = this.ports.ground;
    if (from === to) return false;
    if (from === self) return true;
    const isReachable = (node: NodeId) => this.known.endpointOf(node) !== undefined;
    if (!isReachable(self)) return !isReachable(from);
    const { ground, rendezvous } = this.ports;
    if (ground.trackersOf(self).includes(to)) return true;
    const ranked = rendezvous.rank(to);
    return ranked.length === 0 || ranked[0] === self || this.standsIn(to, ranked.slice(0, 3));
  }

  /** It is registered with us, though it has others before us: one of them must be away. */
  private standsIn(node: NodeId, first: readonly NodeId[]): boolean {
    return !first.includes(this.ports.ground.self) && this.ports.tracks(node);
  }
}

function tell(node: NodeId, records: readonly Sealed[], out: MeshEffect[]): void {
  for (let i = 0; i < records.length; i += PER_FRAME) {
    const frame = { kind: 'reachable', records: records.slice(i, i + PER_FRAME) } as const;
    out.push({ kind: 'frame', node, frame });
  }
}
