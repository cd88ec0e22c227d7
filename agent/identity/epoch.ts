// The rendezvous key of an epoch: under it members leave word where they are, on brokers and in
// networks that may not know (design section 5).
//
//   bucket   one statement for all members whose node keys begin alike, 64 of them on average:
//            ephemeral X25519 key | 48 bytes for each: ChaCha20-Poly1305(k, 0, key, key id)
//            k = Kdf1(X25519(ephemeral, member), "kith1 wrap" | ephemeral | member)
//   share    the same for one newcomer, signed by the member that let it in
//   topic    HMAC-SHA256(key, node key): who has no key sees neither who nor where
//   record   nonce, 24 | XChaCha20-Poly1305(key, AAD = topic) of [signed candidates, [chain]]

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Cbor, concat, decode, encode } from '../bytes/cbor.js';
import type { Signer } from '../crypto/ed25519.js';
import { equal, kdf1, open, seal, XNONCE_BYTES, xopen, xseal } from '../crypto/primitives.js';
import { wipe } from '../crypto/secret.js';
import { PrivateKey } from '../crypto/x25519.js';
import { KINDS, readEnvelope, signEnvelope, verifyEnvelope } from './cose.js';
import { bytesOf, bytesUpTo, fieldsOf, listed } from './fields.js';
import { type Issuer, payloadOf } from './issue.js';
import type { NodeId } from './member.js';
import { idBytes, idOf } from './nodeid.js';
import { EPOCH_BITS_MAX, kindOf, WRAP_BYTES } from './read.js';
import type { Roster } from './roster.js';
import { type Epoch, LONG_STATEMENT_BYTES_MAX, WRAPS_MAX } from './statements.js';

export const EPOCH_KEY_BYTES = 32;
export const BUCKET_MEMBERS = 64; // on average at most
const RECORD_BYTES_MAX = 8 * 1024; // signed candidates (900 bytes) and a chain

const WRAP = new TextEncoder().encode('kith1 wrap');
const KEY_ID = new TextEncoder().encode('kith1 epoch');

type Recipient = Readonly<{ nodeKey: Uint8Array; publicKey: Uint8Array }>;
type Random = (bytes: number) => Uint8Array;

export function makeEpochKey(random: Random): Uint8Array {
  return random(EPOCH_KEY_BYTES);
}

/** 16 bytes by which a key is known without being told. */
export function epochKeyId(key: Uint8Array): Uint8Array {
  return sha256(concat([KEY_ID, key])).slice(0, 16);
}

/** `narrow`: buckets with the longest prefix, for few members that came later. */
export function issueEpoch(
  issuer: Issuer,
  epoch: Readonly<{
    epoch: number;
    key: Uint8Array;
    members: Iterable<Recipient>;
    issued: number;
    random: Random;
  }>,
  narrow = false,
): Uint8Array[] {
  const members = [...epoch.members];
  const keyId = epochKeyId(epoch.key);
  return bucketsOf(members, narrow ? EPOCH_BITS_MAX : 0).map(({ bits, value, inside }) => {
    const ephemeral = new PrivateKey(epoch.random(32));
    const wraps = inside.map((member) => wrap(ephemeral, member.publicKey, epoch.key, keyId));
    const payload = payloadOf('epoch', issuer.as, epoch.issued);
    payload.set(3, epoch.epoch).set(4, keyId).set(5, bits).set(6, value);
    payload.set(7, ephemeral.publicKey).set(8, concat(wraps));
    ephemeral.wipe();
    return signEnvelope('epoch', issuer.meshKey, payload, issuer.signer);
  });
}

/** As few bits of prefix as leave no bucket with more than it can hold. */
function bucketsOf(members: readonly Recipient[], least: number) {
  let bits = Math.max(least, Math.ceil(Math.log2(members.length / BUCKET_MEMBERS)));
  for (; ; bits++) {
    const buckets = new Map<number, Recipient[]>();
    for (const member of members) {
      const value = prefixValue(member.nodeKey, bits);
      const inside = buckets.get(value);
      if (inside) inside.push(member);
      else buckets.set(value, [member]);
    }
    const most = Math.max(0, ...[...buckets.values()].map(({ length }) => length));
    if (most <= WRAPS_MAX || bits === EPOCH_BITS_MAX)
      return [...buckets].map(([value, all]) => ({ bits, value, inside: all.slice(0, WRAPS_MAX) }));
  }
}

function prefixValue(nodeKey: Uint8Array, bits: number): number {
  const first = ((nodeKey[0] ?? 0) << 8) | (nodeKey[1] ?? 0);
  return first >> (16 - bits);
}

