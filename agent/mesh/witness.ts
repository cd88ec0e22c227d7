// What a member does for others who want to know whether they are reachable.
//
//   node ─ check ─▶ tracker ─ knock-at ─▶ third, that has no session with the node
//     ▲                                     │
//     └───── handshake, out of the blue ────┘
//   node ─ attest-me ─▶ third ─ attestation ─▶ node
//
// A witness signs what it did itself: "I began a session with it, there". It knocks only where a
// tracker sees the node come from, and seldom, so that nobody is knocked at in another's name.

import type { Endpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Allowance } from './allowance.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf } from './frame.js';
import type { Ground } from './ground.js';

/** An attestation is of what has just happened. */
const JUST_MS = 60_000;

/** Those we began a session with lately. */
const BEGUN_MAX = 1_024;

/** A second witness is wanted, and the third asked may be one that the node has sent to. */
const THIRDS = 3;

const CHECKS_PER_NODE = 4;
const CHECKS_MS = 600_000;
const KNOCKS = 4; // for all
const KNOCKS_MS = 60_000;
const KEYS_MAX = 4_096;

type Begun = Readonly<{ endpoint: Endpoint; at: Millis }>;

export class Witness {
  private readonly begun = new Map<NodeId, Begun>(); // the oldest first
  private readonly met = new Set<NodeId>(); // bounded by the roster
  private readonly attested = new Allowance(1, JUST_MS, KEYS_MAX);
  private readonly checks = new Allowance(CHECKS_PER_NODE, CHECKS_MS, KEYS_MAX);
  private readonly knocks = new Allowance(KNOCKS, KNOCKS_MS, 1);

  constructor(private readonly ground: Ground) {}

  onMet(node: NodeId, { initiator, from }: Met, now: Millis): void {
    this.met.add(node);
    if (!initiator || from.channel !== 0) return;
    this.begun.delete(node);
    this.begun.set(node, { endpoint: from.endpoint, at: now });
    if (this.begun.size <= BEGUN_MAX) return;
    for (const oldest of this.begun.keys()) {
      this.begun.delete(oldest);
      return;
    }
  }

  /** Says where we reached it, which need not be where it thinks that it is. */
  onAttestMe(node: NodeId, at: Times, out: MeshEffect[]): void {
    const begun = this.begun.get(node);
    if (begun === undefined || at.now > begun.at + JUST_MS) return;
    if (!this.attested.take(node, at.now)) return;
    const { endpoint } = begun;
    const attestation = this.ground.records.signAttestation({
      node,
      endpoint,
      at: this.ground.meshTime(at),
    });
    out.push({ kind: 'frame', node, frame: { kind: 'attestation', attestation } });
  }

  /** Sends some others there; only to the address that it comes from. */
  onCheck(node: NodeId, { endpoint }: FrameOf<'check'>, at: Times, out: MeshEffect[]): void {
    const { ground } = this;
    if (ground.placeOf(node)?.endpoint.address !== endpoint.address) return;
    if (ground.isForbidden(endpoint.address) || !this.checks.take(node, at.now)) return;
    const frame = { kind: 'knock-at', node, endpoint } as const;
    for (const third of this.thirds(node, endpoint)) {
      out.push({ kind: 'frame', node: third, frame });
    }
  }

  /**
   * Knocks there and no more: asking for a path would have us introduced, and the node send to us
   * first, which is the end of the evidence.
   */
  onKnockAt(
    { node, endpoint }: FrameOf<'knock-at'>,
    trusted: boolean,
    at: Times,
    out: MeshEffect[],
  ): void {
    const { ground } = this;
    if (!trusted || node === ground.self || ground.isMet(node)) return;
    if (ground.roll.member(node) === undefined || ground.isForbidden(endpoint.address)) return;
    if (!this.knocks.take('', at.now)) return;
    const place = { slot: ground.slotFor(endpoint), endpoint, source: null, channel: 0 };
    out.push({ kind: 'knock', node, places: [place], trial: true });
  }

  forget(node: NodeId): void {
    this.begun.delete(node);
    this.met.delete(node);
  }

  get metNow(): NodeId[] {
    for (const node of this.met) if (!this.ground.isMet(node)) this.met.delete(node);
    return [...this.met];
  }

  /** Any who are met and come from elsewhere, but for those who are met with it for certain. */
  private thirds(node: NodeId, { address }: Endpoint): NodeId[] {
    const { ground } = this;
    const its = ground.trackersOf(node);
    const others = this.metNow.filter((other) => {
      if (other === node || its.includes(other)) return false;
      return ground.placeOf(other)?.endpoint.address !== address;
    });
    const [dice = 0, more = 0] = ground.random(2);
    const turn = others.length === 0 ? 0 : (256 * dice + more) % others.length;
    return [...others.slice(turn), ...others.slice(0, turn)].slice(0, THIRDS);
  }
}
