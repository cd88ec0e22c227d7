// Makes statements: what read.ts reads. Each is signed as soon as it is made.

import { base64urlnopad } from '@scure/base';
import type { Prefix } from '../bytes/address.js';
import { type Cbor, encode } from '../bytes/cbor.js';
import type { Signer } from '../crypto/ed25519.js';
import { equal } from '../crypto/primitives.js';
import { hintOf, type IssuerId } from './chain.js';
import { KINDS, type Kind, signEnvelope } from './cose.js';
import { prefixBytes, type Rights, rightsFields, SUBNETS_MAX, secondsOf } from './fields.js';
import type { NodeId, StatementId } from './member.js';
import { idBytes } from './nodeid.js';
import { KITH_CLAIM } from './read.js';
import type { Roster } from './roster.js';
import { GUESTS_MAX, PROFILE_BYTES_MAX, type Share } from './statements.js';

/** Who may issue: the mesh key, or an admin by one of its certificates. */
export type Issuer = Readonly<{ meshKey: Uint8Array; signer: Signer; as: IssuerId }>;

/** Undefined where the signer is neither the mesh key nor an admin now. */
export function issuerFor(roster: Roster, signer: Signer): Issuer | undefined {
  const { meshKey } = roster;
  if (equal(signer.key, meshKey)) return { meshKey, signer, as: '' };
  const as = roster.adminCertificates(base64urlnopad.encode(signer.key))[0];
  return as === undefined ? undefined : { meshKey, signer, as };
}

export type Granted = Readonly<{
  nodeKey: Uint8Array;
  name: string;
  issued: number; // mesh time, milliseconds; seconds are what is signed
}>;

/** Only the mesh key may. */
export function issueAdmin(issuer: Issuer, granted: Granted): Uint8Array {
  return claims('admin', issuer, granted, []);
}

export function issueCertificate(
  issuer: Issuer,
  granted: Granted &
    Readonly<{ rights: Rights; settles?: Readonly<{ voucher: string; at: number }> | null }>,
): Uint8Array {
  const { rights, settles } = granted;
  const more: Cbor[] = [...rightsFields(rights)];
  if (settles) more.push([idBytes(settles.voucher), secondsOf(settles.at)]);
  return claims('certificate', issuer, granted, more);
}

export function issueVoucher(
  issuer: Issuer,
  voucher: Readonly<{
    key: Uint8Array; // Ed25519, whose secret the invite carries
    name: string;
    rights: Rights;
    issued: number;
    expires: number;
  }>,
): Uint8Array {
  return signEnvelope('voucher', issuer.meshKey, voucherPayload(issuer.as, voucher), issuer.signer);
}

/** The payload of a voucher, which an invite carries in fewer bytes. */
export function voucherPayload(
  as: IssuerId,
  voucher: Parameters<typeof issueVoucher>[1],
): Map<number, Cbor> {
  const [bits, more] = rightsFields(voucher.rights);
  const payload = payloadOf('voucher', as, voucher.issued);
  payload.set(3, voucher.key).set(4, voucher.name).set(5, bits);
  if (more.length > 0) payload.set(6, more);
  return payload.set(7, secondsOf(voucher.expires));
}

/** The holder of the voucher asks for a node key; `signer` has the voucher's key. */
export function issueRequest(
  meshKey: Uint8Array,
  signer: Signer,
  voucher: Uint8Array,
  nodeKey: Uint8Array,
): Uint8Array {
  const payload = new Map<number, Cbor>([[0, KINDS.request]]);
  return signEnvelope('request', meshKey, payload.set(1, nodeKey).set(2, voucher), signer);
}

/** A witness takes a request; `at`: its mesh time. */
export function issueEnrolment(
  meshKey: Uint8Array,
  witness: Signer,
  request: Uint8Array,
  at: number,
): Uint8Array {
  const payload = new Map<number, Cbor>([[0, KINDS.enrolment]]);
  payload.set(1, witness.key).set(2, secondsOf(at)).set(3, request);
  return signEnvelope('enrolment', meshKey, payload, witness);
}

export type ProfileFields = Readonly<{
  seq: number;
  host: number | null;
  guests?: readonly number[];
  subnets?: readonly Prefix[];
  exit?: boolean;
  share?: Share | null;
}>;

