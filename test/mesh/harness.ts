// Several nodes in virtual time, with trackers and reach alone: sessions come about where one can
// be reached, and last as WireGuard's do; frames arrive 20 ms later; NATs close after silence.

import type { Endpoint, Place } from '../../agent/bytes/address.js';
import type { NodeId } from '../../agent/identity/member.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import { encodeFrame } from '../../agent/mesh/frames.js';
import type { Candidate } from '../../agent/mesh/ground.js';
import { Reach } from '../../agent/mesh/reach.js';
import { Rendezvous } from '../../agent/mesh/rendezvous.js';
import { Trackers } from '../../agent/mesh/trackers.js';
import {
  endpoint,
  FakeGround,
  FakeRecords,
  type FakeRoll,
  nodeId,
  place,
  times,
} from './ground.js';

const LATENCY_MS = 20;
const RENEW_MS = 120_000;
const REJECT_MS = 180_000;
const STEPS_MAX = 2_000_000;

/** Of an IPv4 and a UDP header; a transport message around padded content; a whole handshake. */
const HEADERS = 28;
const transport = (bytes: number) => HEADERS + 32 + 16 * Math.ceil(bytes / 16);
const HANDSHAKE = 148 + 92 + 2 * HEADERS;

export type Learned = Readonly<{
  node: NodeId;
  candidates: readonly Candidate[];
  urgent: boolean;
  now: number;
}>;

export class Node {
  readonly id: NodeId;
  readonly ground: FakeGround;
  readonly rendezvous = new Rendezvous(new Uint8Array(16));
  readonly trackers: Trackers;
  readonly reach: Reach;
  readonly learned: Learned[] = [];
  readonly frames: { to: NodeId; frame: Frame; now: number }[] = [];
  candidates: Candidate[];
  seq = 1;
  alive = true;
  bytes = 0; // sent and received, with all headers
  readonly spokeAt = new Map<NodeId, number>();
  private sealed: Uint8Array;

  constructor(
    readonly world: World,
    i: number,
    roll: FakeRoll,
    public address: string,
    /** Anybody reaches it; else only whom it has sent to within `lifetimeMs`. */
    public open: boolean,
    public lifetimeMs = Number.POSITIVE_INFINITY,
    capacity?: number,
  ) {
    this.id = nodeId(i);
    this.ground = new FakeGround(this.id, roll, i);
    this.ground.trackers = (node) => this.trackers.trackersOf(node);
    this.ground.onWant = (node) => world.connect(this, node);
    this.candidates = [{ kind: 'mapped', endpoint: endpoint(address) }];
    this.sealed = this.sign();
    const whereabouts = { nat: 'easy' as const, candidates: this.candidates };
    this.reach = new Reach({
      ground: this.ground,
      rendezvous: this.rendezvous,
      whereabouts,
      tracks: (node) => this.trackers.tracks(node),
    });
    this.trackers = new Trackers({
      ground: this.ground,
      rendezvous: this.rendezvous,
      learn: (node, candidates, _nat, urgent, at) =>
        this.learned.push({ node, candidates, urgent, now: at.now }),
      record: () => this.sealed,
      endpointOf: (node) => this.reach.endpointOf(node),
      unreached: (node, at) => this.reach.onFailed(node, at),
      ...(capacity === undefined ? {} : { capacity }),
    });
  }

  /** Other addresses from now on, told to all. */
  move(address: string): void {
    this.address = address;
    this.candidates.splice(0, this.candidates.length, {
      kind: 'mapped',
      endpoint: endpoint(address),
    });
    this.sealed = this.sign();
    this.act((out, at) => {
      this.trackers.onRecord(at, out);
      this.reach.onCandidates(at, out);
    });
  }

  find(node: NodeId): void {
    this.act((out, at) => this.trackers.find(node, at, out));
  }

  act(what: (out: MeshEffect[], at: ReturnType<typeof times>) => void): void {
    const out: MeshEffect[] = [];
    what(out, times(this.world.now));
    this.world.perform(this, out);
  }

