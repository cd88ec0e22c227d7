// What members sign about where they are: short-lived, never in the roster.
//
//   candidates   of a node by itself: where it may be reached
//   attestation  of a member about another: "I reached it there out of the blue"
//   reachable    of a node by itself, with the attestations of those who reached it
//
// Each is a COSE_Sign1 (cose.ts) of a map: 0 kind, 1 who signed, then the rest.

import type { Endpoint } from '../bytes/address.js';
import { addressScope } from '../bytes/address.js';
import type { Cbor } from '../bytes/cbor.js';
import type { Signer, Verify } from '../crypto/ed25519.js';
import { KINDS, type Kind, readEnvelope, signEnvelope, verifyEnvelope } from './cose.js';
import {
  bytesOf,
  bytesUpTo,
  endpointBytes,
  endpointOf,
  type Fields,
  fieldsOf,
  listed,
  listOf,
  secondsOf,
  timeOf,
  wholeOf,
} from './fields.js';
import type { Member, NodeId } from './member.js';
import { idBytes, idOf } from './nodeid.js';
import { kindOf } from './read.js';

export const RECORD_BYTES_MAX = 900; // with an endpoint beside it, it still fits into one frame
export const CANDIDATES_MAX = 16;
export const WITNESSES_MAX = 2;
/** An attestation older than this says nothing of now. */
export const ATTESTATION_AGE_MAX_MS = 6 * 3_600_000;

// The order is the number that is sent; new ones go to the end.
const CANDIDATE_KINDS = ['local', 'mapped', 'portmap', 'configured', 'remembered'] as const;
const NAT_KINDS = ['unknown', 'open', 'easy', 'hard', 'blocked'] as const;

export type SignedCandidate = Readonly<{
  kind: (typeof CANDIDATE_KINDS)[number];
  endpoint: Endpoint;
}>;
export type SignedCandidates = Readonly<{
  node: NodeId;
  seq: number;
  nat: (typeof NAT_KINDS)[number];
  candidates: readonly SignedCandidate[];
}>;
export type SignedAttestation = Readonly<{
  by: NodeId;
  node: NodeId;
  endpoint: Endpoint;
  at: number;
}>;
export type SignedReachable = Readonly<{
  node: NodeId;
  endpoint: Endpoint;
  at: number;
  witnesses: readonly NodeId[];
}>;

type Members = Readonly<{ member(node: NodeId): Member | undefined }>;

/** Signs our records and opens those of others. */
export class SignedRecords {
  constructor(
    private readonly meshKey: Uint8Array,
    private readonly signer: Signer,
    private readonly roll: Members,
    private readonly verify: Verify,
  ) {}

  /** Of more than 16 candidates the first are taken; those with a scope mean nothing elsewhere. */
  signCandidates({ seq, nat, candidates }: Omit<SignedCandidates, 'node'>): Uint8Array {
    const usable = candidates.filter(({ endpoint }) => addressScope(endpoint.address) === 0);
    const list = usable
      .slice(0, CANDIDATES_MAX)
      .map(({ kind, endpoint }) => [CANDIDATE_KINDS.indexOf(kind), endpointBytes(endpoint)]);
    const rest: [number, Cbor][] = [
      [2, seq],
      [3, NAT_KINDS.indexOf(nat)],
      [4, list],
    ];
    return this.sign('candidates', rest);
  }

  openCandidates(sealed: Uint8Array): SignedCandidates | undefined {
    const opened = this.open('candidates', sealed);
    const seq = wholeOf(opened?.map.get(2));
    const nat = NAT_KINDS[wholeOf(opened?.map.get(3)) ?? -1];
    const candidates = listed(opened?.map.get(4), CANDIDATES_MAX, readCandidate);
    if (opened === undefined || seq === undefined || nat === undefined) return undefined;
    return candidates && { node: opened.by, seq, nat, candidates };
  }

  signAttestation({ node, endpoint, at }: Omit<SignedAttestation, 'by'>): Uint8Array {
    const rest: [number, Cbor][] = [
      [2, idBytes(node)],
      [3, endpointBytes(endpoint)],
      [4, secondsOf(at)],
    ];
    return this.sign('attestation', rest);
  }

