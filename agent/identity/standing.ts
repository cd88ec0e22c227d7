// Is a node a member, and as what? A pure function of the ledger.
//
// A certificate makes it one. Without, an enrolment does whose voucher went to it, if its witness
// is a member too; so membership spreads from the certified, and `rank` is how many witnesses lie
// between. A rank has a limit, so that no circle of witnesses can carry itself.

import type { Prefix } from '../bytes/address.js';
import type { Derived } from './chain.js';
import type { Ledger } from './ledger.js';
import type { Member, NodeId } from './member.js';
import { covers, overlaps, overlayIpv4 } from './overlay.js';
import type { Reason } from './reasons.js';
import type { Certificate, Enrolment } from './statements.js';

const MESH_BITS = 64; // the prefix of all IPv6 addresses of a mesh (overlay.ts)
export const RANK_MAX = 8; // admins re-issue what they see; so long a row of absences is none

const NONE: readonly number[] = [];

export type Standing = Readonly<{
  rank: number; // 0: certified
  basis: Certificate | Enrolment;
  member: Member;
  host: number | null; // claimed of the mesh's IPv4 /16
  guests: readonly number[]; // the same, for guests
  since: number; // mesh time that decides between two claims
}>;

export type Ask = Readonly<{
  ledger: Ledger;
  ipv4: Prefix | undefined;
  standing(node: NodeId): Standing | undefined;
  derived(node: NodeId, nodeKey: Uint8Array): Derived | undefined;
  /** Whether a claim of an IPv4 host is the first of those that were made. */
  hasHost(node: NodeId, host: number, since: number): boolean;
}>;

/** How a node stands, or why it does not. */
export function judge(node: NodeId, ask: Ask): Standing | Reason {
  const { ledger } = ask;
  if (ledger.isRevoked(node)) return 'revoked';
  const found = basisOf(node, ask);
  if (typeof found === 'string') return found;
  const { basis, rank } = found;
  const derived = ask.derived(node, basis.nodeKey);
  if (derived === undefined) return 'key';
  const granted = basis.kind === 'certificate' ? basis : basis.voucher;
  const { profile } = ledger.node(node);
  const host = profile?.host ?? null;
  const guests = profile?.guests ?? NONE;
  const since = sinceOf(basis);
  const member: Member = {
    node,
    nodeKey: basis.nodeKey,
    publicKey: derived.publicKey,
    name: granted.name,
    admin: ledger.isAdmin(node),
    roles: granted.rights.roles,
    addresses: [derived.ipv6, ...ipv4Of(node, host === null ? [] : [host], since, ask)],
    guests: ipv4Of(node, guests, since, ask),
    subnets: (profile?.subnets ?? []).filter(
      (subnet) =>
        granted.rights.subnets.some((prefix) => covers(prefix, subnet)) &&
        !isOverlay(subnet, derived.ipv6, ask.ipv4),
    ),
  };
  return { rank, basis, member, host, guests, since };
}

/** Other members' own addresses are nobody's to offer, whatever was permitted. */
function isOverlay(subnet: Prefix, ipv6: Prefix, ipv4: Prefix | undefined): boolean {
  const ours = { address: ipv6.address, length: MESH_BITS };
  return overlaps(subnet, ours) || (ipv4 !== undefined && overlaps(subnet, ipv4));
}

function basisOf(
  node: NodeId,
  ask: Ask,
): { basis: Certificate | Enrolment; rank: number } | Reason {
  const { ledger } = ask;
  const { certificates, enrolments } = ledger.node(node);
  let reason: Reason = 'stranger';
  let best: Certificate | undefined;
  for (const certificate of certificates) {
    if (!isSettled(certificate, ledger)) reason = 'used';
    else if (best === undefined || isNewer(certificate, best)) best = certificate;
  }
  if (best !== undefined) return { basis: best, rank: 0 };
  let found: { basis: Enrolment; rank: number } | undefined;
  for (const enrolment of enrolments) {
    const rank = 1 + (ask.standing(enrolment.witness)?.rank ?? RANK_MAX);
    const { key } = enrolment.voucher;
    if (ledger.isVoucherRevoked(key)) reason = 'revoked';
    else if (winnerOf(key, ledger) !== enrolment) reason = 'used';
    else if (rank > RANK_MAX) reason = 'no-witness';
    else if (found === undefined || isBetter(enrolment, rank, found)) {
      found = { basis: enrolment, rank };
    }
  }
  return found ?? reason;
}

function isBetter(basis: Enrolment, rank: number, than: { basis: Enrolment; rank: number }) {
  return rank < than.rank || (rank === than.rank && basis.id < than.basis.id);
}

function isNewer(a: Certificate, b: Certificate): boolean {
  return a.issued > b.issued || (a.issued === b.issued && a.id > b.id);
}

/** Of several nodes that one voucher let in, and that admins re-issued: is it this one? */
function isSettled(certificate: Certificate, ledger: Ledger): boolean {
  if (certificate.settles === null) return true;
  const first = firstSettled(certificate.settles.voucher, ledger);
  return first === undefined || first.node === certificate.node;
}

function firstSettled(voucher: string, ledger: Ledger): Certificate | undefined {
  let first: Certificate | undefined;
  for (const other of ledger.voucher(voucher).settled) {
    if (first === undefined || bySettledTime(other, first) < 0) first = other;
  }
  return first;
}

function bySettledTime(a: Certificate, b: Certificate): number {
  return (a.settles?.at ?? 0) - (b.settles?.at ?? 0) || (a.node < b.node ? -1 : 1);
}

/** Who a voucher let in: whom an admin re-issued, else the earliest witness time, the lowest id. */
export function winnerOf(voucher: string, ledger: Ledger): Enrolment | undefined {
  const { enrolments } = ledger.voucher(voucher);
  const settled = firstSettled(voucher, ledger);
  if (settled === undefined) return enrolments[0];
  return enrolments.find(({ node }) => node === settled.node);
}

function sinceOf(basis: Certificate | Enrolment): number {
  if (basis.kind === 'enrolment') return basis.at;
  return Math.min(basis.settles?.at ?? basis.issued, basis.issued);
}

/** Those of these hosts that nobody claimed before. */
function ipv4Of(
  node: NodeId,
  hosts: readonly number[],
  since: number,
  { ipv4, hasHost }: Ask,
): Prefix[] {
  if (ipv4 === undefined) return [];
  const won = hosts.filter((host) => hasHost(node, host, since));
  return won.map((host) => ({ address: overlayIpv4(ipv4, host), length: 32 }));
}

/** All hosts of the /16 that a member claims, for itself and for its guests. */
export function claimsOf(standing: Standing | undefined): number[] {
  if (standing === undefined) return [];
  return [...(standing.host === null ? [] : [standing.host]), ...standing.guests];
}

/** Whether nothing differs that others act on. */
export function sameStanding(a: Standing | undefined, b: Standing | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const [left, right] = [a.member, b.member];
  return (
    a.rank === b.rank &&
    a.basis.id === b.basis.id &&
    a.host === b.host &&
    left.name === right.name &&
    left.admin === right.admin &&
    left.roles.join() === right.roles.join() &&
    a.guests.join() === b.guests.join() &&
    samePrefixes(left.addresses, right.addresses) &&
    samePrefixes(left.guests, right.guests) &&
    samePrefixes(left.subnets, right.subnets)
  );
}

function samePrefixes(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ address, length }, i) => address === b[i]?.address && length === b[i]?.length)
  );
}
