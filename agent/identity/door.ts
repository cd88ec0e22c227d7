// Letting in: an admin makes an invite, its holder makes a request of it, any member takes that.
//
//   admin                    joiner                       member (the witness)
//   makeInvite ── word ───▶  enrol ── show(request) ───▶  admit ── enrolment, chain ─▶ welcome
//
// The same door takes a member that this one had not heard of: it shows its chain.

import { type Ed25519, ed25519, type Signer } from '../crypto/ed25519.js';
import { readEnvelope } from './cose.js';
import type { EpochKeys } from './epochkeys.js';
import { fieldsOf, PRIVATE_PREFIXES, type Rights } from './fields.js';
import {
  encodeInvite,
  type Invite,
  type InviteEndpoint,
  SECRET_BYTES,
  voucherSigner,
} from './invite.js';
import {
  issueCertificate,
  issueEnrolment,
  issueProfile,
  issueRequest,
  issuerFor,
  issueVoucher,
  type ProfileFields,
} from './issue.js';
import type { NodeId, Role } from './member.js';
import { idOf } from './nodeid.js';
import { chooseHost } from './overlay.js';
import { kindOf, readRequest } from './read.js';
import type { Reason } from './reasons.js';
import type { Added, Roster } from './roster.js';

export type Inviting = Readonly<{
  name: string;
  roles: readonly Role[];
  /** Where it may offer subnets; private ones where this is left out. */
  subnets?: Rights['subnets'];
  ttl: number; // milliseconds
  at: number; // mesh time
  endpoints: readonly InviteEndpoint[]; // proven ones first
  random: (bytes: number) => Uint8Array;
  crypto?: Ed25519;
}>;

/** Undefined where the signer is no admin. The statements are to be added to the roster. */
export function makeInvite(
  roster: Roster,
  signer: Signer,
  inviting: Inviting,
): { word: string; statements: readonly Uint8Array[] } | undefined {
  const { name, roles, subnets = PRIVATE_PREFIXES, ttl, at, endpoints, random } = inviting;
  const issuer = issuerFor(roster, signer);
  if (issuer === undefined) return undefined;
  const secret = random(SECRET_BYTES);
  const { key } = voucherSigner(secret, inviting.crypto);
  const rights = { roles, subnets };
  const bytes = issueVoucher(issuer, { key, name, rights, issued: at, expires: at + ttl });
  const voucher = roster.interner.parse(bytes);
  if (voucher?.kind !== 'voucher') throw new RangeError(`"name" is no name for a node: ${name}`);
  const word = encodeInvite(roster.meshKey, secret, voucher, endpoints);
  secret.fill(0);
  return { word, statements: [bytes] };
}

/** What a joiner shows. */
export function enrol(invite: Invite, joiner: Signer, crypto: Ed25519 = ed25519): Uint8Array[] {
  const { meshKey, secret, voucher } = invite;
  return [issueRequest(meshKey, voucherSigner(secret, crypto), voucher, joiner.key)];
}

/** How an admitted one is answered; `added` is what became of the roster. */
export type Admission =
  | Readonly<{ welcome: readonly Uint8Array[]; added: Added }>
  | Readonly<{ unwelcome: Reason }>;

/**
 * Takes what was shown, in the name of `witness`, at its mesh time; that the shower owns the node
 * key was verified before (show.ts). Nothing comes into the roster of one who stays outside. A
 * welcome has what the newcomer needs to be believed by others, and to believe us; the rest of
 * the roster comes by reconciliation. With `epoch`, a newcomer gets the rendezvous key too.
 */
