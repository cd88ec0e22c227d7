// Everything about trackers in one machine: known to our own (registering.ts), asking those of
// others (search.ts), and being one (tracking.ts).
//
//   find(P) ─▶ search ── lookup ─▶ T ── introduce ─▶ P: registered there, and met
//                  ◀──── found ───┘                  └▶ learn, urgent: it punches now
//   what is found, and who is introduced, goes to the paths (PathMachine.learn)

import type { Endpoint, Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Allowance } from './allowance.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { Candidate, Ground } from './ground.js';
import type { PathMachine, TrackerFrame, TrackerMachine } from './machines.js';
import { Newest } from './newest.js';
import { Registering } from './registering.js';
import type { Rendezvous } from './rendezvous.js';
import { Searches, TRACKERS_PER_ROUND } from './search.js';
import { Tracking } from './tracking.js';

/** Introductions that one member may bring us in half a minute, and of one node. */
const INTRODUCTIONS_PER_SENDER = 64;
const INTRODUCTIONS_PER_NODE = 8;
const WINDOW_MS = 30_000;
const KEYS_MAX = 4_096;

/** Of one node: those that serve it, and those that are asked next. */
const ASKED_MAX = 2 * TRACKERS_PER_ROUND;

export type TrackersPorts = Readonly<{
  ground: Ground;
  /** Those held to be reachable; Reach keeps it. */
  rendezvous: Rendezvous;
  learn: PathMachine['learn'];
  /** Our signed candidates; the same bytes until they change. */
  record(at: Times): Sealed;
  /** Where it is held to be reachable. */
  endpointOf(node: NodeId): Endpoint | undefined;
  /** It could not be reached for a minute. */
  unreached(node: NodeId, at: Times): void;
  /** Members that may register with us at once. */
  capacity?: number;
}>;

export class Trackers implements TrackerMachine {
  readonly tracking: Tracking;
  readonly registering: Registering;
  private readonly searches: Searches;
  private readonly newest = new Newest();
  private readonly met = new Map<NodeId, Millis>(); // since when; bounded by the roster
  private readonly bySender = new Allowance(INTRODUCTIONS_PER_SENDER, WINDOW_MS, KEYS_MAX);
  private readonly ofNode = new Allowance(INTRODUCTIONS_PER_NODE, WINDOW_MS, KEYS_MAX);
  private now: Millis = 0;

  constructor(private readonly ports: TrackersPorts) {
    const { ground } = ports;
    const reach = (node: NodeId, at: Times, out: MeshEffect[]) => this.reach(node, at, out);
    const ranked = (node: NodeId) => this.ranked(node);
    this.tracking = new Tracking(ground, ports.capacity);
    const metAt = (node: NodeId) => this.met.get(node);
    this.registering = new Registering({ ...ports, reach, metAt });
    this.searches = new Searches({
      ...ports,
      reach,
      ranked,
      tracking: this.tracking,
      newest: this.newest,
    });
  }

  /** It is registered with us. */
  tracks(node: NodeId): boolean {
    return this.tracking.has(node);
  }

  get tracked(): number {
    return this.tracking.size;
  }

  find(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    this.searches.find(node, at, out);
  }

  trackersOf(node: NodeId): readonly NodeId[] {
    if (node === this.ports.ground.self) return this.registering.own;
    return this.ranked(node).slice(0, TRACKERS_PER_ROUND);
  }

  onMet(node: NodeId, { initiator }: Met, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    this.met.set(node, at.now);
    this.registering.onMet(node, initiator, at, out);
    this.searches.onMet(node, at, out);
    this.tracking.onMet(node, this.isOurs(node), out);
  }

  onLost(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    this.met.delete(node);
    this.registering.onLost(node, at, out);
    this.tracking.onLost(node, this.isOurs(node), at);
  }