  /** That `by` is a member is for the caller to ask. */
  openAttestation(sealed: Uint8Array): SignedAttestation | undefined {
    const opened = this.open('attestation', sealed);
    const key = bytesOf(opened?.map.get(2), 32);
    const endpoint = endpointOf(opened?.map.get(3));
    const at = timeOf(opened?.map.get(4));
    if (opened === undefined || key === undefined) return undefined;
    if (endpoint === undefined || at === undefined) return undefined;
    return { by: opened.by, node: idOf(key), endpoint, at };
  }

  /**
   * Throws RangeError where the attestations are not those of members about us there. Without any
   * it says the opposite: that we are not reachable there any more.
   */
  signReachable(endpoint: Endpoint, at: number, attestations: readonly Uint8Array[]): Uint8Array {
    const node = idOf(this.signer.key);
    if (this.witnesses(node, endpoint, at, attestations) === undefined)
      throw new RangeError('"attestations" are not those of members about this endpoint');
    const rest: [number, Cbor][] = [
      [2, endpointBytes(endpoint)],
      [3, secondsOf(at)],
      [4, attestations],
    ];
    return this.sign('reachable', rest);
  }

  openReachable(sealed: Uint8Array): SignedReachable | undefined {
    const opened = this.open('reachable', sealed);
    const endpoint = endpointOf(opened?.map.get(2));
    const at = timeOf(opened?.map.get(3));
    const list = listed(opened?.map.get(4), WITNESSES_MAX, readAttestationBytes);
    if (opened === undefined || endpoint === undefined) return undefined;
    if (at === undefined || list === undefined) return undefined;
    const witnesses = this.witnesses(opened.by, endpoint, at, list);
    return witnesses && { node: opened.by, endpoint, at, witnesses };
  }

  /** Those who attested, each once; undefined where one attestation is not good. */
  private witnesses(
    node: NodeId,
    { address, port }: Endpoint,
    at: number,
    attestations: readonly Uint8Array[],
  ): NodeId[] | undefined {
    const found = new Set<NodeId>();
    for (const sealed of attestations) {
      const one = this.openAttestation(sealed);
      if (one === undefined || one.node !== node || one.by === node) return undefined;
      if (one.endpoint.address !== address || one.endpoint.port !== port) return undefined;
      if (one.at < at - ATTESTATION_AGE_MAX_MS) return undefined;
      if (this.roll.member(one.by) === undefined) return undefined;
      found.add(one.by);
    }
    const isGood = found.size === attestations.length;
    return isGood && found.size <= WITNESSES_MAX ? [...found] : undefined;
  }

  private sign(kind: Kind, rest: readonly [number, Cbor][]): Uint8Array {
    const payload = new Map<number, Cbor>([[0, KINDS[kind]], [1, this.signer.key], ...rest]);
    return signEnvelope(kind, this.meshKey, payload, this.signer);
  }

  private open(kind: Kind, sealed: Uint8Array): { by: NodeId; map: Fields } | undefined {
    if (sealed.length > RECORD_BYTES_MAX) return undefined;
    const envelope = readEnvelope(sealed);
    const map = envelope && fieldsOf(envelope.payload);
    if (envelope === undefined || map === undefined || kindOf(map) !== kind) return undefined;
    const key = bytesOf(map.get(1), 32);
    if (key === undefined) return undefined;
    const isGood = verifyEnvelope(kind, this.meshKey, envelope, key, this.verify);
    return isGood ? { by: idOf(key), map } : undefined;
  }
}

function readCandidate(value: Cbor): SignedCandidate | undefined {
  const pair = listOf(value, 2);
  const kind = CANDIDATE_KINDS[wholeOf(pair?.[0]) ?? -1];
  const endpoint = endpointOf(pair?.[1]);
  return kind === undefined || endpoint === undefined ? undefined : { kind, endpoint };
}

function readAttestationBytes(value: Cbor): Uint8Array | undefined {
  return bytesUpTo(value, 400);
}
