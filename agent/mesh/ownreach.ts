// Are we reachable by anybody? Found out from those who came out of the blue, who attest it.
//
//   somebody comes out of the blue ─ attest-me ─▶ it      ─ attestation ─▶ two of them: signed
//   nobody comes: `check` asks a tracker to send somebody, seldom
//
// The record lasts six hours and is made anew before it ends. In a small mesh everybody may have a
// session with us, so that nobody can come out of the blue: then, and after a change of address,
// those who began their session with us are asked, for what was reachable mostly still is.

import {
  type Address,
  type Endpoint,
  family,
  formatEndpoint,
  parsePrefix,
  prefixContains,
} from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf, Sealed } from './frame.js';
import type { Candidate, Ground, NatKind } from './ground.js';
import { CLOCK_SLACK_MS, VALID_MS } from './reachables.js';

/** Two who came out of the blue, in a mesh that has so many members; else one. */
const TWO_WITNESSES_FROM = 4;

/** Signed anew at this age: an hour for finding witnesses, if there are none by then. */
const RENEW_AGE_MS = VALID_MS - 3_600_000;

/** At this age those who did not come out of the blue are asked as well. */
const LATE_AGE_MS = VALID_MS - 1_800_000;

/**
 * And in a mesh of so many members, only for so long after somebody last did: there it happens by
 * itself, wherever somebody is reachable indeed.
 */
const LARGE_MESH = 16;
const LATE_MS = 2 * VALID_MS;

/** An attestation counts for so long. */
const FRESH_MS = 2 * 3_600_000;

/** Asked for an attestation, a member has so long to answer. */
const ANSWER_MS = 30_000;

const ENDPOINTS_MAX = 4;
const WITNESSES_MAX = 4;
const ASKED_MAX = 256;

/** Checks: soon after the first session, then ever less often; a change of address begins anew. */
const FIRST_CHECK_MS = 10_000;
const CHECK_MS = 60_000;
const CHECK_MS_MAX = 4 * 3_600_000;

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'];

type Attested = { endpoint: Endpoint; by: Map<NodeId, { sealed: Sealed; at: Millis }> };

export type OwnReachPorts = Readonly<{
  ground: Ground;
  /** What we know of where we are ourselves. */
  whereabouts: Readonly<{ nat: NatKind; candidates: readonly Candidate[] }>;
}>;

export class OwnReach {
  /** What we last signed of ourselves. */
  record: Readonly<{ sealed: Sealed; endpoint: Endpoint; at: Millis; by: number }> | undefined;
  private readonly attested = new Map<string, Attested>(); // by endpoint, the oldest first
  private readonly asked = new Map<NodeId, Readonly<{ at: Millis; blue: boolean }>>();
  private checkAt: Millis = Number.POSITIVE_INFINITY;
  private checks = 0;
  private wasReachable = false; // when we last had reason to know
  private blueAt: Millis = Number.NEGATIVE_INFINITY; // when that was so without any doubt
  private forwarded = new Set<string>(); // endpoints that a router was asked to forward to us

  constructor(private readonly ports: OwnReachPorts) {}

  /** Any session: `blue` where it began out of the blue. */
  onMet(node: NodeId, { initiator, from }: Met, blue: boolean, at: Times, out: MeshEffect[]): void {
    if (this.checkAt === Number.POSITIVE_INFINITY) this.checkAt = at.now + FIRST_CHECK_MS;
    const theirs = !initiator && from.channel === 0;
    if (!blue && !(theirs && this.isLikely(at))) return;
    const ours = this.ports.whereabouts.candidates.map(({ endpoint }) => endpoint);
    const same = ours.find(({ address }) => family(address) === family(from.endpoint.address));
    const endpoint = this.record?.endpoint ?? same ?? ours[0];
    if (endpoint === undefined) return;
    this.asked.delete(node);
    this.asked.set(node, { at: at.now, blue });
    if (this.asked.size > ASKED_MAX) {
      for (const oldest of this.asked.keys()) {
        this.asked.delete(oldest);
        break;
      }
    }
    out.push({ kind: 'frame', node, frame: { kind: 'attest-me', endpoint } });
  }

  /** True where there is a new record of ours now. */
  onAttestation(node: NodeId, frame: FrameOf<'attestation'>, at: Times): boolean {
    const { ground } = this.ports;
    const asked = this.asked.get(node);
    this.asked.delete(node);
    if (asked === undefined || at.now > asked.at + ANSWER_MS) return false;
    const found = ground.records.openAttestation(frame.attestation);
    if (found === undefined || found.by !== node || found.node !== ground.self) return false;
    if (Math.abs(ground.meshTime(at) - found.at) > CLOCK_SLACK_MS) return false;
    if (!this.isWorthy(found.endpoint.address)) return false;
    if (asked.blue) this.blueAt = at.now;
    const key = formatEndpoint(found.endpoint);
    const attested = this.attested.get(key) ?? { endpoint: found.endpoint, by: new Map() };
    this.attested.delete(key);
    this.attested.set(key, attested);
    attested.by.delete(node);
    attested.by.set(node, { sealed: frame.attestation, at: found.at });
    trim(attested.by, WITNESSES_MAX);
    trim(this.attested, ENDPOINTS_MAX);
    return this.sign(attested, at);
  }

  /** A record that takes back our last one; undefined where there is none. */
  withdraw(at: Times): Sealed | undefined {
    const { record } = this;
    if (record === undefined) return undefined;
    this.record = undefined;
    const { ground } = this.ports;
    // What is signed counts in seconds, and the later one is believed.
    const now = Math.max(ground.meshTime(at), record.at + 1_000);
    return ground.records.signReachable(record.endpoint, now, []);
  }

