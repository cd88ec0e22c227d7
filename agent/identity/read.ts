// Reads statements: bytes that anybody may have sent become a typed statement, or nothing. Only
// form is judged here; chain.ts judges signatures.
//
// A payload is a map: 0 kind, 1 issuer's hint, 2 time of issue, then what the kind has. In
// certificates it is a CWT (RFC 8392): 2 sub (the name), 6 iat, 8 cnf (RFC 8747: the node key), and
// one claim of our own with the rest.

import { base64urlnopad } from '@scure/base';
import type { Cbor } from '../bytes/cbor.js';
import { KINDS, type Kind, readEnvelope, statementId } from './cose.js';
import * as fields from './fields.js';
import type { NodeId } from './member.js';
import { idOf } from './nodeid.js';
import {
  type Enrolment,
  GUESTS_MAX,
  HINT_BYTES,
  KEEP_BYTES,
  KEPT_MAX,
  LONG_STATEMENT_BYTES_MAX,
  PROFILE_BYTES_MAX,
  REVOKED_MAX,
  STATEMENT_BYTES_MAX,
  type Statement,
  type Voucher,
  WRAPS_MAX,
} from './statements.js';

/** A claim key for private use (RFC 8392, section 9.1): [kind, issuer, bits, subnets, settles?]. */
export const KITH_CLAIM = -65537;
export const WRAP_BYTES = 48;
export const EPOCH_BITS_MAX = 16; // 65,536 buckets are enough for four million members

/** Undefined where it is none of our statements. */
export function readStatement(bytes: Uint8Array, meshKey: Uint8Array): Statement | undefined {
  if (bytes.length > LONG_STATEMENT_BYTES_MAX) return undefined;
  const envelope = readEnvelope(bytes);
  if (envelope === undefined) return undefined;
  const map = fields.fieldsOf(envelope.payload);
  if (map === undefined) return undefined;
  const kind = kindOf(map);
  if (kind === undefined || bytes.length > bytesMax(kind)) return undefined;
  const read = READERS[kind];
  if (read === undefined) return undefined;
  const copy = Uint8Array.from(bytes);
  return read(map, { id: statementId(kind, meshKey, envelope.payload), bytes: copy, meshKey });
}

/** What kind a signed payload says it is. */
export function kindOf(map: fields.Fields): Kind | undefined {
  const claim = fields.listOf(map.get(KITH_CLAIM), 5);
  const number = claim === undefined ? map.get(0) : claim[0];
  const entry = Object.entries(KINDS).find(([, value]) => value === number);
  return entry?.[0] as Kind | undefined;
}

function bytesMax(kind: Kind): number {
  if (kind === 'profile') return PROFILE_BYTES_MAX;
  return kind === 'revocation' || kind === 'epoch' ? LONG_STATEMENT_BYTES_MAX : STATEMENT_BYTES_MAX;
}

type Frame = Readonly<{ id: string; bytes: Uint8Array; meshKey: Uint8Array }>;
type Reader = (map: fields.Fields, frame: Frame) => Statement | undefined;

const READERS: Partial<Record<Kind, Reader>> = {
  admin(map, { id, bytes }) {
    const common = readClaims(map);
    return common && { kind: 'admin', id, bytes, ...common };
  },

  certificate(map, { id, bytes }) {
    const common = readClaims(map);
    const claim = fields.listOf(map.get(KITH_CLAIM), 5);
    const rights = fields.rightsOf(claim?.[2], claim?.[3]);
    const settles = claim?.[4] === undefined ? null : readSettles(claim[4]);
    if (common === undefined || rights === undefined || settles === undefined) return undefined;
    return { kind: 'certificate', id, bytes, ...common, rights, settles };
  },

  profile(map, { id, bytes }) {
    const key = fields.bytesOf(map.get(1), 32);
    const seq = fields.wholeOf(map.get(2));
    const host = map.get(3) === undefined ? null : hostOf(map.get(3));
    const guests = fields.listed(map.get(4) ?? [], GUESTS_MAX, hostOf);
    const subnets = fields.listed(map.get(5) ?? [], fields.SUBNETS_MAX, fields.prefixOf);
    const share = map.get(7) === undefined ? null : readShare(map.get(7));
    if (key === undefined || seq === undefined || host === undefined) return undefined;
    if (guests === undefined || subnets === undefined || share === undefined) return undefined;
    const rest = { host, guests, subnets, exit: map.get(6) === true, share };
    return { kind: 'profile', id, bytes, node: idOf(key), nodeKey: key, seq, ...rest };
  },

  voucher(map, { id, bytes }) {
    const issued = readIssued(map);
    const key = fields.bytesOf(map.get(3), 32);
    const name = fields.nameOf(map.get(4));
    const rights = fields.rightsOf(map.get(5), map.get(6) ?? []);
    const expires = fields.timeOf(map.get(7));
    if (issued === undefined || key === undefined || name === undefined) return undefined;
    if (rights === undefined || expires === undefined) return undefined;
    return { kind: 'voucher', id, bytes, ...issued, key: idOf(key), name, rights, expires };
  },

  enrolment(map, { id, bytes, meshKey }) {
    const witness = fields.bytesOf(map.get(1), 32);
    const at = fields.timeOf(map.get(2));
    const request = fields.bytesUpTo(map.get(3), STATEMENT_BYTES_MAX);
    const read = request && readRequest(request, meshKey);
    if (witness === undefined || at === undefined) return undefined;
    if (request === undefined || read === undefined) return undefined;
    return { kind: 'enrolment', id, bytes, ...read, request, witness: idOf(witness), at };
  },

  revocation(map, { id, bytes }) {
    const issued = readIssued(map);
    const key = (value: Cbor) => read32(value);
    const nodes = fields.listed(map.get(3) ?? [], REVOKED_MAX, key);
    const vouchers = fields.listed(map.get(4) ?? [], REVOKED_MAX, key);
    const admins = fields.listed(map.get(5) ?? [], REVOKED_MAX, key);
    const keep = fields.listed(map.get(6) ?? [], KEPT_MAX, readKept);
    if (issued === undefined || nodes === undefined || vouchers === undefined) return undefined;
    if (admins === undefined || keep === undefined) return undefined;
    return { kind: 'revocation', id, bytes, ...issued, nodes, vouchers, admins, keep };
  },

  cut(map, { id, bytes }) {
    const issued = readIssued(map);
    const before = fields.timeOf(map.get(3));
    if (issued === undefined || before === undefined) return undefined;
    return { kind: 'cut', id, bytes, ...issued, before };
  },

  policy(map, { id, bytes }) {
    const issued = readIssued(map);
    const seq = fields.wholeOf(map.get(3));
    const seed = fields.bytesOf(map.get(4), 16);
    const ipv4 = fields.prefixOf(map.get(5));
    if (issued === undefined || seq === undefined || seed === undefined) return undefined;
    if (ipv4 === undefined || !isMeshPrefix(ipv4)) return undefined;
    return { kind: 'policy', id, bytes, ...issued, seq, seed, ipv4 };
  },

  epoch(map, { id, bytes }) {
    const issued = readIssued(map);
    const epoch = fields.wholeOf(map.get(3));
    const keyId = fields.bytesOf(map.get(4), 16);
    const bits = fields.wholeOf(map.get(5), EPOCH_BITS_MAX);
    const value = bits === undefined ? undefined : fields.wholeOf(map.get(6), 2 ** bits - 1);
    const ephemeral = fields.bytesOf(map.get(7), 32);
    const wraps = fields.bytesUpTo(map.get(8), WRAPS_MAX * WRAP_BYTES);
    if (issued === undefined || epoch === undefined || keyId === undefined) return undefined;
    if (bits === undefined || value === undefined || ephemeral === undefined) return undefined;
    if (wraps === undefined || wraps.length % WRAP_BYTES !== 0) return undefined;
    const prefix = { bits, value };
    return { kind: 'epoch', id, bytes, ...issued, epoch, keyId, prefix, ephemeral, wraps };
  },
};

