// A small ground for the machines of the mesh: members without certificates, records whose seal is
// a checksum. No cryptography: nobody here can sign for another, and a changed byte is noticed.

import { type Address, type Endpoint, family, type Place } from '../../agent/bytes/address.js';
import type { Member, NodeId, Role } from '../../agent/identity/member.js';
import { idOf } from '../../agent/identity/nodeid.js';
import type { MeshEffect, Times } from '../../agent/mesh/effects.js';
import type { Sealed } from '../../agent/mesh/frame.js';
import type {
  Attestation,
  CandidateRecord,
  Ground,
  Reachable,
  Records,
  Roll,
} from '../../agent/mesh/ground.js';
import type { Millis, Traffic } from '../../agent/wireguard/effects.js';
import { Random } from '../lab/random.js';

/** Unix time at `now` 0 of every test; the clocks of a test run side by side from here. */
export const WALL_START = 1_800_000_000_000;

export const times = (now: Millis): Times => ({ now, wall: WALL_START + now });

/** The key of the i-th node: any 32 bytes will do here. They sort in no particular order. */
export function nodeId(i: number): NodeId {
  const random = new Random(i + 1);
  return idOf(random.bytes(32));
}

export const endpoint = (address: Address, port = 51820): Endpoint => ({ address, port });

export function place(address: Address, port = 51820, channel = 0): Place {
  const slot = family(address) === 4 ? 0 : 1;
  return { slot, endpoint: { address, port }, source: null, channel };
}

/** Members, all of one mesh. The same object may serve all grounds, or each gets its own. */
export class FakeRoll implements Roll {
  seed = new Uint8Array(16);
  private readonly rows = new Map<NodeId, Member>();

  constructor(nodes: Iterable<NodeId> = []) {
    for (const node of nodes) this.add(node);
  }

  add(node: NodeId, roles: readonly Role[] = ['tracker', 'relay']): void {
    const name = `n${this.rows.size}`;
    const nodeKey = Uint8Array.from(Buffer.from(node, 'base64url'));
    const publicKey = nodeKey.map((byte) => byte ^ 0x55);
    const member = { node, nodeKey, publicKey, name, admin: false, roles };
    this.rows.set(node, { ...member, addresses: [], guests: [], subnets: [] });
  }

  remove(node: NodeId): void {
    this.rows.delete(node);
  }

  member(node: NodeId): Member | undefined {
    return this.rows.get(node);
  }

  members(): Iterable<Member> {
    return this.rows.values();
  }

  get memberCount(): number {
    return this.rows.size;
  }

  chainOf(node: NodeId): readonly Uint8Array[] {
    return this.rows.has(node) ? [new TextEncoder().encode(`chain of ${node}`)] : [];
  }
}

type Kind = 'candidates' | 'attestation' | 'reachable';

/** Signs for `self` alone; opens everybody's. */
export class FakeRecords implements Records {
  constructor(
    readonly self: NodeId,
    private readonly roll: Roll,
  ) {}

  signCandidates(record: Omit<CandidateRecord, 'node'>): Sealed {
    return seal('candidates', this.self, { ...record, node: this.self });
  }

  openCandidates(sealed: Sealed): CandidateRecord | undefined {
    return this.own<CandidateRecord>('candidates', sealed, (record) => record.node);
  }

  signAttestation(attestation: Omit<Attestation, 'by'>): Sealed {
    return seal('attestation', this.self, { ...attestation, by: this.self });
  }

  openAttestation(sealed: Sealed): Attestation | undefined {
    return this.own<Attestation>('attestation', sealed, (attestation) => attestation.by);
  }

  signReachable(endpoint: Endpoint, at: Millis, attestations: readonly Sealed[]): Sealed {
    const proofs = attestations.map((proof) => Buffer.from(proof).toString('latin1'));
    return seal('reachable', this.self, { node: this.self, endpoint, at, proofs });
  }

