// The path machine: for each member, where it is reached. This file keeps the members apart and the
// clock; peerpath.ts is one of them.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf } from './frame.js';
import type { Candidate, Ground, NatKind } from './ground.js';
import type { PathMachine, PathReasonView, PathView } from './machines.js';
import { PeerPath } from './peerpath.js';
import { Puncher } from './punch.js';
import { explain } from './reason.js';
import { soonest, Timetable } from './timetable.js';
import { noWishes } from './wishes.js';

const UNMET_MAX = 2_048; // peers without a session about which something is remembered
const BURSTS_MAX = 64; // at once, for peers that we did not want: they come at others' word
const WISH_GAP_MS = 400; // between two questions about one peer

/** What the path machine asks others to do; Mesh hands it on. */
export interface PathAsks {
  /** Ask its trackers where it is, and to tell it of us. */
  find(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** Open a way to it through a relay. */
  relay(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** Nothing comes through `via`: open another way, if there is one. */
  suspect(node: NodeId, via: NodeId, at: Times, out: MeshEffect[]): void;
  /** What is remembered of it, or held to be reachable by anybody (`nat`: open). */
  recall(node: NodeId): Readonly<{ candidates: readonly Candidate[]; nat: NatKind }> | undefined;
}

export type PathOptions = Readonly<{
  /** The largest packet inside the tunnel: the MTU of the TUN device. */
  mtuMax?: number;
  /** Our own NAT and listen port, for the reasons. */
  own?: () => Readonly<{ nat: NatKind; port: number }>;
  /** Guess the ports of a hard NAT (punch.ts); off by default. */
  prediction?: () => boolean;
  /** Peers for which no direct path is to be looked for. */
  relayOnly?: (node: NodeId) => boolean;
}>;

export class Paths implements PathMachine {
  private readonly peers = new Map<NodeId, PeerPath>();
  private readonly timetable = new Timetable();
  private readonly askedAt = new Map<NodeId, Millis>();
  private readonly bursting = new Set<NodeId>();
  private readonly puncher: Puncher;
  private metCount = 0;

  constructor(
    private readonly ground: Ground,
    private readonly asks: PathAsks,
    private readonly options: PathOptions = {},
  ) {
    this.puncher = new Puncher(ground, options.prediction ?? (() => false));
  }

  want(node: NodeId, at: Times, out: MeshEffect[]): void {
    const peer = this.peer(node, at.now);
    if (peer === undefined) return;
    if (!peer.met) this.recall(peer, at);
    peer.want(at, out);
    this.settle(peer, at, out);
  }

  learn(
    node: NodeId,
    candidates: readonly Candidate[],
    nat: NatKind,
    urgent: boolean,
    at: Times,
    out: MeshEffect[],
  ): void {
    if (this.options.relayOnly?.(node)) return;
    const peer = this.peer(node, at.now);
    if (peer === undefined) return;
    const crowded = this.bursting.size >= BURSTS_MAX && !peer.isBusy(at.now);
    peer.learn(candidates, nat, urgent && !crowded, at, out);
    this.settle(peer, at, out);
  }

  relayed(node: NodeId, via: NodeId, place: Place | null, at: Times, out: MeshEffect[]): void {
    const peer = place === null ? this.peers.get(node) : this.peer(node, at.now);
    if (peer === undefined) return;
    peer.relayed(via, place, at, out);
    this.settle(peer, at, out);
  }

  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void {
    const peer = this.peer(node, at.now);
    if (peer === undefined) return;
    if (!peer.met) this.metCount++;
    peer.onMet(met, at, out);
    this.settle(peer, at, out);
  }

  onLost(node: NodeId, at: Times, out: MeshEffect[]): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    if (peer.met) this.metCount--;
    peer.onLost();
    this.settle(peer, at, out);
  }

  onProbe(
    node: NodeId,
    frame: FrameOf<'probe'>,
    from: Place,
    bytes: number,
    at: Times,
    out: MeshEffect[],
  ): void {
    const peer = this.peer(node, at.now);
    if (peer === undefined) return;
    peer.onProbe(frame, from, bytes, at, out);
    this.settle(peer, at, out);
  }

  onProbeAck(
    node: NodeId,
    frame: FrameOf<'probe-ack'>,
    from: Place,
    at: Times,
    out: MeshEffect[],
  ): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    peer.onProbeAck(frame, from, at);
    this.settle(peer, at, out);
  }