  /**
   * Whether what we said of ourselves does not hold any more. `moved`: another record is likely to
   * follow at once; else here is one that takes it back.
   */
  onCandidates(at: Times): Sealed | 'moved' | undefined {
    const { candidates } = this.ports.whereabouts;
    if (candidates.length === 0) return undefined;
    const lost = this.lostForwarding();
    const here = new Set(candidates.map(({ endpoint }) => endpoint.address));
    for (const [key, { endpoint }] of this.attested) {
      if (!here.has(endpoint.address) || !this.isWorthy(endpoint.address)) {
        this.attested.delete(key);
      }
    }
    for (const key of lost) this.attested.delete(key);
    const { record } = this;
    const isMoved = record !== undefined && !this.isWorthy(record.endpoint.address, here);
    const isLost = record !== undefined && lost.has(formatEndpoint(record.endpoint));
    if (isMoved) this.record = undefined;
    const gone = isMoved ? 'moved' : isLost ? this.withdraw(at) : undefined;
    if (this.record === undefined && this.checkAt !== Number.POSITIVE_INFINITY) {
      this.checks = 0;
      this.checkAt = Math.min(this.checkAt, at.now + FIRST_CHECK_MS);
    }
    return gone;
  }

  /** Endpoints that were forwarded until now, and are none of ours in another way either. */
  private lostForwarding(): Set<string> {
    const { candidates } = this.ports.whereabouts;
    const of = (...kinds: Candidate['kind'][]) =>
      candidates
        .filter(({ kind }) => kinds.includes(kind))
        .map(({ endpoint }) => formatEndpoint(endpoint));
    const still = new Set(of('portmap', 'configured', 'local'));
    const lost = new Set([...this.forwarded].filter((key) => !still.has(key)));
    this.forwarded = new Set(of('portmap'));
    return lost;
  }

  tick(at: Times, out: MeshEffect[]): void {
    if (at.now < this.checkAt) return;
    const { ground, whereabouts } = this.ports;
    const age = this.age(at);
    if (age < RENEW_AGE_MS) {
      this.checkAt = at.now + RENEW_AGE_MS - age;
      return;
    }
    if (age >= VALID_MS && this.record !== undefined) {
      this.record = undefined;
      this.wasReachable = false;
    }
    this.checkAt = at.now + Math.min(CHECK_MS * 2 ** this.checks, CHECK_MS_MAX);
    if (whereabouts.nat === 'hard' || whereabouts.nat === 'blocked') return;
    const ours = whereabouts.candidates.filter(({ endpoint }) => this.isWorthy(endpoint.address));
    const endpoint = this.record?.endpoint ?? ours[this.checks % ours.length]?.endpoint;
    this.checks++;
    if (endpoint === undefined) return;
    for (const node of ground.trackersOf(ground.self)) {
      if (ground.placeOf(node) === undefined) continue;
      out.push({ kind: 'frame', node, frame: { kind: 'check', endpoint } });
      return;
    }
  }

  deadline(): Millis | undefined {
    return this.checkAt === Number.POSITIVE_INFINITY ? undefined : this.checkAt;
  }

  private sign({ endpoint, by }: Attested, at: Times): boolean {
    const { ground } = this.ports;
    const now = ground.meshTime(at);
    const fresh = [...by].filter(
      ([node, { at: then }]) => now - then < FRESH_MS && ground.roll.member(node) !== undefined,
    );
    if (fresh.length < (ground.roll.memberCount < TWO_WITNESSES_FROM ? 1 : 2)) return false;
    const last = this.record;
    const same = last !== undefined && formatEndpoint(last.endpoint) === formatEndpoint(endpoint);
    const count = Math.min(fresh.length, 2);
    if (same && now - last.at < RENEW_AGE_MS && last.by >= count) return false;
    const proofs = fresh.slice(-count).map(([, { sealed }]) => sealed);
    const sealed = ground.records.signReachable(endpoint, now, proofs);
    this.record = { sealed, endpoint, at: now, by: count };
    this.checks = 0;
    this.checkAt = at.now + RENEW_AGE_MS;
    this.wasReachable = true;
    return true;
  }

  /** A record is wanted, and was true not long ago. */
  private isLikely(at: Times): boolean {
    if (!this.wasReachable || this.age(at) < LATE_AGE_MS) return false;
    return this.ports.ground.roll.memberCount < LARGE_MESH || at.now < this.blueAt + LATE_MS;
  }

  /** Of our record; without one, as old as can be. */
  private age(at: Times): Millis {
    return this.record === undefined ? VALID_MS : this.ports.ground.meshTime(at) - this.record.at;
  }

  /** An address that others can use: a private one only where we have no public one. */
  private isWorthy(address: Address, here?: ReadonlySet<Address>): boolean {
    if (this.ports.ground.isForbidden(address) || isIn(LINK_LOCAL, address)) return false;
    if (here !== undefined && !here.has(address)) return false;
    if (!isIn(PRIVATE, address)) return true;
    return !this.ports.whereabouts.candidates.some(({ endpoint }) => isPublic(endpoint.address));
  }
}

function isPublic(address: Address): boolean {
  return !isIn(PRIVATE, address) && !isIn(LINK_LOCAL, address);
}

function isIn(prefixes: readonly string[], address: Address): boolean {
  return prefixes.some((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && prefixContains(prefix, address);
  });
}

/** Forgets the oldest until no more than so many are left. */
function trim<K>(map: Map<K, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