/** A /16 in 100.64.0.0/10 (RFC 6598), which no home has as its LAN. */
export function isMeshPrefix({ address, length }: { address: string; length: number }): boolean {
  const [first, second = 0] = address.split('.').map(Number);
  return length === 16 && first === 100 && second >= 64 && second < 128;
}

/** What a request asks: signed with the voucher's key, for a node key. */
export function readRequest(
  bytes: Uint8Array,
  meshKey: Uint8Array,
): Pick<Enrolment, 'voucher' | 'node' | 'nodeKey'> | undefined {
  const envelope = readEnvelope(bytes);
  const map = envelope && fields.fieldsOf(envelope.payload);
  if (map === undefined || kindOf(map) !== 'request') return undefined;
  const nodeKey = fields.bytesOf(map.get(1), 32);
  const inner = fields.bytesUpTo(map.get(2), STATEMENT_BYTES_MAX);
  const voucher = inner && readStatement(inner, meshKey);
  if (nodeKey === undefined || voucher?.kind !== 'voucher') return undefined;
  return { voucher: voucher satisfies Voucher, node: idOf(nodeKey), nodeKey };
}

function readIssued(map: fields.Fields): { issuer: string; issued: number } | undefined {
  const issuer = issuerOf(map.get(1));
  const issued = fields.timeOf(map.get(2));
  return issuer === undefined || issued === undefined ? undefined : { issuer, issued };
}

function issuerOf(value: Cbor | undefined): string | undefined {
  const hint = fields.bytesUpTo(value, HINT_BYTES);
  if (hint === undefined || (hint.length !== 0 && hint.length !== HINT_BYTES)) return undefined;
  return base64urlnopad.encode(hint);
}

function readClaims(map: fields.Fields) {
  const name = fields.nameOf(map.get(2));
  const issued = fields.timeOf(map.get(6));
  const key = fields.mapOf(fields.mapOf(map.get(8))?.get(1));
  const nodeKey = fields.bytesOf(key?.get(-2), 32);
  const issuer = issuerOf(fields.listOf(map.get(KITH_CLAIM), 5)?.[1]);
  if (name === undefined || issued === undefined || issuer === undefined) return undefined;
  if (nodeKey === undefined || key?.get(1) !== 1 || key.get(-1) !== 6) return undefined;
  return { issuer, issued, name, nodeKey, node: idOf(nodeKey) };
}

function readSettles(value: Cbor): { voucher: string; at: number } | undefined {
  const list = fields.listOf(value, 2);
  const voucher = list && read32(list[0]);
  const at = fields.timeOf(list?.[1]);
  return voucher === undefined || at === undefined ? undefined : { voucher, at };
}

function readShare(value: Cbor | undefined) {
  const list = fields.listOf(value, 2);
  const megabits = fields.wholeOf(list?.[0], 1_000_000);
  const gigabytes = fields.wholeOf(list?.[1], 1_000_000_000);
  return megabits === undefined || gigabytes === undefined ? undefined : { megabits, gigabytes };
}

function hostOf(value: Cbor | undefined): number | undefined {
  return fields.wholeOf(value, 0xffff);
}

function read32(value: Cbor | undefined): NodeId | undefined {
  const bytes = fields.bytesOf(value, 32);
  return bytes && idOf(bytes);
}

function readKept(value: Cbor): string | undefined {
  const bytes = fields.bytesOf(value, KEEP_BYTES);
  return bytes && base64urlnopad.encode(bytes);
}