/** Signed by the node of itself. Throws RangeError where it would be too long. */
export function issueProfile(
  meshKey: Uint8Array,
  signer: Signer,
  { seq, host, guests = [], subnets = [], exit = false, share = null }: ProfileFields,
): Uint8Array {
  if (guests.length > GUESTS_MAX) throw new RangeError(`"guests" are more than ${GUESTS_MAX}`);
  if (subnets.length > SUBNETS_MAX) throw new RangeError(`"subnets" are more than ${SUBNETS_MAX}`);
  const payload = new Map<number, Cbor>([[0, KINDS.profile]]);
  payload.set(1, signer.key).set(2, seq);
  if (host !== null) payload.set(3, host);
  if (guests.length > 0) payload.set(4, guests);
  if (subnets.length > 0) payload.set(5, subnets.map(prefixBytes));
  if (exit) payload.set(6, true);
  if (share) payload.set(7, [share.megabits, share.gigabytes]);
  const bytes = signEnvelope('profile', meshKey, payload, signer);
  if (bytes.length > PROFILE_BYTES_MAX)
    throw new RangeError(`"profile" has ${bytes.length} bytes, more than ${PROFILE_BYTES_MAX}`);
  return bytes;
}

/** `admins` only by the mesh key; `keep`: see voided.ts. */
export function issueRevocation(
  issuer: Issuer,
  revoked: Readonly<{
    issued: number;
    nodes?: readonly NodeId[];
    vouchers?: readonly string[];
    admins?: readonly StatementId[];
    keep?: readonly string[];
  }>,
): Uint8Array {
  const payload = payloadOf('revocation', issuer.as, revoked.issued);
  const lists = [revoked.nodes, revoked.vouchers, revoked.admins];
  for (const [i, list] of lists.entries())
    if (list && list.length > 0) payload.set(3 + i, list.map(idBytes));
  const { keep = [] } = revoked;
  if (keep.length > 0)
    payload.set(
      6,
      keep.map((text) => base64urlnopad.decode(text)),
    );
  return signEnvelope('revocation', issuer.meshKey, payload, issuer.signer);
}

/** Vouchers that expired before `before` leave the roster. */
export function issueCut(issuer: Issuer, issued: number, before: number): Uint8Array {
  const payload = payloadOf('cut', issuer.as, issued).set(3, secondsOf(before));
  return signEnvelope('cut', issuer.meshKey, payload, issuer.signer);
}

export function issuePolicy(
  issuer: Issuer,
  policy: Readonly<{ issued: number; seq: number; seed: Uint8Array; ipv4: Prefix }>,
): Uint8Array {
  const payload = payloadOf('policy', issuer.as, policy.issued);
  payload.set(3, policy.seq).set(4, policy.seed).set(5, prefixBytes(policy.ipv4));
  return signEnvelope('policy', issuer.meshKey, payload, issuer.signer);
}

/** 0 kind, 1 issuer's hint, 2 time of issue. */
export function payloadOf(kind: Kind, as: IssuerId, issued: number): Map<number, Cbor> {
  const payload = new Map<number, Cbor>([[0, KINDS[kind]]]);
  return payload.set(1, hintBytes(as)).set(2, secondsOf(issued));
}

function hintBytes(as: IssuerId): Uint8Array {
  return base64urlnopad.decode(as === '' ? '' : hintOf(as));
}

/** A CWT: sub, iat, cnf with an Ed25519 key (RFC 9053, section 7.2), and our own claim. */
function claims(
  kind: Kind,
  { meshKey, signer, as }: Issuer,
  { nodeKey, name, issued }: Granted,
  more: readonly Cbor[],
): Uint8Array {
  const key = new Map<number, Cbor>([[1, 1]]);
  key.set(-1, 6).set(-2, nodeKey);
  const payload = new Map<number, Cbor>([[2, name]]);
  payload.set(6, secondsOf(issued)).set(8, new Map([[1, key]]));
  payload.set(KITH_CLAIM, [KINDS[kind], hintBytes(as), ...more]);
  return signEnvelope(kind, meshKey, payload, signer);
}

/** The COSE_Sign1 around a payload whose signature is known already. */
export function reassemble(payload: Cbor, signature: Uint8Array): Uint8Array {
  return encode([Uint8Array.of(0xa1, 0x01, 0x27), new Map(), encode(payload), signature]);
}
