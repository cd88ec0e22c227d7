// Addresses as the kernel has them: struct sockaddr_in and sockaddr_in6, and the source address out
// of PKTINFO as 16 bytes (IPv4 in the first four) and an interface index.

import {
  type Address,
  addressBytes,
  addressScope,
  type Endpoint,
  family,
  formatAddress,
  type Source,
} from '../bytes/address.js';

export const AF_INET = 2;
export const AF_INET6 = 10;
export const NAME_BYTES = 28; // of the longer one
export const SOURCE_BYTES = 20;

/** Writes the sockaddr at `at`; returns its length, 16 or 28. */
export function writeName(bytes: Uint8Array, at: number, { address, port }: Endpoint): number {
  bytes.fill(0, at, at + NAME_BYTES);
  const v4 = family(address) === 4;
  bytes[at] = v4 ? AF_INET : AF_INET6;
  bytes[at + 2] = port >> 8;
  bytes[at + 3] = port & 255;
  bytes.set(addressBytes(address), v4 ? at + 4 : at + 8);
  if (v4) return 16;
  writeU32(bytes, at + 24, addressScope(address));
  return 28;
}

export function readName(bytes: Uint8Array, at: number): Endpoint {
  const port = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  if (bytes[at] === AF_INET) return { address: formatAddress(bytes.slice(at + 4, at + 8)), port };
  return { address: formatAddress(bytes.slice(at + 8, at + 24), readU32(bytes, at + 24)), port };
}

export function writeSource(bytes: Uint8Array, at: number, source: Source): void {
  bytes.fill(0, at, at + SOURCE_BYTES);
  bytes.set(addressBytes(source.address), at);
  writeU32(bytes, at + 16, source.interfaceIndex);
}

/** Null where the kernel told none. */
export function readSource(bytes: Uint8Array, at: number, v4: boolean): Source | null {
  const raw = bytes.slice(at, at + (v4 ? 4 : 16));
  if (raw.every((byte) => byte === 0)) return null;
  const address: Address = formatAddress(raw);
  return { address, interfaceIndex: readU32(bytes, at + 16) };
}

export function readU32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return (low | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 255;
  bytes[at + 1] = (value >>> 8) & 255;
  bytes[at + 2] = (value >>> 16) & 255;
  bytes[at + 3] = value >>> 24;
}
