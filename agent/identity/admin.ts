// What an admin does to the roster, each as the statements to be added.

import type { Signer } from '../crypto/ed25519.js';
import { issueEpoch, makeEpochKey } from './epoch.js';
import type { EpochKeys } from './epochkeys.js';
import {
  type Issuer,
  issueAdmin,
  issueCertificate,
  issueCut,
  issueRevocation,
  issuerFor,
} from './issue.js';
import type { Member, NodeId, StatementId } from './member.js';
import type { Roster } from './roster.js';
import { KEPT_MAX } from './statements.js';
import { keepOf } from './voided.js';

type Random = (bytes: number) => Uint8Array;

/**
 * Certificates of one's own for members that only a witness vouches for; with `epoch`, the
 * rendezvous key for those that came after it was made.
 */
export function reissue(
  roster: Roster,
  signer: Signer,
  at: number,
  epoch?: Readonly<{ keys: EpochKeys; random: Random }>,
): Uint8Array[] {
  const issuer = issuerFor(roster, signer);
  if (issuer === undefined) return [];
  const members = [...roster.members()];
  const certificates = members.flatMap(({ node }) => certify(roster, issuer, node, at) ?? []);
  return [...certificates, ...(epoch?.keys.bucketsFor(members, at, epoch.random) ?? [])];
}

/** Undefined where it is certified already. */
function certify(
  roster: Roster,
  issuer: Issuer,
  node: NodeId,
  issued: number,
): Uint8Array | undefined {
  const basis = roster.standing(node)?.basis;
  if (basis?.kind !== 'enrolment') return undefined;
  const { nodeKey, at, voucher } = basis;
  const { name, rights, key } = voucher;
  const settles = { voucher: key, at };
  return issueCertificate(issuer, { nodeKey, name, rights, issued, settles });
}

/** Another name for a member, or other rights: a certificate that supersedes. */
export function regrant(
  roster: Roster,
  signer: Signer,
  member: Member,
  granted: Pick<Parameters<typeof issueCertificate>[1], 'name' | 'rights'>,
  at: number,
): Uint8Array | undefined {
  const issuer = issuerFor(roster, signer);
  const basis = roster.standing(member.node)?.basis;
  if (issuer === undefined || basis === undefined) return undefined;
  const settles =
    basis.kind === 'certificate' ? basis.settles : { voucher: basis.voucher.key, at: basis.at };
  const { nodeKey } = member;
  return issueCertificate(issuer, { nodeKey, ...granted, issued: at, settles });
}

export type Revoked = Readonly<{ statements: readonly Uint8Array[]; epochKey: Uint8Array }>;

/**
 * Revokes a node with the voucher that let it in. In the same act those that it let in itself
 * are certified, for its witness counts no more, and a new rendezvous key goes to all others.
 */
export function revokeNode(
  roster: Roster,
  signer: Signer,
  node: NodeId,
  at: number,
  random: Random,
): Revoked | undefined {
  const issuer = issuerFor(roster, signer);
  if (issuer === undefined) return undefined;
  if (roster.member(node)?.admin && issuer.as !== '') return undefined;
  const vouchers = vouchersOf(roster, node);
  const revocation = issueRevocation(issuer, { issued: at, nodes: [node], vouchers });
  const certificates = roster
    .record(node)
    .witnessed.flatMap((other) => certify(roster, issuer, other, at) ?? []);
  const rest = [...roster.members()].filter((member) => member.node !== node);
  const epochKey = makeEpochKey(random);
  const epoch = (roster.epoch?.epoch ?? 0) + 1;
  const buckets = issueEpoch(issuer, { epoch, key: epochKey, members: rest, issued: at, random });
  return { statements: [...certificates, revocation, ...buckets], epochKey };
}

function vouchersOf(roster: Roster, node: NodeId): string[] {
  const { enrolments, certificates } = roster.record(node);
  const keys = enrolments.map(({ voucher }) => voucher.key);
  for (const { settles } of certificates) if (settles) keys.push(settles.voucher);
  return [...new Set(keys)];
}

/** An invite that nobody is to use any more. */
export function revokeVoucher(
  roster: Roster,
  signer: Signer,
  key: string,
  at: number,
): Uint8Array | undefined {
  const issuer = issuerFor(roster, signer);
  return issuer && issueRevocation(issuer, { issued: at, vouchers: [key] });
}

/** By the mesh key: this member is an admin from now on. */
export function addAdmin(
  roster: Roster,
  meshSigner: Signer,
  { nodeKey, name }: Member,
  at: number,
): Uint8Array | undefined {
  const issuer = issuerFor(roster, meshSigner);
  return issuer?.as === '' ? issueAdmin(issuer, { nodeKey, name, issued: at }) : undefined;
}

/**
 * By the mesh key: this node is an admin no more. What it signed and the roster holds stays; with
 * more than a revocation can name, certificates come first.
 */
export function removeAdmin(
  roster: Roster,
  meshSigner: Signer,
  node: NodeId,
  at: number,
): Uint8Array | undefined {
  const issuer = issuerFor(roster, meshSigner);
  const admins = roster.adminCertificates(node);
  if (issuer?.as !== '' || admins.length === 0) return undefined;
  const keep = keptOf(roster, admins).slice(0, KEPT_MAX).map(keepOf);
  return issueRevocation(issuer, { issued: at, admins, keep });
}

function keptOf(roster: Roster, admins: readonly StatementId[]): StatementId[] {
  const kept = new Set<StatementId>();
  const later = new Set<StatementId>();
  for (const statement of roster.statements()) {
    const issuer = roster.issuerOf(statement.id);
    if (!issuer || !admins.includes(issuer)) continue;
    if (statement.kind === 'certificate') kept.add(statement.id);
    else later.add(statement.kind === 'enrolment' ? statement.voucher.id : statement.id);
  }
  return [...new Set([...kept, ...later])];
}

/** Vouchers that expired before `before` leave every roster. */
export function clearVouchers(
  roster: Roster,
  signer: Signer,
  at: number,
  before: number,
): Uint8Array | undefined {
  const issuer = issuerFor(roster, signer);
  return issuer && issueCut(issuer, at, before);
}
