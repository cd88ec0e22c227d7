// Through a hard NAT by guessing, for those who ask for it.
//
// One side's NAT gives each destination a port of its own and tells nobody which. That side opens
// many sockets and sends from each, so that its NAT has many ports open for the other; the other
// sends to many ports. If one meets, an authentic probe arrives, and probes do the rest (see
// PeerPath): nothing that is sent here proves anything.
//
//   hard   32 sockets ── one probe each, three times ──▶ the other's mapped endpoint
//   easy   one socket ── 256 ports a round, three rounds ──▶ the mapped address of the hard one
//
// Every port that is tried is an entry in the tables of two routers, and some routers die of that.
// So there are few of them, for one peer at a time, and after a failure not again for an hour.

import { type Endpoint, family, type Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { Ground, NatKind } from './ground.js';
import type { PeerPath } from './peerpath.js';
import { PROBE_PAD } from './prober.js';
import { isPrivate } from './route.js';
import { TOKEN_BYTES } from './tokens.js';

export const SOCKETS_MAX = 32;
export const PORTS_PER_ROUND = 256;
export const ROUNDS = 3;
export const FIRST_SLOT = 2; // 0 and 1 are the listen port
const ROUND_MS = 3_000;
const STEP_MS = 25;
const PORTS_PER_STEP = 16; // 640 a second: no burst for a slow uplink
const NEAR_PORTS = 128; // many NATs count up: half of the ports are those behind the last known
const WAIT_MS = 15_000; // the other side may have begun later
const TRIES_BEFORE = 4; // ordinary bursts in vain
const BLACKLIST_MS = 3_600_000;
const BLACKLIST_MAX = 256; // the oldest give way
const TARGETS_MAX = 2; // endpoints of the easy side
const LEAST_PORT = 1_024;

type Attempt = {
  peer: PeerPath;
  role: 'hard' | 'easy';
  targets: readonly Endpoint[];
  slots: readonly number[];
  ports: number[]; // still to be tried in this round
  tried: Set<number>;
  round: number; // of those begun
  nextAt: Millis;
};

export class Puncher {
  private attempt: Attempt | null = null;
  private readonly blacklist = new Map<NodeId, Millis>();
  private readonly kept = new Map<number, PeerPath>(); // slots that a proven path runs through

  constructor(
    private readonly ground: Ground,
    private readonly enabled: () => boolean,
  ) {}

  /** Begins where it is allowed and may help. */
  consider(peer: PeerPath, ours: NatKind, at: Times, out: MeshEffect[]): void {
    if (this.attempt !== null || !this.enabled() || !peer.met || peer.choice.direct) return;
    if (peer.retry.tries < TRIES_BEFORE || !peer.isBusy(at.now)) return;
    const role = roleOf(ours, peer.nat);
    if (role === null || at.now < (this.blacklist.get(peer.node) ?? 0)) return;
    const targets = targetsOf(peer);
    if (targets.length === 0) return;
    const slots = role === 'hard' ? this.freeSlots() : [];
    for (const slot of slots) out.push({ kind: 'slot-open', slot, family: 4 });
    const round = { ports: [], tried: new Set<number>(), round: 0, nextAt: at.now };
    this.attempt = { peer, role, targets, slots, ...round };
    this.forbid(peer.node, at.now + BLACKLIST_MS); // lifted if it succeeds
    this.tick(at, out);
  }

  tick(at: Times, out: MeshEffect[]): void {
    const { attempt } = this;
    if (attempt === null || at.now < attempt.nextAt) return;
    if (attempt.ports.length > 0) this.step(attempt, at, out);
    else if (attempt.round >= ROUNDS) this.end(out);
    else this.begin(attempt, at, out);
  }

  deadline(): Millis | undefined {
    return this.attempt?.nextAt;
  }

  /** After every event about that peer: has it worked, are its sockets needed still? */
  settle(peer: PeerPath, out: MeshEffect[]): void {
    if (this.attempt?.peer === peer && (peer.choice.direct || !peer.met)) this.end(out);
    for (const [slot, owner] of this.kept) {
      if (owner !== peer || usesSlot(peer, slot)) continue;
      this.kept.delete(slot);
      out.push({ kind: 'slot-close', slot });
    }
  }

  forget(peer: PeerPath, out: MeshEffect[]): void {
    if (this.attempt?.peer === peer) this.end(out);
    for (const [slot, owner] of this.kept) {
      if (owner !== peer) continue;
      this.kept.delete(slot);
      out.push({ kind: 'slot-close', slot });
    }
  }

  private begin(attempt: Attempt, at: Times, out: MeshEffect[]): void {
    attempt.round++;
    const last = attempt.round === ROUNDS;
    if (attempt.role === 'hard') {
      for (const slot of attempt.slots) {
        for (const endpoint of attempt.targets) this.send(attempt.peer, slot, endpoint, out);
      }
      attempt.nextAt = at.now + (last ? WAIT_MS : ROUND_MS);
      return;
    }
    attempt.ports = this.guess(attempt);
    this.step(attempt, at, out);
  }

  private step(attempt: Attempt, at: Times, out: MeshEffect[]): void {
    const address = attempt.targets[0]?.address;
    if (address === undefined) return;
    for (const port of attempt.ports.splice(0, PORTS_PER_STEP)) {
      this.send(attempt.peer, this.ground.slotFor({ address, port }), { address, port }, out);
    }
    const pause = attempt.round === ROUNDS ? WAIT_MS : ROUND_MS;
    attempt.nextAt = at.now + (attempt.ports.length > 0 ? STEP_MS : pause);
  }

  /** Those behind the ones that others have seen, then any; none twice. */
  private guess({ targets, tried }: Attempt): number[] {
    const ports: number[] = [];
    const add = (port: number) => {
      if (port < LEAST_PORT || port > 65_535 || tried.has(port)) return;
      tried.add(port);
      ports.push(port);
    };
    const seen = targets.map(({ port }) => port);
    for (let i = 1; ports.length < NEAR_PORTS && i < 65_536; i++) {
      for (const port of seen) add(port + i);
    }
    const dice = this.ground.random(4 * PORTS_PER_ROUND);
    const view = new DataView(dice.buffer, dice.byteOffset, dice.length);
    for (let i = 0; ports.length < PORTS_PER_ROUND && i < 2 * PORTS_PER_ROUND; i++) {
      add(view.getUint16(2 * i));
    }
    return ports.slice(0, PORTS_PER_ROUND);
  }

  private send(peer: PeerPath, slot: number, endpoint: Endpoint, out: MeshEffect[]): void {
    const at: Place = { slot, endpoint, source: null, channel: 0 };
    // A token that nobody remembers: the answer to it proves nothing.
    const frame = { kind: 'probe', token: this.ground.random(TOKEN_BYTES) } as const;
    out.push({ kind: 'frame', node: peer.node, frame, at, pad: PROBE_PAD });
  }

  private end(out: MeshEffect[]): void {
    const { attempt } = this;
    if (attempt === null) return;
    this.attempt = null;
    const { peer, slots } = attempt;
    if (peer.choice.direct) this.blacklist.delete(peer.node);
    for (const slot of slots) {
      if (usesSlot(peer, slot)) this.kept.set(slot, peer);
      else out.push({ kind: 'slot-close', slot });
    }
  }

  private freeSlots(): number[] {
    const all = Array.from({ length: SOCKETS_MAX }, (_, i) => FIRST_SLOT + i);
    return all.filter((slot) => !this.kept.has(slot));
  }

  private forbid(node: NodeId, until: Millis): void {
    this.blacklist.delete(node);
    this.blacklist.set(node, until);
    for (const oldest of this.blacklist.keys()) {
      if (this.blacklist.size <= BLACKLIST_MAX) return;
      this.blacklist.delete(oldest);
    }
  }
}

/** Guessing helps where one end is hard and the other is not: two unknowns are too many. */
function roleOf(ours: NatKind, theirs: NatKind): 'hard' | 'easy' | null {
  if (ours === 'hard' && theirs === 'easy') return 'hard';
  return ours === 'easy' && theirs === 'hard' ? 'easy' : null;
}

/** Where others have seen it, over IPv4: with IPv6 there is no such NAT. */
function targetsOf(peer: PeerPath): Endpoint[] {
  const all = [...peer.routes].filter(
    ({ via, origin, place }) =>
      via === null &&
      (origin === 'mapped' || origin === 'portmap' || origin === 'remembered') &&
      family(place.endpoint.address) === 4 &&
      !isPrivate(place.endpoint.address),
  );
  all.sort((a, b) => b.toldAt - a.toldAt);
  return all.slice(0, TARGETS_MAX).map(({ place }) => place.endpoint);
}

function usesSlot(peer: PeerPath, slot: number): boolean {
  return [...peer.routes].some(({ proven, place }) => proven && place.slot === slot);
}
