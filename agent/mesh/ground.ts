// What the machines of the mesh stand on: who we are, who belongs, who is met. Mesh (mesh.ts) puts
// one together and gives it to all of them; a test makes its own.
//
// The form of every machine: methods take what happened and `at`, and append to `out`; `deadline`
// says when to call `tick` next. None reads a clock, rolls dice or keeps what it cannot bound.

import type { Address, Endpoint, Place } from '../bytes/address.js';
import type { Member, NodeId } from '../identity/member.js';
import type { Millis, Traffic } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { Sealed } from './frame.js';

export type CandidateKind = 'local' | 'mapped' | 'portmap' | 'configured' | 'remembered';

/** A place where a node may be reached; nothing is proven of it. */
export type Candidate = Readonly<{ kind: CandidateKind; endpoint: Endpoint }>;

/** How a node's NAT maps and what it lets in (RFC 4787's terms in short). */
export type NatKind =
  | 'unknown'
  | 'open' // no translation: a local address is the mapped one
  | 'easy' // endpoint-independent mapping: one port for all destinations
  | 'hard' // a port of its own for each destination
  | 'blocked'; // no UDP at all

/** What a node signs about where it is (identity/records.ts); the newest `seq` wins. */
export type CandidateRecord = Readonly<{
  node: NodeId;
  seq: number; // u53, grows across restarts (Unix milliseconds or one more than the last)
  nat: NatKind;
  candidates: readonly Candidate[]; // at most 16, best first
}>;

/** "I reached `node` at `endpoint` out of the blue", signed by `by`. */
export type Attestation = Readonly<{
  by: NodeId;
  node: NodeId;
  endpoint: Endpoint;
  at: Millis; // mesh time
}>;

/** A node that is reachable at this endpoint by anybody, with those who found it so. */
export type Reachable = Readonly<{
  node: NodeId;
  endpoint: Endpoint;
  at: Millis; // mesh time of signing
  witnesses: readonly NodeId[]; // members; two, or one in a mesh too small for two
}>;

/** Signs our own records and opens those of others; undefined: not authentic, or malformed. */
export interface Records {
  signCandidates(record: Omit<CandidateRecord, 'node'>): Sealed;
  openCandidates(sealed: Sealed): CandidateRecord | undefined;
  signAttestation(attestation: Omit<Attestation, 'by'>): Sealed;
  openAttestation(sealed: Sealed): Attestation | undefined;
  /** Refused where the attestations are not those of members about this node and endpoint. */
  signReachable(endpoint: Endpoint, at: Millis, attestations: readonly Sealed[]): Sealed;
  openReachable(sealed: Sealed): Reachable | undefined;
}

/** The roster as the machines read it. */
export interface Roll {
  member(node: NodeId): Member | undefined;
  members(): Iterable<Member>;
  readonly memberCount: number;
  /** The statements that prove it a member, from the mesh key down. */
  chainOf(node: NodeId): readonly Uint8Array[];
  /** Set by an admin; spreads the load of trackers. 16 bytes; zeros where none is set. */
  readonly seed: Uint8Array;
}

export interface Ground {
  readonly self: NodeId;
  readonly roll: Roll;
  readonly records: Records;
  random(bytes: number): Uint8Array;
  /** What the workers noted of it; all zeros where it has no row. */
  traffic(node: NodeId): Traffic;
  /** A session with it is in use. */
  isMet(node: NodeId): boolean;
  /** Sets its path machine going: a session, or a better path, is wanted. */
  wantPath(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** The proven direct endpoint of a met member, if any: where a relay or tracker is spoken to. */
  placeOf(node: NodeId): Place | undefined;
  /** The trackers that serve it now, best first; at most three, all believed reachable. */
  trackersOf(node: NodeId): readonly NodeId[];
  /** The socket slot for an endpoint's address family. */
  slotFor(endpoint: Endpoint): number;
  /** Mesh time (design section 4), for what is signed and what expires. */
  meshTime(at: Times): Millis;
  /** Addresses that a member must not lead us to: loopback, multicast, our own overlay. */
  isForbidden(address: Address): boolean;
}