  count(kind: Frame['kind'], to?: NodeId): number {
    return this.frames.filter((f) => f.frame.kind === kind && (!to || f.to === to)).length;
  }

  deadline(): number {
    const due = [this.trackers.deadline(), this.reach.deadline()];
    return Math.min(...due.map((at) => at ?? Number.POSITIVE_INFINITY));
  }

  sign(): Uint8Array {
    const record = { seq: this.seq++, nat: 'easy' as const, candidates: this.candidates };
    return this.ground.records.signCandidates(record);
  }
}

type Session = { since: number; initiator: NodeId };

export class World {
  now = 0;
  readonly nodes = new Map<NodeId, Node>();
  readonly roll: FakeRoll;
  private readonly sessions = new Map<string, Session>();
  private restless = 0; // ticks in a row after which there was more to do at once
  private queue: { at: number; run: () => void }[] = [];

  constructor(roll: FakeRoll) {
    this.roll = roll;
  }

  add(i: number, address: string, open: boolean, lifetimeMs?: number, capacity?: number): Node {
    this.roll.add(nodeId(i));
    const node = new Node(this, i, this.roll, address, open, lifetimeMs, capacity);
    this.nodes.set(node.id, node);
    return node;
  }

  /** Everything known to each other as reachable from the start, as by an invite. */
  believe(...open: readonly Node[]): void {
    for (const node of this.nodes.values()) {
      for (const one of open) node.reach.believe(one.id, endpoint(one.address), times(this.now));
    }
  }

  /** Signs as anybody: what a test must be able to do. */
  recordsOf(node: NodeId): FakeRecords {
    return new FakeRecords(node, this.roll);
  }

  at(delayMs: number, run: () => void): void {
    const at = this.now + delayMs;
    let i = this.queue.length;
    while (i > 0 && (this.queue[i - 1] as { at: number }).at > at) i--;
    this.queue.splice(i, 0, { at, run });
  }

  connect(from: Node, to: NodeId, via?: Endpoint): void {
    const other = this.nodes.get(to);
    if (other === undefined || !from.alive) return;
    const target = via?.address ?? other.address;
    from.reach.onSent(target, this.now);
    from.spokeAt.set(to, this.now);
    this.at(2 * LATENCY_MS, () => {
      if (!from.alive || !other.alive || target !== other.address) return;
      if (!other.open && !this.isOpen(other, from)) return;
      if (!this.sessions.has(pair(from.id, to))) this.begin(from, other);
    });
  }

  /** A process that ends at once: its sessions last at the others until they find out. */
  kill(node: Node): void {
    node.alive = false;
    for (const other of this.nodes.values()) {
      const key = pair(node.id, other.id);
      const session = this.sessions.get(key);
      if (session === undefined) continue;
      this.sessions.delete(key);
      this.at(session.since + REJECT_MS - this.now, () => this.lost(other, node.id));
    }
  }