/** The key, where one of the buckets has it for this node. */
export function openEpoch(
  buckets: readonly Epoch[],
  nodeKey: Uint8Array,
  privateKey: PrivateKey,
): Uint8Array | undefined {
  for (const { prefix, ephemeral, wraps, keyId } of buckets) {
    if (prefixValue(nodeKey, prefix.bits) !== prefix.value) continue;
    const key = unwrap(privateKey, ephemeral, wraps, keyId);
    if (key !== undefined) return key;
  }
  return undefined;
}

function wrap(ephemeral: PrivateKey, to: Uint8Array, key: Uint8Array, keyId: Uint8Array) {
  const shared = ephemeral.dh(to);
  if (shared === undefined) return new Uint8Array(WRAP_BYTES); // a key of low order: nobody's
  const secret = kdf1(shared, concat([WRAP, ephemeral.publicKey, to]));
  const wrapped = seal(secret, 0, key, keyId);
  wipe(shared, secret);
  return wrapped;
}

/** Whose is whose is not told: each is tried. */
function unwrap(
  privateKey: PrivateKey,
  ephemeral: Uint8Array,
  wraps: Uint8Array,
  keyId: Uint8Array,
): Uint8Array | undefined {
  const shared = privateKey.dh(ephemeral);
  if (shared === undefined) return undefined;
  const secret = kdf1(shared, concat([WRAP, ephemeral, privateKey.publicKey]));
  let key: Uint8Array | undefined;
  for (let at = 0; at < wraps.length && key === undefined; at += WRAP_BYTES) {
    key = open(secret, 0, wraps.subarray(at, at + WRAP_BYTES), keyId);
  }
  wipe(shared, secret);
  return key !== undefined && equal(epochKeyId(key), keyId) ? key : undefined;
}

/** For a newcomer, or for a member that no bucket has. Not a statement: it is not passed on. */
export function issueShare(
  meshKey: Uint8Array,
  signer: Signer,
  key: Uint8Array,
  to: Recipient,
  random: Random,
): Uint8Array {
  const ephemeral = new PrivateKey(random(32));
  const payload = new Map<number, Cbor>([[0, KINDS.share]]);
  payload.set(1, signer.key).set(2, to.nodeKey).set(3, ephemeral.publicKey);
  payload.set(4, wrap(ephemeral, to.publicKey, key, epochKeyId(key)));
  ephemeral.wipe();
  return signEnvelope('share', meshKey, payload, signer);
}

/** The key, where a member signed it for us and it is the one of the roster's newest epoch. */
export function openShare(
  bytes: Uint8Array,
  roster: Roster,
  nodeKey: Uint8Array,
  privateKey: PrivateKey,
): Uint8Array | undefined {
  const envelope = readEnvelope(bytes);
  const map = envelope && fieldsOf(envelope.payload);
  if (envelope === undefined || map === undefined || kindOf(map) !== 'share') return undefined;
  const [from, to, ephemeral] = [1, 2, 3].map((key) => bytesOf(map.get(key), 32));
  const wrapped = bytesOf(map.get(4), WRAP_BYTES);
  const { epoch, meshKey } = roster;
  if (!from || !to || !ephemeral || !wrapped || !epoch || !equal(to, nodeKey)) return undefined;
  if (roster.member(idOf(from)) === undefined) return undefined;
  if (!verifyEnvelope('share', meshKey, envelope, from, roster.crypto.verify)) return undefined;
  return unwrap(privateKey, ephemeral, wrapped, epoch.keyId);
}

/** Where a node's record lies: 32 bytes. */
export function topicOf(key: Uint8Array, node: NodeId): Uint8Array {
  return hmac(sha256, key, idBytes(node));
}

export type Rendezvous = Readonly<{
  record: Uint8Array; // signed candidates
  chain: readonly Uint8Array[];
}>;

export function sealRendezvous(
  key: Uint8Array,
  node: NodeId,
  { record, chain }: Rendezvous,
  random: Random,
): Uint8Array {
  const nonce = random(XNONCE_BYTES);
  return concat([nonce, xseal(key, nonce, encode([record, chain]), topicOf(key, node))]);
}

/** Undefined where it is not under this key, or not of this node's topic. */
export function openRendezvous(
  key: Uint8Array,
  node: NodeId,
  bytes: Uint8Array,
): Rendezvous | undefined {
  if (bytes.length > RECORD_BYTES_MAX || bytes.length < XNONCE_BYTES) return undefined;
  const nonce = bytes.subarray(0, XNONCE_BYTES);
  const plain = xopen(key, nonce, bytes.subarray(XNONCE_BYTES), topicOf(key, node));
  const value = plain && decode(plain);
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [first, second] = value as readonly Cbor[];
  const record = bytesUpTo(first, 900);
  const chain = listed(second, 16, (entry) => bytesUpTo(entry, LONG_STATEMENT_BYTES_MAX));
  return record === undefined || chain === undefined ? undefined : { record, chain };
}