export function admit(
  roster: Roster,
  witness: Signer,
  shown: readonly Uint8Array[],
  node: NodeId,
  meshTime: number,
  epoch?: Readonly<{ keys: EpochKeys; random: (bytes: number) => Uint8Array }>,
): Admission {
  const statements = shown.filter((bytes) => !isRequest(bytes));
  const trial = roster.fork();
  trial.add(statements);
  if (trial.member(node) === undefined) {
    const request = shown.find(isRequest);
    if (request === undefined) return { unwelcome: trial.whyNot(node) ?? 'stranger' };
    const taken = takeRequest(trial, witness, request, node, meshTime);
    if (typeof taken === 'string') return { unwelcome: taken };
    statements.push(...taken);
    trial.add(taken);
  }
  const reason = trial.whyNot(node);
  if (reason !== undefined) return { unwelcome: reason };
  const added = roster.add(statements);
  const member = roster.member(node);
  const welcome = welcomeFor(roster, node, idOf(witness.key));
  if (epoch === undefined || member === undefined) return { welcome, added };
  const { keys, random } = epoch;
  const buckets = keys.bucketsFor([member], meshTime, random);
  const more = roster.add(buckets);
  added.added.push(...more.added);
  added.changes.push(...more.changes);
  const share = buckets.length > 0 ? undefined : keys.shareFor(member, random);
  return { welcome: [...welcome, ...buckets, ...(share ? [share] : [])], added };
}

/** The enrolment, and where the witness is an admin a certificate at once; or why not. */
function takeRequest(
  roster: Roster,
  witness: Signer,
  request: Uint8Array,
  node: NodeId,
  meshTime: number,
): Uint8Array[] | Reason {
  const read = readRequest(request, roster.meshKey);
  if (read === undefined) return 'malformed';
  const { voucher, nodeKey } = read;
  if (read.node !== node) return 'no-proof';
  const issuer = roster.proveRequest(request, voucher);
  if (!issuer.ok) return issuer.reason;
  if (roster.isRevoked(node) || roster.isVoucherRevoked(voucher.key)) return 'revoked';
  const other = roster.enrolledWith(voucher.key);
  if (other !== undefined && other !== node) return 'used';
  const at = Math.max(meshTime, voucher.issued); // our clock may be a little behind the admin's
  if (at > voucher.expires) return 'expired';
  const statements = [issueEnrolment(roster.meshKey, witness, request, at)];
  const admin = issuerFor(roster, witness);
  if (admin !== undefined && admin.as !== '') {
    const { name, rights } = voucher;
    const settles = { voucher: voucher.key, at };
    statements.push(issueCertificate(admin, { nodeKey, name, rights, issued: at, settles }));
  }
  return statements;
}

function isRequest(bytes: Uint8Array): boolean {
  const payload = readEnvelope(bytes)?.payload;
  const map = payload && fieldsOf(payload);
  return map !== undefined && kindOf(map) === 'request';
}

function welcomeFor(roster: Roster, node: NodeId, self: NodeId): Uint8Array[] {
  const { policy, buckets } = roster;
  const all = new Set([...roster.chainOf(self), ...roster.chainOf(node)]);
  for (const { id } of [...(policy ? [policy] : []), ...buckets.slice(0, 1)]) {
    const bytes = roster.get(id);
    const issuer = roster.issuerOf(id);
    const admin = issuer ? roster.get(issuer) : undefined;
    if (admin) all.add(admin);
    if (bytes) all.add(bytes);
  }
  return [...all];
}

/**
 * A node's next profile: its IPv4 host stays while it has it, else the next that is free. The
 * `seq` is mesh time, or one more than the last.
 */
export function ownProfile(
  roster: Roster,
  signer: Signer,
  offer: Omit<ProfileFields, 'seq' | 'host'>,
  at: number,
): Uint8Array {
  const node = idOf(signer.key);
  const last = roster.record(node).profile;
  const seq = Math.max(Math.floor(at), (last?.seq ?? 0) + 1);
  const host = roster.ownsHost(node)
    ? (last?.host ?? null)
    : (chooseHost(signer.key, (other) => roster.isHostTaken(other, node)) ?? null);
  return issueProfile(roster.meshKey, signer, { ...offer, seq, host });
}
