// COSE_Sign1 (RFC 9052, section 4.2), the one form that everything signed in a mesh has:
//
//   [ h'a10127' (alg: EdDSA), {}, payload: bstr, signature: 64 bytes ]        untagged
//
//   Sig_structure = [ "Signature1", h'a10127', external_aad, payload ]        what is signed
//   external_aad  = "kith1" | u8 kind | mesh key, 32 bytes                    never sent
//
// The kind and the mesh are signed but not sent here, so that no statement passes for one of
// another kind or mesh. The id of a statement is the SHA-256 of its Sig_structure.

import { sha256 } from '@noble/hashes/sha2.js';
import { type Cbor, concat, decode, encode } from '../bytes/cbor.js';
import { SIGNATURE_BYTES, type Signer, type Verify } from '../crypto/ed25519.js';
import type { StatementId } from './member.js';
import { idOf } from './nodeid.js';

/** What is signed, by number; numbers are never used again. */
export const KINDS = {
  admin: 1,
  certificate: 2,
  profile: 3,
  voucher: 4,
  enrolment: 5,
  revocation: 6,
  cut: 7,
  policy: 8,
  epoch: 9,
  request: 10, // an enrolment before a witness took it
  share: 11, // the rendezvous key for one newcomer
  candidates: 12,
  attestation: 13,
  reachable: 14,
  order: 15, // of an admin to one node, over MQTT
  release: 16, // a manifest, with its publisher's key in the place of the mesh key
} as const;
export type Kind = keyof typeof KINDS;

const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x27); // {1: -8}
const CONTEXT = 'Signature1';
const DOMAIN = new TextEncoder().encode('kith1');

export type Envelope = Readonly<{ payload: Uint8Array; signature: Uint8Array }>;

/** The parts of a COSE_Sign1 in our form; undefined where it is none. Nothing is verified. */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  const value = decode(bytes);
  if (!Array.isArray(value) || value.length !== 4) return undefined;
  const [header, unprotected, payload, signature] = value as readonly Cbor[];
  if (!(header instanceof Uint8Array) || !isProtected(header)) return undefined;
  if (!(unprotected instanceof Map) || unprotected.size > 0) return undefined;
  if (!(payload instanceof Uint8Array) || !(signature instanceof Uint8Array)) return undefined;
  return signature.length === SIGNATURE_BYTES ? { payload, signature } : undefined;
}

function isProtected(header: Uint8Array): boolean {
  return header.length === PROTECTED.length && header.every((byte, i) => byte === PROTECTED[i]);
}

/** The bytes that a signature stands for. */
export function sigStructure(kind: Kind, meshKey: Uint8Array, payload: Uint8Array): Uint8Array {
  const aad = concat([DOMAIN, Uint8Array.of(KINDS[kind]), meshKey]);
  return encode([CONTEXT, PROTECTED, aad, payload]);
}

export function statementId(kind: Kind, meshKey: Uint8Array, payload: Uint8Array): StatementId {
  return idOf(sha256(sigStructure(kind, meshKey, payload)));
}

/** A signed message of ours. */
export function signEnvelope(
  kind: Kind,
  meshKey: Uint8Array,
  payload: Cbor,
  signer: Signer,
): Uint8Array {
  const encoded = encode(payload);
  const signature = signer.sign(sigStructure(kind, meshKey, encoded));
  return encode([PROTECTED, new Map(), encoded, signature]);
}

export function verifyEnvelope(
  kind: Kind,
  meshKey: Uint8Array,
  { payload, signature }: Envelope,
  key: Uint8Array,
  verify: Verify,
): boolean {
  return verify(key, sigStructure(kind, meshKey, payload), signature);
}