  perform(node: Node, effects: readonly MeshEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'knock') {
        for (const { endpoint: to } of effect.places) this.connect(node, effect.node, to);
      } else if (effect.kind === 'keepalive') {
        this.send(node, effect.node, undefined);
      } else if (effect.kind === 'frame') {
        node.frames.push({ to: effect.node, frame: effect.frame, now: this.now });
        this.send(node, effect.node, effect.frame);
      }
    }
  }

  /** On until then, or until nothing is to be done. */
  drive(until: number): void {
    for (let step = 0; step < STEPS_MAX; step++) {
      const due = [...this.nodes.values()].filter(({ alive }) => alive);
      const next = Math.min(this.queue[0]?.at ?? Infinity, ...due.map((node) => node.deadline()));
      if (next > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, next);
      while (this.queue[0] !== undefined && this.queue[0].at <= this.now) this.queue.shift()?.run();
      for (const node of due) {
        if (!node.alive || node.deadline() > this.now) continue;
        node.act((out, at) => {
          node.trackers.tick(at, out);
          node.reach.tick(at, out);
        });
        if (node.deadline() > this.now) this.restless = 0;
        else if (++this.restless > 20 + this.nodes.size)
          throw new Error(`${node.address} does not come to rest`);
      }
    }
    throw new Error(`more than ${STEPS_MAX} steps`);
  }

  deliver(from: Node, to: Node, frame: Frame, place_: Place = place(from.address)): void {
    to.act((out, at) => {
      switch (frame.kind) {
        case 'check':
        case 'knock-at':
        case 'attest-me':
        case 'attestation':
        case 'reachable':
        case 'ask-reachable':
          to.reach.onFrame(from.id, frame, at, out);
          return;
        case 'register':
        case 'registered':
        case 'lookup':
        case 'found':
        case 'introduce':
        case 'echo':
        case 'echoed':
        case 'unregister':
        case 'moved':
        case 'bye':
          to.trackers.onFrame(from.id, frame, place_, at, out);
          return;
        default:
          return;
      }
    });
  }

  private send(from: Node, toId: NodeId, frame: Frame | undefined): void {
    const to = this.nodes.get(toId);
    const sizes = frame === undefined ? [0] : encodeFrame(frame).map(({ length }) => length);
    const bytes = sizes.reduce((sum, size) => sum + transport(size), 0);
    from.bytes += bytes;
    from.spokeAt.set(toId, this.now);
    const traffic = from.ground.traffic(toId);
    from.ground.trafficOf.set(toId, { ...traffic, sentAt: this.now });
    if (to === undefined) return;
    const session = this.sessions.get(pair(from.id, toId));
    if (session === undefined) return;
    const isOpen = to.open || this.isOpen(to, from);
    const renews = session.initiator === from.id && this.now >= session.since + RENEW_MS;
    if (renews && isOpen) this.renew(from, to, session);
    this.at(LATENCY_MS, () => {
      if (!to.alive || !this.sessions.has(pair(from.id, toId))) return;
      if (!to.open && !this.isOpen(to, from)) return;
      to.bytes += bytes;
      if (frame !== undefined) this.deliver(from, to, frame);
    });
  }

  private isOpen(to: Node, from: Node): boolean {
    const spokeAt = to.spokeAt.get(from.id);
    return spokeAt !== undefined && this.now - spokeAt <= to.lifetimeMs;
  }

  private renew(from: Node, to: Node, session: Session): void {
    session.since = this.now;
    this.met(from, to, session);
  }

  private begin(from: Node, to: Node): void {
    const session = { since: this.now, initiator: from.id };
    this.sessions.set(pair(from.id, to.id), session);
    this.met(from, to, session);
  }

  /** A handshake, and the empty packet that confirms it. */
  private met(from: Node, to: Node, session: Session): void {
    from.spokeAt.set(to.id, this.now);
    to.spokeAt.set(from.id, this.now);
    for (const [one, other] of [[from, to] as const, [to, from] as const]) {
      one.bytes += HANDSHAKE + transport(0);
      one.ground.met.add(other.id);
      one.ground.places.set(other.id, place(other.address));
      const met = {
        initiator: one.id === from.id,
        from: place(other.address),
        hash: new Uint8Array(32),
        bare: false,
      };
      one.act((out, at) => {
        one.reach.onMet(other.id, met, at, out);
        one.trackers.onMet(other.id, met, at, out);
      });
    }
    const { since } = session;
    this.at(REJECT_MS, () => {
      if (session.since !== since || this.sessions.get(pair(from.id, to.id)) !== session) return;
      this.sessions.delete(pair(from.id, to.id));
      this.lost(from, to.id);
      this.lost(to, from.id);
    });
  }

  private lost(node: Node, other: NodeId): void {
    node.ground.met.delete(other);
    node.ground.places.delete(other);
    if (node.alive) node.act((out, at) => node.trackers.onLost(other, at, out));
  }
}

function pair(a: NodeId, b: NodeId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
