// Being known to our own three trackers: a session with each, our record there, and the NAT kept
// open in between, for as little as it takes.
//
//   seeking ──met──▶ registering ──registered──▶ kept ──lost──▶ seeking
//      └──── 60 s in vain, busy, or no answer: the next in order, this one later again ────┘
//
// Kept: an empty packet whenever so long nothing was sent as our NAT bears (lifetime.ts); and once
// in each session's life, when WireGuard would renew it, an `echo`, which also shows that the
// tracker is alive and which record it holds. Three trackers cost less than 200 bit/s in all.

import { equalBytes } from '@noble/ciphers/utils.js';
import { formatEndpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { REKEY_AFTER_TIME_MS } from '../wireguard/limits.js';
import type { MeshEffect, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { Ground } from './ground.js';
import { ECHO_GRACE_MS, Lifetime } from './lifetime.js';
import type { Rendezvous } from './rendezvous.js';

/** A node's own trackers: two may fail at once. */
export const OWN_TRACKERS = 3;

/** What is sent after this renews the session, before it ends at 180 s. */
export const RENEW_MS = REKEY_AFTER_TIME_MS + 1_000;

/** A tracker without a session is tried at these distances, and is unreachable after them all. */
const SEEK_MS = [4_000, 8_000, 16_000, 32_000] as const; // 60 s

/** A registration or an echo without answer is sent again. */
const ANSWER_MS = [3_000, 5_000, 9_000] as const;

/** So long the next in order serves; away: doubled for each time in a row. */
const AWAY_MS = 60_000;
const AWAY_MS_MAX = 240_000;
const BUSY_MS = 600_000;

/** A record that changes again at once is announced this much later. */
const RECORD_GAP_MS = 2_000;

/** After an answer, what else a new session brings is waited for before a silence begins. */
const SETTLE_MS = 2_000;

type State = 'seeking' | 'registering' | 'kept';

type Row = {
  state: State;
  spare: boolean; // better ones are about to take over
  tries: number; // in this state, or of this echo
  nextAt: Millis; // when to look at it
  sentAt: Millis; // of what this file sent
  renewedAt: Millis; // when its session began, as far as we know
  record: Sealed | undefined; // that it was sent last
  observed: string; // where it saw us
  recordAt: Millis;
  echoing: boolean;
};

type Shunned = Readonly<{ until: Millis; times: number; busy: boolean }>;

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
  /** Away or busy; only those of our own ranking come in here, so it is bounded by that. */
  private readonly shunned = new Map<NodeId, Shunned>();
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

  private isShunned(tracker: NodeId, now: Millis): boolean {
    return (this.shunned.get(tracker)?.until ?? 0) > now;
  }

  /** It was of no use a moment ago, and not for being busy: nobody else needs to ask it now. */
  isAway(tracker: NodeId, now: Millis): boolean {
    const shunned = this.shunned.get(tracker);
    return shunned !== undefined && !shunned.busy && shunned.until > now;
  }

  onMet(node: NodeId, at: Times, out: MeshEffect[]): void {
    const shunned = this.shunned.get(node);
    if (shunned !== undefined && !shunned.busy) {
      this.shunned.delete(node); // it is back
      this.choose(at, out);
    }
    const row = this.rows.get(node);
    if (row === undefined) return;
    row.renewedAt = at.now;
    if (row.state === 'seeking') this.register(node, row, at, out);
  }

  onLost(node: NodeId, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node);
    if (row?.spare) this.drop(node);
    else if (row !== undefined) this.seek(node, row, at, out);
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
    row.echoing = false;
    this.schedule(row, at);
    this.prune();
  }

  onEchoed(node: NodeId, { seq }: FrameOf<'echoed'>, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node);
    if (row?.state !== 'kept') return;
    this.lifetime.spoke(node, row.echoing, this.quietSince(node, row), at.now);
    if (row.echoing) row.renewedAt = Math.max(row.renewedAt, at.now - 1_000);
    row.echoing = false;
    row.tries = 0;
    if (seq < this.ownSeq(at) && at.now >= row.recordAt + RECORD_GAP_MS)
      this.register(node, row, at, out);
    else this.schedule(row, at);
  }

  /** It goes: not for its good, but the next in order serves at once. */
  onBye(node: NodeId, at: Times, out: MeshEffect[]): void {
    if (this.rows.has(node)) this.shun(node, false, at, out);
  }

  onRecord(at: Times, out: MeshEffect[]): void {
    for (const [node, row] of this.rows) {
      if (row.state === 'seeking') continue;
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
      if (row.state === 'seeking') this.seekOn(node, row, at, out);
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
    for (const node of this.shunned.keys()) if (!ranked.includes(node)) this.shunned.delete(node);
    const good = ranked.filter((node) => !this.isShunned(node, at.now));
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
      else this.seek(node, row, at, out);
    }
    const untils = [...this.shunned.values()].map(({ until }) => until);
    this.choiceAt = Math.min(Number.POSITIVE_INFINITY, ...untils.filter((u) => u > at.now));
    this.prune();
  }

  /** Who served us goes on with it until enough of the better ones know us. */
  private prune(): void {
    let kept = 0;
    for (const { state, spare } of this.rows.values()) if (state === 'kept' && !spare) kept++;
    for (const [node, { state, spare }] of this.rows) {
      if (spare && (state !== 'kept' || ++kept > OWN_TRACKERS)) this.drop(node);
    }
  }

  private drop(node: NodeId): void {
    this.rows.delete(node);
    this.lifetime.give(node);
  }

  private shun(node: NodeId, busy: boolean, at: Times, out: MeshEffect[]): void {
    const times = this.shunned.get(node)?.times ?? 0;
    const forMs = busy ? BUSY_MS : Math.min(AWAY_MS * 2 ** times, AWAY_MS_MAX);
    this.shunned.set(node, { until: at.now + forMs, times: times + 1, busy });
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
    row.echoing = false;
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
    if (this.isOld(row.record, at) && at.now >= row.recordAt + RECORD_GAP_MS) {
      this.register(node, row, at, out);
    } else if (row.echoing) {
      this.echoAgain(node, row, at, out);
    } else if (this.lifetime.isTrying(node)) {
      this.echo(node, row, at, out); // nothing was heard: is it the NAT, or the tracker?
    } else if (at.now >= row.renewedAt + RENEW_MS) {
      this.echo(node, row, at, out);
    } else if (this.trySilence(node, row, at, out)) {
      return;
    } else if (at.now >= this.quietSince(node, row) + this.lifetime.intervalMs) {
      row.sentAt = at.now;
      out.push({ kind: 'keepalive', node });
      this.schedule(row, at);
    } else {
      this.schedule(row, at, this.quietSince(node, row));
    }
  }

  private isOld(sent: Sealed | undefined, at: Times): boolean {
    const record = this.ports.record(at);
    return sent !== record && (sent === undefined || !equalBytes(sent, record));
  }

  private echo(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.echoing = true;
    row.tries = 0;
    this.sendEcho(node, row, at, out);
  }

  private echoAgain(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.tries++;
    if (row.tries < ANSWER_MS.length) this.sendEcho(node, row, at, out);
    else this.shun(node, false, at, out);
  }

  private sendEcho(node: NodeId, row: Row, at: Times, out: MeshEffect[]): void {
    row.sentAt = at.now;
    row.nextAt = at.now + (ANSWER_MS[row.tries] ?? ANSWER_MS[0]);
    out.push({ kind: 'frame', node, frame: { kind: 'echo', after: 0 } });
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

function blank(now: Millis): Row {
  return {
    state: 'seeking',
    spare: false,
    tries: 0,
    nextAt: now,
    sentAt: now,
    renewedAt: now,
    record: undefined,
    observed: '',
    recordAt: Number.NEGATIVE_INFINITY,
    echoing: false,
  };
}
