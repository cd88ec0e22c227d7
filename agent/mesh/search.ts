// Asking trackers where a node is: its three at once, then the next three, then all again later.
//
//   find ─▶ round 1 ──nothing, or no answer──▶ round 2 ──▶ pause ──▶ 1, 2 ──▶ given up
//              └──────── found: to the paths, and remembered for a moment
//
// Who is not met is asked as soon as there is a session. An answer counts only where we asked, and
// a record only where its owner signed it: a lying tracker can keep silent, but send us nowhere
// except to the one endpoint that it claims to have seen.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { Candidate, CandidateRecord, Ground } from './ground.js';
import type { PathMachine } from './machines.js';
import type { Newest } from './newest.js';
import { Timetable } from './timetable.js';
import type { Found, Tracking } from './tracking.js';

/** Nodes looked for at once; above, the oldest search is given up. */
export const SEARCHES_MAX = 256;

export const TRACKERS_PER_ROUND = 3;
const ROUNDS = 2;

/** An answer takes a round trip; where a session has to be made first, some more. */
const ROUND_MS = 1_000;
const ROUND_UNMET_MS = 2_500;

/** After all rounds in vain: the node may be about to register. Then it is given up. */
const PAUSES_MS = [4_000, 15_000] as const;

/** What was found is good for so long without asking again. */
export const REMEMBERED_MS = 5_000;

type Search = {
  round: readonly NodeId[];
  unmet: Set<NodeId>; // of all rounds: asked as soon as there is a session
  open: Set<NodeId>; // of all rounds: asked, and not yet answered
  turn: number; // of rounds
  resting: boolean;
  seq: number; // of the newest record found; -1: none
  nat: CandidateRecord['nat'];
  candidates: Map<string, Candidate>; // what has been passed on
  doneAt: Millis | undefined;
};

export type SearchPorts = Readonly<{
  ground: Ground;
  tracking: Tracking;
  newest: Newest;
  /** The trackers of a node, best first. */
  ranked(node: NodeId): readonly NodeId[];
  /** Makes for a session with it. */
  reach(tracker: NodeId, at: Times, out: MeshEffect[]): void;
  learn: PathMachine['learn'];
  record(at: Times): Sealed;
}>;

export class Searches {
  private readonly searches = new Map<NodeId, Search>(); // oldest first
  private readonly due = new Timetable();

  constructor(private readonly ports: SearchPorts) {}

  get size(): number {
    return this.searches.size;
  }

  find(node: NodeId, at: Times, out: MeshEffect[]): void {
    const { ground, learn } = this.ports;
    if (node === ground.self || ground.roll.member(node) === undefined) return;
    const old = this.searches.get(node);
    if (old !== undefined) {
      if (old.doneAt === undefined) return;
      if (at.now < old.doneAt + REMEMBERED_MS && old.candidates.size > 0) {
        learn(node, [...old.candidates.values()], old.nat, true, at, out);
        return;
      }
    }
    this.forget(node);
    if (this.searches.size >= SEARCHES_MAX) {
      for (const oldest of this.searches.keys()) {
        this.forget(oldest);
        break;
      }
    }
    const search = begin();
    this.searches.set(node, search);
    this.ask(node, search, at, out);
  }

  forget(node: NodeId): void {
    this.searches.delete(node);
    this.due.set(node, undefined);
  }

  /** There is a session with it now: what we wanted to ask it can be asked. */
  onMet(tracker: NodeId, at: Times, out: MeshEffect[]): void {
    for (const [node, search] of this.searches) {
      if (!search.unmet.delete(tracker)) continue;
      search.open.add(tracker);
      this.lookup(tracker, node, at, out);
    }
  }

  onFound(tracker: NodeId, frame: FrameOf<'found'>, at: Times, out: MeshEffect[]): void {
    const search = this.searches.get(frame.node);
    if (search === undefined || !search.open.delete(tracker)) return; // not asked, or twice
    this.answered(frame.node, search, frame, at, out);
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (let node = this.due.take(at.now); node; node = this.due.take(at.now)) {
      const search = this.searches.get(node);
      if (search === undefined) continue;
      if (search.doneAt !== undefined) this.searches.delete(node);
      else if (search.candidates.size > 0) this.done(node, search, at);
      else if (search.resting) this.ask(node, search, at, out);
      else this.next(node, search, at, out);
    }
  }