  onFrame(node: NodeId, frame: TrackerFrame, from: Place, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    switch (frame.kind) {
      case 'register':
        this.tracking.onRegister(node, frame, from, at, out);
        return;
      case 'registered':
        this.registering.onRegistered(node, frame, at, out);
        return;
      case 'lookup':
        this.tracking.onLookup(node, frame, from, at, out);
        return;
      case 'found':
        this.searches.onFound(node, frame, at, out);
        return;
      case 'introduce':
        this.onIntroduce(node, frame, at, out);
        return;
      case 'echo':
        this.tracking.onEcho(node, frame, at, out);
        return;
      case 'echoed':
        this.registering.onEchoed(node, frame, at, out);
        return;
      case 'moved':
        this.tracking.onMoved(node, frame, from, at);
        return;
      case 'unregister':
        this.tracking.onUnregister(node);
        return;
      case 'bye':
        this.tracking.forget(node);
        this.registering.onBye(node, at, out);
        return;
    }
  }

  /** Told to our trackers, and to all others with whom there is a session. */
  onRecord(at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    this.registering.onRecord(at, out);
    const { own } = this.registering;
    const frame = { kind: 'moved', record: this.ports.record(at) } as const;
    for (const node of this.met.keys())
      if (!own.includes(node)) out.push({ kind: 'frame', node, frame });
  }

  forget(node: NodeId): void {
    this.met.delete(node);
    this.tracking.forget(node);
    this.searches.forget(node);
    this.newest.forget(node);
  }

  tick(at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    this.registering.tick(at, out);
    this.searches.tick(at, out);
    this.tracking.tick(at, out);
  }

  deadline(): Millis | undefined {
    let next: Millis | undefined;
    for (const machine of [this.registering, this.searches, this.tracking]) {
      const due = machine.deadline();
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  /** As far as we know we are one of those that serve it. */
  private isOurs(node: NodeId): boolean {
    const { ground, rendezvous } = this.ports;
    return rendezvous.rank(node).slice(0, TRACKERS_PER_ROUND).includes(ground.self);
  }

  /** Of the ranking; those that were away a moment ago come last. */
  private ranked(node: NodeId): readonly NodeId[] {
    const { ground, rendezvous } = this.ports;
    const ranked = rendezvous.rank(node);
    const away = ranked.filter((one) => this.registering.isAway(one, this.now));
    const good = away.length === 0 ? ranked : ranked.filter((one) => !away.includes(one));
    if (ranked.length > 0) return [...good, ...away].slice(0, ASKED_MAX);
    // No tracker is known at all: those we are in touch with may know it.
    const others = [...this.met.keys()].filter((one) => one !== node && one !== ground.self);
    return others.slice(0, ASKED_MAX);
  }

  private reach(node: NodeId, at: Times, out: MeshEffect[]): void {
    const endpoint = this.ports.endpointOf(node);
    if (endpoint !== undefined) {
      const known: Candidate[] = [{ kind: 'configured', endpoint }];
      this.ports.learn(node, known, 'open', false, at, out);
    }
    this.ports.ground.wantPath(node, at, out);
  }

  /** Somebody looks for us, and is told of us in the same moment. */
  private onIntroduce(
    sender: NodeId,
    frame: FrameOf<'introduce'>,
    at: Times,
    out: MeshEffect[],
  ): void {
    const { ground, learn } = this.ports;
    const { node, observed } = frame;
    if (node === ground.self || ground.roll.member(node) === undefined) return;
    if (!this.bySender.take(sender, at.now) || !this.ofNode.take(node, at.now)) return;
    const record = ground.records.openCandidates(frame.record);
    if (record?.node !== node || !this.newest.accept(node, record.seq)) return;
    const candidates = [...record.candidates, { kind: 'mapped', endpoint: observed } as const];
    const good = candidates.filter(({ endpoint }) => !ground.isForbidden(endpoint.address));
    if (good.length > 0) learn(node, good, record.nat, true, at, out);
  }
}
