// Being known to our own three trackers: a session with each, our record there, and the NAT kept
// open in between, for as little as it takes.
//
//   waiting ─▶ seeking ──met──▶ registering ──registered──▶ kept ──lost──▶ seeking
//                 └──── 60 s in vain, busy, or no answer: the next in order, this one later again
//
// Kept: an empty packet whenever so long nothing was sent as our NAT bears (lifetime.ts); and once
// in each session's life something that has WireGuard renew it, which also shows that the tracker
// is alive. Three trackers cost less than 100 bit/s in all.
//
// Better trackers than those that serve us come up all the time in a mesh that grows. Each node
// moves over in its own moment (`waiting`), and tells the one that it leaves.

import { equalBytes } from '@noble/ciphers/utils.js';
import { formatEndpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { REKEY_AFTER_TIME_MS } from '../wireguard/limits.js';
import type { MeshEffect, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { Ground } from './ground.js';
import { ECHO_GRACE_MS, Lifetime } from './lifetime.js';
import { blank, type Row } from './registration.js';
import type { Rendezvous } from './rendezvous.js';
import { Shunned } from './shunned.js';

/** A node's own trackers: two may fail at once. */
export const OWN_TRACKERS = 3;

/** What is sent after this renews a session that we began ... */
const RENEWABLE_MS = REKEY_AFTER_TIME_MS + 1_000;

/** ... and it is sent then: the rest of its 180 s is for what may be lost. */
export const RENEW_MS = 150_000;

/** A tracker without a session is tried at these distances, and is unreachable after them all. */
const SEEK_MS = [4_000, 8_000, 16_000, 32_000] as const; // 60 s

/** A registration or an echo without answer is sent again. */
const ANSWER_MS = [3_000, 5_000, 9_000] as const;

/** So long nothing more comes of an answer: the handshake it should bring about was lost. */
const HANDSHAKE_MS = 6_000;

/** How often a tracker is asked which record it holds, though nothing hints at an old one. */
const ASK_MS = 600_000;

/** Those whom a new tracker is to serve come to it within this time, not all at once. */
export const MOVE_OVER_MS = 60_000;

/** A record that changes again at once is announced this much later. */
const RECORD_GAP_MS = 2_000;

/** After an answer, what else a new session brings is waited for before a silence begins. */
const SETTLE_MS = 2_000;

export type RegisteringPorts = Readonly<{
  ground: Ground;
  rendezvous: Rendezvous;
  /** Makes for a session with it. */
  reach(tracker: NodeId, at: Times, out: MeshEffect[]): void;
  /** When its session in use began; undefined: there is none. */
  metAt(tracker: NodeId): Millis | undefined;
  /** It could not be reached for a minute. */
  unreached(tracker: NodeId, at: Times): void;
  record(at: Times): Sealed;
}>;

export class Registering {
  readonly lifetime = new Lifetime();
  private readonly rows = new Map<NodeId, Row>();
  private readonly shunned = new Shunned();
  private version = -1;
  private choiceAt: Millis = Number.POSITIVE_INFINITY; // when one that is shunned may be back
  private seq: { of: Sealed; seq: number } | undefined;

  constructor(private readonly ports: RegisteringPorts) {}

  /** Those we keep sessions with, best first; who knows us goes before who is still to. */
  get own(): readonly NodeId[] {
    const rows = [...this.rows];
    const kept = rows.filter(([, { state }]) => state === 'kept');
    const others = rows.filter(([, { state }]) => state !== 'kept');
    return [...kept, ...others].slice(0, OWN_TRACKERS).map(([node]) => node);
  }

  /** It was of no use a moment ago, and not for being busy: nobody else needs to ask it now. */
  isAway(tracker: NodeId, now: Millis): boolean {
    return this.shunned.isAway(tracker, now);
  }

  /** `initiator`: the session is one that we began. */
  onMet(node: NodeId, initiator: boolean, at: Times, out: MeshEffect[]): void {
    if (this.shunned.back(node)) this.choose(at, out);
    const row = this.rows.get(node);
    if (row === undefined) return;
    row.renewedAt = at.now;
    row.initiator = initiator;
    if (row.state === 'seeking' || row.state === 'waiting') this.register(node, row, at, out);
    else if (row.state === 'kept' && !this.lifetime.isTrying(node)) {
      row.asking = false;
      this.schedule(row, at);
    }
  }

  onLost(node: NodeId, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node);
    if (row?.spare) this.drop(node, out);
    else if (row !== undefined && row.state !== 'waiting') this.seek(node, row, at, out);
    this.hasten(at, out);
  }

  onRegistered(
    node: NodeId,
    { busy, observed }: FrameOf<'registered'>,
    at: Times,
    out: MeshEffect[],
  ): void {
    const row = this.rows.get(node);
    if (row?.state !== 'registering') return;
    if (busy) {
      this.shun(node, true, at, out);
      return;
    }
    const seen = formatEndpoint(observed);
    if (row.observed !== '' && row.observed !== seen) this.lifetime.reset(at.now);
    row.observed = seen;
    this.shunned.delete(node);
    row.state = 'kept';
    row.tries = 0;
    row.asking = false;
    row.toldAt = at.now;
    this.schedule(row, at);
    this.prune(out);
  }

  onEchoed(node: NodeId, { seq }: FrameOf<'echoed'>, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node);
    if (row?.state !== 'kept') return;
    this.lifetime.spoke(node, row.asking, this.quietSince(node, row), at.now);
    const asked = row.asking;
    row.asking = false;
    row.tries = 0;
    row.toldAt = at.now;
    if (seq < this.ownSeq(at) && at.now >= row.recordAt + RECORD_GAP_MS)
      this.register(node, row, at, out);
    else this.schedule(row, at);
    // It is alive; the handshake goes on by itself.
    if (asked) row.nextAt = Math.max(row.nextAt, at.now + HANDSHAKE_MS);
  }

  /** It goes: not for its good, but the next in order serves at once. */
  onBye(node: NodeId, at: Times, out: MeshEffect[]): void {
    if (this.rows.has(node)) this.shun(node, false, at, out);
  }

  onRecord(at: Times, out: MeshEffect[]): void {
    for (const [node, row] of this.rows) {
      if (row.state === 'seeking' || row.state === 'waiting') continue;
      if (at.now >= row.recordAt + RECORD_GAP_MS) this.register(node, row, at, out);
      else row.nextAt = Math.min(row.nextAt, row.recordAt + RECORD_GAP_MS);
    }
  }

  tick(at: Times, out: MeshEffect[]): void {
    if (this.version !== this.ports.rendezvous.version || at.now >= this.choiceAt) {
      this.choose(at, out);
    }
    for (const [node, row] of [...this.rows]) {
      if (row.nextAt > at.now || !this.rows.has(node)) continue;
      if (row.state === 'waiting') this.seek(node, row, at, out);
      else if (row.state === 'seeking') this.seekOn(node, row, at, out);
      else if (row.state === 'registering') this.registerOn(node, row, at, out);
      else this.keep(node, row, at, out);
    }
  }

  deadline(): Millis | undefined {
    if (this.version !== this.ports.rendezvous.version) return 0;
    let next = this.choiceAt;
    for (const { nextAt } of this.rows.values()) next = Math.min(next, nextAt);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** The first of the ranking that are not shunned. */
  private choose(at: Times, out: MeshEffect[]): void {
    const { ground, rendezvous } = this.ports;
    this.version = rendezvous.version;
    const ranked = rendezvous.rank(ground.self);
    this.shunned.keep(ranked);
    const good = ranked.filter((node) => !this.shunned.has(node, at.now));
    const own = good.slice(0, OWN_TRACKERS);
    const spare = [...this.rows].filter(([node]) => !own.includes(node));
    for (const [node, row] of spare) {
      this.rows.delete(node); // the map's order is the ranking's, and spares come last
      row.spare = true;
      if (good.includes(node)) this.rows.set(node, row);
      else this.lifetime.give(node);
    }
    for (const node of own) {
      const old = this.rows.get(node);
      const row = old ?? blank(at.now);
      row.spare = false;
      this.rows.delete(node);
      this.rows.set(node, row);
      if (old !== undefined) continue;
      const metAt = this.ports.metAt(node);
      row.renewedAt = metAt ?? at.now;
      if (metAt !== undefined) this.register(node, row, at, out);
      else row.nextAt = at.now + MOVE_OVER_MS * fraction(ground.random(2));
    }
    this.choiceAt = this.shunned.nextBack(at.now);
    this.prune(out);
    this.hasten(at, out);
  }

  /** While three serve us there is time; else those we wait with are called at once. */
  private hasten(at: Times, out: MeshEffect[]): void {
    let kept = 0;
    for (const { state } of this.rows.values()) if (state === 'kept') kept++;
    if (kept >= OWN_TRACKERS) return;
    for (const [node, row] of [...this.rows])
      if (row.state === 'waiting') this.seek(node, row, at, out);
  }

  /** Who served us goes on with it until enough of the better ones know us. */
  private prune(out: MeshEffect[]): void {
    let kept = 0;
    for (const { state, spare } of this.rows.values()) if (state === 'kept' && !spare) kept++;
    for (const [node, { state, spare }] of this.rows) {
      if (spare && (state !== 'kept' || ++kept > OWN_TRACKERS)) this.drop(node, out);
    }
  }

  private drop(node: NodeId, out: MeshEffect[]): void {
    const known = this.rows.get(node)?.state === 'kept' && this.ports.ground.isMet(node);
    this.rows.delete(node);
    this.lifetime.give(node);
    if (known) out.push({ kind: 'frame', node, frame: { kind: 'unregister' } });
  }

  private shun(node: NodeId, busy: boolean, at: Times, out: MeshEffect[]): void {
    this.shunned.add(node, busy, at.now);
    this.choose(at, out);
  }

  private seek(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.state = 'seeking';
    row.tries = 0;
    this.lifetime.give(node);
    row.nextAt = at.now + SEEK_MS[0];
    this.ports.reach(node, at, out);
  }

  private seekOn(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.tries++;
    const next = SEEK_MS[row.tries];
    if (next === undefined) {
      this.ports.unreached(node, at);
      this.shun(node, false, at, out);
      return;
    }
    row.nextAt = at.now + next;
    this.ports.reach(node, at, out);
  }

  private register(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.state = 'registering';
    row.tries = 0;
    row.asking = false;
    this.lifetime.give(node);
    this.sendRecord(node, row, at, out);
  }

  private registerOn(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.tries++;
    if (row.tries < ANSWER_MS.length) this.sendRecord(node, row, at, out);
    else this.shun(node, false, at, out); // it has a session, but does not serve
  }

  private sendRecord(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.record = this.ports.record(at);
    row.recordAt = at.now;
    row.sentAt = at.now;
    row.nextAt = at.now + (ANSWER_MS[row.tries] ?? ANSWER_MS[0]);
    out.push({ kind: 'frame', node, frame: { kind: 'register', record: row.record } });
  }

  /** Something is due toward a tracker that knows us. */
  private keep(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    const quietSince = this.quietSince(node, row);
    const age = at.now - row.renewedAt;
    if (this.isOld(row.record, at) && at.now >= row.recordAt + RECORD_GAP_MS) {
      this.register(node, row, at, out);
    } else if (row.asking) {
      this.askAgain(node, row, at, out);
    } else if (this.lifetime.isTrying(node) || age >= RENEW_MS) {
      this.ask(node, row, at, out); // is it the NAT, or the tracker? or: the session is old
    } else if (this.trySilence(node, row, at, out)) {
      return;
    } else if (at.now < quietSince + this.lifetime.intervalMs) {
      this.schedule(row, at, quietSince);
    } else if (age >= RENEWABLE_MS && row.initiator) {
      this.ask(node, row, at, out); // whatever is sent now renews it
    } else {
      row.sentAt = at.now;
      out.push({ kind: 'keepalive', node });
      this.schedule(row, at);
    }
  }

  private isOld(sent: Sealed | undefined, at: Times): boolean {
    const record = this.ports.record(at);
    return sent !== record && (sent === undefined || !equalBytes(sent, record));
  }

  /** A sign of life is wanted: a new session, or the tracker's word. */
  private ask(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.asking = true;
    row.tries = 0;
    this.sendQuestion(node, row, at, out);
  }

  private askAgain(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.tries++;
    if (row.tries < ANSWER_MS.length) this.sendQuestion(node, row, at, out);
    else this.shun(node, false, at, out);
  }

  /** A session that we began is renewed by anything that we send, others by what comes back. */
  private sendQuestion(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    const renews = row.initiator && at.now - row.renewedAt >= RENEWABLE_MS;
    const trying = this.lifetime.isTrying(node) || row.tries > 0;
    row.sentAt = at.now;
    row.nextAt = at.now + (ANSWER_MS[row.tries] ?? ANSWER_MS[0]);
    if (renews && !trying && at.now < row.toldAt + ASK_MS) out.push({ kind: 'keepalive', node });
    else out.push({ kind: 'frame', node, frame: { kind: 'echo', after: 0 } });
  }

  /** Begins a longer silence than before, if it is time. */
  private trySilence(node: NodeId, row: Row, at: Times, out: MeshEffect[]): boolean {
    const ms = this.lifetime.fitting(at.now, row.renewedAt + RENEW_MS);
    if (ms === undefined) return false;
    this.lifetime.begin(node, ms, at.now);
    row.sentAt = at.now;
    row.nextAt = at.now + ms + ECHO_GRACE_MS;
    out.push({ kind: 'frame', node, frame: { kind: 'echo', after: ms / 1_000 } });
    return true;
  }

  private quietSince(node: NodeId, row: Row): Millis {
    return Math.max(row.sentAt, this.ports.ground.traffic(node).sentAt);
  }

  private schedule(row: Row, at: Times, quietSince = row.sentAt): void {
    const renewal = row.renewedAt + RENEW_MS;
    const keepalive = quietSince + this.lifetime.intervalMs;
    const silence = this.lifetime.fitting(at.now + SETTLE_MS, renewal);
    const next = silence === undefined ? Math.min(renewal, keepalive) : at.now + SETTLE_MS;
    row.nextAt = Math.max(next, at.now + 1);
  }

  /** The `seq` of our record; opened once for each that is made. */
  private ownSeq(at: Times): number {
    const sealed = this.ports.record(at);
    if (this.seq?.of !== sealed) {
      const seq = this.ports.ground.records.openCandidates(sealed)?.seq ?? 0;
      this.seq = { of: sealed, seq };
    }
    return this.seq.seq;
  }
}

/** From 0 up to 1, of two random bytes. */
function fraction([high = 0, low = 0]: Uint8Array): number {
  return (256 * high + low) / 65_536;
}