  openReachable(sealed: Sealed): Reachable | undefined {
    type Body = Omit<Reachable, 'witnesses'> & { proofs: string[] };
    const body = this.own<Body>('reachable', sealed, (reachable) => reachable.node);
    if (!body) return undefined;
    const witnesses: NodeId[] = [];
    for (const proof of body.proofs) {
      const found = this.openAttestation(Uint8Array.from(Buffer.from(proof, 'latin1')));
      if (!found || found.node !== body.node || found.by === body.node) return undefined;
      if (!sameEndpoint(found.endpoint, body.endpoint)) return undefined;
      witnesses.push(found.by);
    }
    return { node: body.node, endpoint: body.endpoint, at: body.at, witnesses };
  }

  /** Signed by the member that it speaks of. */
  private own<T>(kind: Kind, sealed: Sealed, owner: (body: T) => NodeId): T | undefined {
    const opened = unseal(kind, sealed);
    if (!opened || owner(opened.body as T) !== opened.by) return undefined;
    return this.roll.member(opened.by) === undefined ? undefined : (opened.body as T);
  }
}

export const sameEndpoint = (a: Endpoint, b: Endpoint): boolean =>
  a.address === b.address && a.port === b.port;

const noTraffic: Traffic = {
  unansweredSince: 0,
  unacknowledgedSince: 0,
  dataReceivedAt: 0,
  receivedAt: 0,
  sentAt: 0,
  receivedBytes: 0,
  sentBytes: 0,
};

/** Everything that a test may want to set is a plain field. */
export class FakeGround implements Ground {
  readonly met = new Set<NodeId>();
  readonly places = new Map<NodeId, Place>();
  readonly trafficOf = new Map<NodeId, Traffic>();
  /** In the order of asking; a test may also act on it by `onWant`. */
  readonly wanted: NodeId[] = [];
  trackers: (node: NodeId) => readonly NodeId[] = () => [];
  onWant: (node: NodeId, at: Times, out: MeshEffect[]) => void = () => {};
  readonly records: Records;
  private readonly dice: Random;

  constructor(
    readonly self: NodeId,
    readonly roll: Roll,
    seed = 1,
  ) {
    this.records = new FakeRecords(self, roll);
    this.dice = new Random(seed);
  }

  random(bytes: number): Uint8Array {
    return this.dice.bytes(bytes);
  }

  traffic(node: NodeId): Traffic {
    return this.trafficOf.get(node) ?? noTraffic;
  }

  isMet(node: NodeId): boolean {
    return this.met.has(node);
  }

  wantPath(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.wanted.push(node);
    this.onWant(node, at, out);
  }

  placeOf(node: NodeId): Place | undefined {
    return this.places.get(node);
  }

  trackersOf(node: NodeId): readonly NodeId[] {
    return this.trackers(node);
  }

  slotFor(endpoint: Endpoint): number {
    return family(endpoint.address) === 4 ? 0 : 1;
  }

  meshTime(at: Times): Millis {
    return at.wall;
  }

  isForbidden(address: Address): boolean {
    return /^(127\.|22[4-9]\.|23\d\.|::1$|ff|fd4b)/.test(address);
  }
}

/** `kind by body checksum`, in text: the checksum stands for the signature, at the end. */
function seal(kind: Kind, by: NodeId, body: object): Sealed {
  const text = `${kind} ${by} ${JSON.stringify(body)}`;
  return new TextEncoder().encode(`${text} ${checksum(text)}`);
}

function unseal(kind: Kind, sealed: Sealed): { by: NodeId; body: unknown } | undefined {
  const whole = new TextDecoder().decode(sealed);
  const end = whole.lastIndexOf(' ');
  const text = whole.slice(0, end);
  const [found, by = '', ...rest] = text.split(' ');
  if (found !== kind || whole.slice(end + 1) !== checksum(text)) return undefined;
  return { by, body: JSON.parse(rest.join(' ')) };
}

/** Two of FNV-1a, 16 letters. */
function checksum(text: string): string {
  let [one, two] = [0x811c9dc5, 0x01234567];
  for (let i = 0; i < text.length; i++) {
    one = Math.imul(one ^ text.charCodeAt(i), 0x01000193);
    two = Math.imul(two ^ text.charCodeAt(i), 0x01000193) + one;
  }
  return [one, two].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
