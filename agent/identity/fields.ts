// Fields of a decoded payload, each checked as it is taken: undefined where it is not what it must
// be. A payload is a map with small integers for keys; keys that are not known are passed over.

import type { Endpoint, Prefix } from '../bytes/address.js';
import { addressBytes, addressScope, formatAddress, maskAddress } from '../bytes/address.js';
import { type Cbor, concat, decode } from '../bytes/cbor.js';
import { ROLES, type Role } from './member.js';

export type Fields = ReadonlyMap<number | string, Cbor>;

export const SUBNETS_MAX = 16; // of one node; a home has a few
/** A DNS label (RFC 1035, section 2.3.1), because it becomes `<name>.kith`. */
export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function mapOf(value: Cbor | undefined): Fields | undefined {
  return value instanceof Map ? value : undefined;
}

export function fieldsOf(payload: Uint8Array): Fields | undefined {
  return mapOf(decode(payload));
}

export function listOf(value: Cbor | undefined, max: number): readonly Cbor[] | undefined {
  return Array.isArray(value) && value.length <= max ? value : undefined;
}

/** A list each entry of which `read` takes. */
export function listed<T>(
  value: Cbor | undefined,
  max: number,
  read: (entry: Cbor) => T | undefined,
): readonly T[] | undefined {
  const list = listOf(value, max);
  if (list === undefined) return undefined;
  const all: T[] = [];
  for (const entry of list) {
    const item = read(entry);
    if (item === undefined) return undefined;
    all.push(item);
  }
  return all;
}

export function bytesOf(value: Cbor | undefined, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === length ? value : undefined;
}

export function bytesUpTo(value: Cbor | undefined, max: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length <= max ? value : undefined;
}

export function wholeOf(
  value: Cbor | undefined,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= max ? value : undefined;
}

const SECONDS_MAX = 2 ** 32 - 1;

/** Seconds in the message, milliseconds with us. */
export function timeOf(value: Cbor | undefined): number | undefined {
  const seconds = wholeOf(value, SECONDS_MAX);
  return seconds === undefined ? undefined : 1000 * seconds;
}

export function secondsOf(millis: number): number {
  return Math.min(SECONDS_MAX, Math.max(0, Math.floor(millis / 1000)));
}

export function nameOf(value: Cbor | undefined): string | undefined {
  return typeof value === 'string' && NAME.test(value) ? value : undefined;
}

// Rights: what a certificate or a voucher grants.

/** Prefixes of homes (RFC 1918, RFC 4193): one bit says that all of them may be offered. */
export const PRIVATE_PREFIXES: readonly Prefix[] = [
  { address: '10.0.0.0', length: 8 },
  { address: '172.16.0.0', length: 12 },
  { address: '192.168.0.0', length: 16 },
  { address: 'fc00::', length: 7 },
];

export type Rights = Readonly<{
  roles: readonly Role[];
  subnets: readonly Prefix[]; // within these it may offer subnets
}>;

const PRIVATE_BIT = 1 << ROLES.length;
const BITS_MAX = 0xff; // those that a newer version may have are passed over

/** [bits, prefixes beside the private ones]. */
export function rightsFields({ roles, subnets }: Rights): [number, Uint8Array[]] {
  let bits = 0;
  for (const [i, role] of ROLES.entries()) if (roles.includes(role)) bits |= 1 << i;
  const isPrivate = (prefix: Prefix) => PRIVATE_PREFIXES.some((one) => samePrefix(one, prefix));
  const all = PRIVATE_PREFIXES.every((one) => subnets.some((other) => samePrefix(one, other)));
  const rest = all ? subnets.filter((prefix) => !isPrivate(prefix)) : subnets;
  return [all ? bits | PRIVATE_BIT : bits, rest.map(prefixBytes)];
}

export function rightsOf(bits: Cbor | undefined, more: Cbor | undefined): Rights | undefined {
  const value = wholeOf(bits, BITS_MAX);
  const rest = listed(more, SUBNETS_MAX, prefixOf);
  if (value === undefined || rest === undefined) return undefined;
  const roles = ROLES.filter((_, i) => value & (1 << i));
  return { roles, subnets: value & PRIVATE_BIT ? [...PRIVATE_PREFIXES, ...rest] : rest };
}

function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && a.address === b.address;
}

const LENGTH_IPV6 = 64; // added to the length of an IPv6 prefix

/** u8 length (IPv6: 64 more) | as many bytes of the address as it covers. */
export function prefixBytes({ address, length }: Prefix): Uint8Array {
  const bytes = addressBytes(address);
  const mark = bytes.length === 16 ? LENGTH_IPV6 + length : length;
  return concat([Uint8Array.of(mark), bytes.subarray(0, Math.ceil(length / 8))]);
}

export function prefixOf(value: Cbor | undefined): Prefix | undefined {
  const bytes = bytesUpTo(value, 17);
  const mark = bytes?.[0];
  if (bytes === undefined || mark === undefined) return undefined;
  const length = mark >= LENGTH_IPV6 ? mark - LENGTH_IPV6 : mark;
  const width = mark >= LENGTH_IPV6 ? 16 : 4;
  if (length > 8 * width || bytes.length !== 1 + Math.ceil(length / 8)) return undefined;
  const whole = new Uint8Array(width);
  whole.set(bytes.subarray(1));
  const address = formatAddress(whole);
  return maskAddress(address, length) === address ? { address, length } : undefined;
}

/** Address bytes (4 or 16), then u16 port; without a scope, which means nothing elsewhere. */
export function endpointBytes({ address, port }: Endpoint): Uint8Array {
  if (addressScope(address) > 0) throw new RangeError('"address" has a scope, which is ours alone');
  return concat([addressBytes(address), Uint8Array.of(port >> 8, port & 0xff)]);
}

export function endpointOf(value: Cbor | undefined): Endpoint | undefined {
  if (!(value instanceof Uint8Array) || (value.length !== 6 && value.length !== 18))
    return undefined;
  const port = ((value.at(-2) ?? 0) << 8) | (value.at(-1) ?? 0);
  return port === 0 ? undefined : { address: formatAddress(value.slice(0, -2)), port };
}
