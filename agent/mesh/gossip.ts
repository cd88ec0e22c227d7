// Spreads statements. Three ways, each for what it is good at:
//
//   pushed      what is new here goes to every session but the one it came from, at once
//   digest      count and fingerprint of all: on meeting, and now and then in the place of an
//               empty keepalive; who hears one that is his own says nothing
//   reconciled  where digests differ: ranges to and fro (reconcile.ts), until each side knows what
//               the other lacks. The lower node id begins, so that not both do.
//
// What came by reconciliation is not pushed on one by one, but for revocations: a digest tells the
// others. Nothing is passed on that `take` has not found proven.

import { compareBytes } from '../bytes/cbor.js';
import type { NodeId, StatementId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { Frame, FrameOf } from './frame.js';
import { Asked, GossipPeer, INTAKE_MAX, PACE_MS, PEER_BYTES } from './gossippeer.js';
import type { Ground } from './ground.js';
import { batches, type Library, type Take } from './library.js';
import type { GossipFrame, GossipMachine } from './machines.js';
import { answer, opening } from './reconcile.js';
import { Timetable } from './timetable.js';

export const PUSH_MAX = 64; // more at once than a mesh says in a day: told by digest
export const PACE_BYTES = 16_384; // per PACE_MS, to all peers together: 160 KiB/s
export const SLICE_FRAMES = 8; // per PACE_MS, that are verified in the background
export const DIGEST_GAP_MS = 1_000; // between two to the same peer
export const RIDE_GAP_MS = 100_000; // between two, of either side, in a session that goes on ...
export const DOUBT_GAP_MS = 30_000; // ... where one was different, or something came to be since
const DOUBTS = 8; // who sends a digest that is the other's, too, is not told so
export const ROUND_MS = 3_000; // without a word: one was lost
export const QUIET_MS = 1_000; // statements are still coming in: not yet another round
export const FRUITLESS_MAX_MS = 600_000; // a difference that rounds do not settle is let be
export const CATCH_MS = 10_000; // after a range came, what comes is a reconciliation's
export const AHEAD = 64; // more ids than we have: of such peers one at a time tells us
export const ANNOUNCE_MS = 2_000; // after the last that was caught up with

const NONE = new Uint8Array(0);
const PACE = 'pace';
const ANNOUNCE = 'announce';

export class Gossip implements GossipMachine {
  private readonly peers = new Map<NodeId, GossipPeer>();
  private readonly asked = new Asked();
  private readonly times = new Timetable(); // by node, for its next round or digest
  private now: Millis = 0; // of the last event
  private pacing = false;
  private leader: { node: NodeId; until: Millis } | undefined; // who tells us what we lack

  constructor(
    private readonly ground: Ground,
    private readonly library: Library,
    private readonly take: Take,
  ) {}

  onMet(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    let peer = this.peers.get(node);
    if (peer === undefined) {
      peer = new GossipPeer(node, this.ground.self < node);
      this.peers.set(node, peer);
      this.sendDigest(peer, at.now, out);
    } else if (peer.begins && at.now - peer.comparedAt >= RIDE_GAP_MS) {
      this.sendDigest(peer, at.now, out); // a session renewed, which no keepalives keep
    }
  }

  onLost(node: NodeId): void {
    this.peers.delete(node);
    this.times.set(node, undefined);
  }

  /** In the place of an empty keepalive: a frame is one, too. */
  ride(node: NodeId, at: Times, out: MeshEffect[]): boolean {
    const peer = this.peers.get(node);
    // Where a NAT forgets quickly, most keepalives are nothing but that.
    if (peer === undefined || at.now - peer.comparedAt < DOUBT_GAP_MS) return false;
    const { fingerprint } = this.digest();
    const isNews = peer.told === undefined || compareBytes(peer.told, fingerprint) !== 0;
    if (peer.doubts > 0) peer.doubts--;
    else if (!isNews && at.now - peer.comparedAt < RIDE_GAP_MS) return false;
    this.sendDigest(peer, at.now, out);
    return true;
  }

  onFrame(node: NodeId, frame: GossipFrame, at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    switch (frame.kind) {
      case 'digest':
        this.onDigest(peer, frame, at.now, out);
        return;
      case 'ranges':
        if (peer.asks.take(at.now)) this.onRanges(peer, frame, at.now, out);
        return;
      case 'fetch':
        if (peer.asks.take(at.now)) this.hold(peer, frame.ids);
        return;
      case 'statements':
        if (peer.takes.take(at.now)) this.takeIn(peer, frame.statements, at, out);
        else if (peer.intake.length < INTAKE_MAX) peer.intake.push(frame.statements);
        if (peer.intake.length > 0) this.pace();
    }
  }

  tell(statements: readonly Uint8Array[], except: NodeId | null, out: MeshEffect[]): void {
    const urgent = statements.filter((one) => this.library.isUrgent(one));
    const rest = statements.filter((one) => !urgent.includes(one));
    const few = statements.length <= PUSH_MAX;
    if (!few) this.times.set(ANNOUNCE, this.now + ANNOUNCE_MS);
    const frames = batches(few ? [...urgent, ...rest] : urgent);
    if (frames.length === 0) return;
    for (const { node } of this.peers.values()) {
      if (node === except) continue;
      for (const batch of frames) this.send(node, { kind: 'statements', statements: batch }, out);
    }
  }

  tick(at: Times, out: MeshEffect[]): void {
    this.now = at.now;
    for (let key = this.times.take(at.now); key !== undefined; key = this.times.take(at.now)) {
      const peer = this.peers.get(key);
      if (key === PACE) this.letThrough(at, out);
      else if (key === ANNOUNCE) this.announce(at.now, out);
      else if (peer !== undefined) this.goOn(peer, at.now, out);
    }
  }

  deadline(): Millis | undefined {
    return this.times.next();
  }

  // Digests and rounds

  private onDigest(
    peer: GossipPeer,
    { count, fingerprint }: FrameOf<'digest'>,
    now: Millis,
    out: MeshEffect[],
  ): void {
    const ours = this.digest();
    if (peer.theirs === undefined || compareBytes(peer.theirs, fingerprint) !== 0) {
      peer.fruitless = 0; // something came of the last round over there
    }
    peer.theirs = fingerprint;
    peer.comparedAt = now;
    peer.isAhead = count - ours.count > AHEAD;
    if (ours.count === count && compareBytes(ours.fingerprint, fingerprint) === 0) {
      peer.fruitless = peer.doubts = 0;
      peer.told = fingerprint;
      peer.openAt = peer.checkAt = undefined;
      this.schedule(peer);
      return;
    }
    peer.doubts = DOUBTS;
    if (peer.begins) {
      const gap = peer.fruitless === 0 ? 0 : 500 * 2 ** peer.fruitless;
      peer.openAt = Math.max(
        now,
        peer.openedAt + Math.min(gap, FRUITLESS_MAX_MS),
        peer.heardAt + QUIET_MS,
      );
      if (peer.openAt <= now) this.open(peer, now, out);
    } else if (now - peer.digestAt >= DIGEST_GAP_MS) {
      this.sendDigest(peer, now, out);
    }
    this.schedule(peer);
  }

  private goOn(peer: GossipPeer, now: Millis, out: MeshEffect[]): void {
    if (peer.openAt !== undefined && now >= peer.openAt) this.open(peer, now, out);
    if (peer.checkAt !== undefined && now >= peer.checkAt) {
      peer.checkAt = undefined;
      this.sendDigest(peer, now, out);
    }
    this.schedule(peer);
  }

  private open(peer: GossipPeer, now: Millis, out: MeshEffect[]): void {
    if (!this.mayLead(peer, now)) {
      peer.openAt = now + ROUND_MS;
      return;
    }
    peer.openAt = undefined;
    peer.openedAt = now;
    peer.fruitless++;
    this.heard(peer, now);
    this.send(peer.node, { kind: 'ranges', ranges: opening(this.library.ids) }, out);
  }

  private onRanges(peer: GossipPeer, frame: FrameOf<'ranges'>, now: Millis, out: MeshEffect[]) {
    if (!this.mayLead(peer, now)) return; // it will ask again
    const { ranges, send, fetch } = answer(this.library.ids, frame.ranges);
    this.heard(peer, now);
    this.hold(peer, send);
    const wanted = fetch.filter((id) => this.asked.mayAsk(id, now));
    for (const ids of slices(wanted)) this.send(peer.node, { kind: 'fetch', ids }, out);
    if (ranges.length > 0) this.send(peer.node, { kind: 'ranges', ranges }, out);
    this.schedule(peer);
  }

  /** A newcomer would be told the whole roster by all that it meets. */
  private mayLead(peer: GossipPeer, now: Millis): boolean {
    if (!peer.isAhead) return true;
    const { leader } = this;
    if (leader !== undefined && leader.node !== peer.node && now < leader.until) return false;
    this.leader = { node: peer.node, until: now + ROUND_MS };
    return true;
  }

  /** A round is going on: what comes in is part of it, and silence means that a frame was lost. */
  private heard(peer: GossipPeer, now: Millis): void {
    peer.heardAt = now;
    peer.catchUntil = now + CATCH_MS;
    if (peer.begins) peer.checkAt = now + ROUND_MS;
    if (this.leader?.node === peer.node) this.leader.until = now + ROUND_MS;
  }

  private digest(): FrameOf<'digest'> {
    const { ids } = this.library;
    return { kind: 'digest', count: ids.count, fingerprint: ids.fingerprint(NONE, NONE) };
  }

  private sendDigest(peer: GossipPeer, now: Millis, out: MeshEffect[]): void {
    const digest = this.digest();
    peer.digestAt = peer.comparedAt = now;
    peer.told = digest.fingerprint;
    this.send(peer.node, digest, out);
  }

  private announce(now: Millis, out: MeshEffect[]): void {
    for (const peer of this.peers.values()) this.sendDigest(peer, now, out);
  }

  // Statements

  private takeIn(
    peer: GossipPeer,
    statements: readonly Uint8Array[],
    at: Times,
    out: MeshEffect[],
  ): void {
    const fresh = this.take(statements, peer.node, at, out);
    const catching = at.now < peer.catchUntil;
    if (catching) this.heard(peer, at.now);
    this.schedule(peer);
    if (fresh.length === 0) return;
    peer.fruitless = 0;
    if (catching) this.times.set(ANNOUNCE, at.now + ANNOUNCE_MS);
    const pushed = catching ? fresh.filter((one) => this.library.isUrgent(one)) : fresh;
    this.tell(pushed, peer.node, out);
  }

  private hold(peer: GossipPeer, ids: readonly StatementId[]): void {
    const held = ids.filter((id) => this.library.ids.has(id));
    peer.hold([...held].sort((a, b) => this.library.rank(a) - this.library.rank(b)));
    if (peer.holds > 0) this.pace();
  }

  private pace(): void {
    if (!this.pacing) this.times.set(PACE, this.now + PACE_MS);
    this.pacing = true;
  }

  /** What waits to go out, and what waits to be verified: a little of each, every peer in turn. */
  private letThrough(at: Times, out: MeshEffect[]): void {
    this.pacing = false;
    let room = PACE_BYTES;
    for (const peer of this.waiting()) {
      if (peer.holds === 0 || room <= 0) continue;
      room -= this.letOut(peer, Math.min(room, PEER_BYTES), at, out);
    }
    for (let frames = SLICE_FRAMES; frames > 0; ) {
      const before = frames;
      for (const peer of this.waiting()) {
        const intake = frames > 0 ? peer.intake.shift() : undefined;
        if (intake === undefined) continue;
        frames--;
        this.takeIn(peer, intake, at, out);
      }
      if (before === frames) break;
    }
    const left = this.waiting();
    if (left.length > 0) this.pace();
    for (const peer of left.slice(0, 1)) {
      this.peers.delete(peer.node); // behind the others, for the next time
      this.peers.set(peer.node, peer);
    }
  }

  private waiting(): GossipPeer[] {
    return [...this.peers.values()].filter(({ holds, intake }) => holds + intake.length > 0);
  }

  /** Sends what it holds for the peer, up to so many bytes and one more; how many it were. */
  private letOut(peer: GossipPeer, room: number, at: Times, out: MeshEffect[]): number {
    const statements: Uint8Array[] = [];
    let bytes = 0;
    while (bytes < room && peer.holds > 0) {
      const statement = this.library.get(peer.next() ?? '');
      if (statement === undefined) continue; // left the set meanwhile
      statements.push(statement);
      bytes += statement.length;
    }
    for (const batch of batches(statements)) {
      this.send(peer.node, { kind: 'statements', statements: batch }, out);
    }
    if (peer.begins) peer.checkAt = at.now + ROUND_MS;
    if (peer.holds === 0) this.sendDigest(peer, at.now, out);
    this.schedule(peer);
    return bytes;
  }

  private schedule(peer: GossipPeer): void {
    if (!this.peers.has(peer.node)) return;
    const { openAt = Number.POSITIVE_INFINITY, checkAt = Number.POSITIVE_INFINITY } = peer;
    const due = Math.min(openAt, checkAt);
    this.times.set(peer.node, Number.isFinite(due) ? due : undefined);
  }

  private send(node: NodeId, frame: Frame, out: MeshEffect[]): void {
    if (this.ground.isMet(node)) out.push({ kind: 'frame', node, frame });
  }
}

const FETCH_IDS = 36; // fit in one frame

function slices(ids: readonly StatementId[]): StatementId[][] {
  const all: StatementId[][] = [];
  for (let i = 0; i < ids.length; i += FETCH_IDS) all.push(ids.slice(i, i + FETCH_IDS));
  return all;
}
