// An invite: everything a newcomer needs, as one word.
//
//   0          32          48          112    120      124       128      129      130
//   +----------+-----------+-----------+------+--------+---------+--------+--------+------+
//   | mesh key | secret    | signature | hint | issued | expires | rights | length | name |
//   +----------+-----------+-----------+------+--------+---------+--------+--------+------+
//     32         16          64          8      u32      u32       u8       u8
//
// then u8 number of further subnets, each a u8 length and as fields.ts writes prefixes; then up to
// two endpoints: u8 flags (1: IPv6, 2: the same node as before), node key, address, u16 port. The
// hint, which tells the admin's certificate, is all zeros where the mesh key itself issued.
//
// The voucher is put together again from these: its key comes from the secret, its signature is
// what the admin signed.

import { sha256 } from '@noble/hashes/sha2.js';
import { base64urlnopad } from '@scure/base';
import type { Endpoint } from '../bytes/address.js';
import { concat } from '../bytes/cbor.js';
import { type Ed25519, ed25519, type Signer, signerOf } from '../crypto/ed25519.js';
import { isZero } from '../crypto/secret.js';
import { KINDS, readEnvelope } from './cose.js';
import {
  endpointBytes,
  endpointOf,
  NAME,
  prefixOf,
  type Rights,
  rightsFields,
  rightsOf,
  secondsOf,
} from './fields.js';
import { reassemble } from './issue.js';
import { HINT_BYTES, type Voucher } from './statements.js';
import { CONTENT_BYTES_MAX, decodeWord, encodeWord, type WordProblem } from './word.js';

export const INVITE_PREFIX = 'kith1';
export const SECRET_BYTES = 16; // 128 bits: nobody guesses it, and the word is shorter
export const ENDPOINTS_MAX = 2;

/** Where a member listens. */
export type InviteEndpoint = Readonly<{ nodeKey: Uint8Array; endpoint: Endpoint }>;

export type Invite = Readonly<{
  meshKey: Uint8Array;
  secret: Uint8Array; // 16 bytes; wiped by who uses it
  voucher: Uint8Array; // the statement
  name: string; // of the node that is to be
  rights: Rights;
  expires: number; // milliseconds
  endpoints: readonly InviteEndpoint[];
}>;

/** Who signs the request: the voucher's key. */
export function voucherSigner(secret: Uint8Array, crypto: Ed25519 = ed25519): Signer {
  return signerOf(sha256(concat([new TextEncoder().encode('kith1 voucher'), secret])), crypto);
}

/** The word for a voucher; endpoints that do not fit are left out, the last first. */
export function encodeInvite(
  meshKey: Uint8Array,
  secret: Uint8Array,
  voucher: Voucher,
  endpoints: readonly InviteEndpoint[],
): string {
  const signature = readEnvelope(voucher.bytes)?.signature;
  if (signature === undefined) throw new TypeError('"voucher" is no statement');
  const hint = new Uint8Array(HINT_BYTES);
  hint.set(base64urlnopad.decode(voucher.issuer));
  const times = [voucher.issued, voucher.expires].map((time) => u32(secondsOf(time)));
  const [bits, more] = rightsFields(voucher.rights);
  const name = new TextEncoder().encode(voucher.name);
  const head = [meshKey, secret, signature, hint, ...times];
  head.push(Uint8Array.of(bits, name.length), name, Uint8Array.of(more.length));
  for (const prefix of more) head.push(Uint8Array.of(prefix.length), prefix);
  let content = concat(head);
  let before: Uint8Array | undefined;
  for (const { nodeKey, endpoint } of endpoints.slice(0, ENDPOINTS_MAX)) {
    const address = endpointBytes(endpoint);
    const same = before?.every((byte, i) => byte === nodeKey[i]) ?? false;
    const flags = (address.length > 6 ? 1 : 0) | (same ? 2 : 0);
    const key = same ? new Uint8Array(0) : nodeKey;
    const longer = concat([content, Uint8Array.of(flags), key, address]);
    if (longer.length > CONTENT_BYTES_MAX) break;
    [content, before] = [longer, nodeKey];
  }
  return encodeWord(INVITE_PREFIX, content);
}

export function decodeInvite(
  text: string,
  crypto: Ed25519 = ed25519,
): { invite: Invite } | { problem: WordProblem } {
  const content = decodeWord(INVITE_PREFIX, text);
  if (!(content instanceof Uint8Array)) return { problem: content };
  const invite = readContent(new Cursor(content), crypto);
  if (invite !== undefined) return { invite };
  const words = 'This invite was made by a newer kith than this one: update first.';
  return { problem: { code: 'newer', text: words } };
}

function readContent(cursor: Cursor, crypto: Ed25519): Invite | undefined {
  const meshKey = cursor.bytes(32);
  const secret = cursor.bytes(SECRET_BYTES);
  const signature = cursor.bytes(64);
  const hint = cursor.bytes(HINT_BYTES);
  const [issued, expires] = [cursor.whole(4), cursor.whole(4)];
  const bits = cursor.whole(1);
  const name = new TextDecoder().decode(cursor.bytes(cursor.whole(1)));
  const more = Array.from({ length: cursor.whole(1) & 31 }, () => cursor.bytes(cursor.whole(1)));
  const rights = rightsOf(bits, more);
  const endpoints = readEndpoints(cursor);
  if (cursor.failed || rights === undefined || !NAME.test(name)) return undefined;
  if (endpoints === undefined || more.some((prefix) => prefixOf(prefix) === undefined))
    return undefined;
  const { key } = voucherSigner(secret, crypto);
  const payload = new Map<number, number | string | Uint8Array | Uint8Array[]>();
  payload.set(0, KINDS.voucher).set(1, isZero(hint) ? new Uint8Array(0) : hint);
  payload.set(2, issued).set(3, key).set(4, name).set(5, bits);
  if (more.length > 0) payload.set(6, more);
  payload.set(7, expires);
  const voucher = reassemble(payload, signature);
  return { meshKey, secret, voucher, name, rights, expires: 1000 * expires, endpoints };
}

function readEndpoints(cursor: Cursor): InviteEndpoint[] | undefined {
  const endpoints: InviteEndpoint[] = [];
  while (cursor.left > 0 && !cursor.failed) {
    const flags = cursor.whole(1);
    const before = endpoints.at(-1)?.nodeKey;
    const nodeKey = flags & 2 ? before : cursor.bytes(32);
    const endpoint = endpointOf(cursor.bytes(flags & 1 ? 18 : 6));
    if (flags > 3 || nodeKey === undefined || endpoint === undefined) return undefined;
    if (endpoints.length === ENDPOINTS_MAX) return undefined;
    endpoints.push({ nodeKey, endpoint });
  }
  return endpoints;
}

/** Takes bytes off the front; where there are too few, zeros, and `failed`. */
class Cursor {
  failed = false;
  private at = 0;

  constructor(private readonly content: Uint8Array) {}

  get left(): number {
    return this.content.length - this.at;
  }

  bytes(length: number): Uint8Array {
    if (this.left < length) this.failed = true;
    const taken = new Uint8Array(length);
    taken.set(this.content.subarray(this.at, this.at + length));
    this.at += length;
    return taken;
  }

  whole(length: number): number {
    return this.bytes(length).reduce((value, byte) => value * 256 + byte, 0);
  }
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