  deadline(): Millis | undefined {
    return this.due.next();
  }

  /** Begins the round whose turn it is. */
  private ask(node: NodeId, search: Search, at: Times, out: MeshEffect[]): void {
    const { ground, ranked, reach } = this.ports;
    const from = (search.turn % ROUNDS) * TRACKERS_PER_ROUND;
    search.resting = false;
    search.round = ranked(node).slice(from, from + TRACKERS_PER_ROUND);
    let wait = ROUND_MS;
    for (const tracker of search.round) {
      if (tracker === ground.self) continue;
      if (ground.isMet(tracker)) {
        search.open.add(tracker);
        this.lookup(tracker, node, at, out);
      } else {
        search.unmet.add(tracker);
        wait = ROUND_UNMET_MS;
        reach(tracker, at, out);
      }
    }
    this.due.set(node, at.now + wait);
    if (search.round.includes(ground.self)) this.askSelf(node, search, at, out);
    else if (search.round.length === 0) this.next(node, search, at, out);
  }

  private next(node: NodeId, search: Search, at: Times, out: MeshEffect[]): void {
    search.turn++;
    if (search.turn % ROUNDS !== 0) {
      this.ask(node, search, at, out);
      return;
    }
    const pause = PAUSES_MS[search.turn / ROUNDS - 1];
    if (pause === undefined) {
      this.forget(node);
    } else {
      search.resting = true;
      this.due.set(node, at.now + pause);
    }
  }

  private lookup(tracker: NodeId, node: NodeId, at: Times, out: MeshEffect[]): void {
    const frame = { kind: 'lookup', node, record: this.ports.record(at) } as const;
    out.push({ kind: 'frame', node: tracker, frame });
  }

  /** We are its tracker ourselves: it is told of us as of any other. */
  private askSelf(node: NodeId, search: Search, at: Times, out: MeshEffect[]): void {
    const { ground, tracking, record } = this.ports;
    const sealed = record(at);
    const observed = ground.records.openCandidates(sealed)?.candidates[0]?.endpoint;
    if (observed !== undefined) tracking.introduce(ground.self, sealed, observed, node, at, out);
    this.answered(node, search, tracking.lookup(node), at, out);
  }

  private answered(node: NodeId, search: Search, found: Found, at: Times, out: MeshEffect[]): void {
    const fresh = this.news(node, search, found);
    if (fresh.length > 0) this.ports.learn(node, fresh, search.nat, true, at, out);
    if (search.doneAt !== undefined || search.resting) return; // late, and welcome all the same
    if (search.round.some((one) => search.open.has(one) || search.unmet.has(one))) return;
    if (search.candidates.size > 0) this.done(node, search, at);
    else this.next(node, search, at, out);
  }

  private done(node: NodeId, search: Search, at: Times): void {
    search.doneAt = at.now;
    this.due.set(node, at.now + REMEMBERED_MS);
  }
  /** What an answer adds; older records and what must not be tried are left out. */
  private news(node: NodeId, search: Search, { record: sealed, observed }: Found): Candidate[] {
    const { ground, newest } = this.ports;
    const found: Candidate[] = [];
    const record = sealed === null ? undefined : ground.records.openCandidates(sealed);
    const authentic = record !== undefined && record.node === node;
    if (authentic && newest.accept(node, record.seq) && record.seq > search.seq) {
      if (search.seq >= 0) search.candidates.clear(); // it has moved since
      search.seq = record.seq;
      search.nat = record.nat;
      found.push(...record.candidates);
    }
    if (observed !== null) found.push({ kind: 'mapped', endpoint: observed });
    return found.filter(({ kind, endpoint }) => {
      const key = `${endpoint.address} ${endpoint.port}`;
      if (search.candidates.has(key) || ground.isForbidden(endpoint.address)) return false;
      search.candidates.set(key, { kind, endpoint });
      return true;
    });
  }
}

function begin(): Search {
  return {
    round: [],
    unmet: new Set(),
    open: new Set(),
    turn: 0,
    resting: false,
    seq: -1,
    nat: 'unknown',
    candidates: new Map(),
    doneAt: undefined,
  };
}