  onSeen(node: NodeId, place: Place, at: Times, out: MeshEffect[]): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    peer.onSeen(place, at, out);
    this.settle(peer, at, out);
  }

  onActive(node: NodeId, at: Times, out: MeshEffect[]): void {
    const peer = this.peer(node, at.now);
    if (peer === undefined) return;
    peer.onActive(at, out);
    this.settle(peer, at, out);
  }

  onCalm(node: NodeId): void {
    this.peers.get(node)?.onCalm();
  }

  onMoved(at: Times, out: MeshEffect[]): void {
    for (const peer of [...this.peers.values()]) {
      peer.onMoved(at, out);
      this.settle(peer, at, out);
    }
  }

  forget(node: NodeId, out: MeshEffect[]): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    this.drop(peer);
    this.puncher.forget(peer, out);
    if (peer.choice.place !== null) out.push({ kind: 'place', node, place: null, second: null });
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (;;) {
      const node = this.timetable.take(at.now);
      if (node === undefined) break;
      const peer = this.peers.get(node);
      if (peer === undefined) continue;
      peer.tick(at, out);
      this.settle(peer, at, out);
    }
    this.puncher.tick(at, out);
  }

  deadline(): Millis | undefined {
    return soonest([this.timetable.next(), this.puncher.deadline()]);
  }

  view(node: NodeId): PathView {
    const peer = this.peers.get(node);
    const current = peer?.met ? peer.choice.current : null;
    const direct = current !== null && current.via === null;
    return {
      class: current === null ? 'none' : direct ? 'direct' : 'relay',
      via: current?.via ?? null,
      place: current?.place ?? null,
      rttMs: current?.rttMs ?? null,
      mtu: current?.mtu ?? null,
      reason: direct ? null : this.reason(node, peer),
    };
  }

  direct(node: NodeId): Place | undefined {
    const peer = this.peers.get(node);
    return peer?.met ? peer.choice.bestDirect()?.place : undefined;
  }

  /** Peers about which something is known; for tests of the bounds. */
  get size(): number {
    return this.peers.size;
  }

  private reason(node: NodeId, peer: PeerPath | undefined): PathReasonView {
    const own = this.own();
    let candidates = 0;
    for (const route of peer?.routes ?? []) if (route.via === null) candidates++;
    return explain({
      met: peer?.met ?? false,
      relayOnly: this.options.relayOnly?.(node) ?? false,
      ours: own.nat,
      theirs: peer?.nat ?? 'unknown',
      candidates,
      tries: peer?.retry.tries ?? 0,
      trying: peer?.bursting ?? false,
      port: own.port,
    });
  }

  private own(): { nat: NatKind; port: number } {
    return this.options.own?.() ?? { nat: 'unknown', port: 0 };
  }

  /** Members only; where too many without a session are remembered, the one longest unused goes. */
  private peer(node: NodeId, now: Millis): PeerPath | undefined {
    const known = this.peers.get(node);
    if (known !== undefined) return known;
    if (node === this.ground.self || this.ground.roll.member(node) === undefined) return undefined;
    if (this.peers.size - this.metCount >= UNMET_MAX) this.makeRoom();
    const peer = new PeerPath(node, this.ground, this.options.mtuMax ?? 1_420);
    peer.usedAt = now;
    this.peers.set(node, peer);
    return peer;
  }

  private makeRoom(): void {
    let oldest: PeerPath | undefined;
    for (const peer of this.peers.values()) {
      if (!peer.met && (oldest === undefined || peer.usedAt < oldest.usedAt)) oldest = peer;
    }
    if (oldest !== undefined) this.drop(oldest);
  }

  private drop(peer: PeerPath): void {
    const { node } = peer;
    if (peer.met) this.metCount--;
    this.peers.delete(node);
    this.askedAt.delete(node);
    this.bursting.delete(node);
    this.timetable.set(node, undefined);
  }

  private recall(peer: PeerPath, at: Times): void {
    const known = this.asks.recall(peer.node);
    if (known === undefined || this.options.relayOnly?.(peer.node)) return;
    peer.remind(known.candidates, known.nat, at.now);
  }

  /** What the event came to; then what others are asked, who may call back in turn. */
  private settle(peer: PeerPath, at: Times, out: MeshEffect[]): void {
    peer.settle(at, out);
    const { node, wishes } = peer;
    peer.wishes = noWishes();
    if (peer.bursting) this.bursting.add(node);
    else this.bursting.delete(node);
    this.puncher.settle(peer, out);
    if (peer.retry.tries > 0) this.puncher.consider(peer, this.own().nat, at, out);
    this.timetable.set(node, peer.deadline(at.now));
    const relay = wishes.check === null ? undefined : this.peers.get(wishes.check);
    if (relay !== undefined && relay !== peer) {
      relay.check(at, out);
      this.settle(relay, at, out);
    }
    if (wishes.suspect !== null) this.asks.suspect(node, wishes.suspect, at, out);
    if (!wishes.find && !wishes.relay) return;
    if (at.now - (this.askedAt.get(node) ?? Number.NEGATIVE_INFINITY) < WISH_GAP_MS) return;
    this.askedAt.set(node, at.now);
    if (wishes.relay) this.asks.relay(node, at, out);
    if (wishes.find) this.asks.find(node, at, out);
  }
}
