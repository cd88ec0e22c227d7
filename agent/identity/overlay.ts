// Addresses in the mesh.
//
//   IPv6   fd | 40 bits of SHA-256(mesh key) | 16 zero bits | 64 bits of SHA-256(node key)
//          (RFC 4193: a unique local /48 for the mesh); nobody hands them out, all can check them
//   IPv4   the mesh's /16 | 16 bits that the node has claimed in its profile

import { sha256 } from '@noble/hashes/sha2.js';
import { type Address, addressBytes, formatAddress, type Prefix } from '../bytes/address.js';

export const IPV4_HOSTS = 2 ** 16;

/** The /64 that all nodes of a mesh are in. */
export function meshPrefix(meshKey: Uint8Array): Prefix {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfd;
  bytes.set(sha256(meshKey).subarray(0, 5), 1);
  return { address: formatAddress(bytes), length: 64 };
}

export function overlayIpv6(meshKey: Uint8Array, nodeKey: Uint8Array): Address {
  const bytes = addressBytes(meshPrefix(meshKey).address);
  bytes.set(sha256(nodeKey).subarray(0, 8), 8);
  return formatAddress(bytes);
}

export function overlayIpv4(prefix: Prefix, host: number): Address {
  const bytes = addressBytes(prefix.address);
  bytes[2] = host >> 8;
  bytes[3] = host & 0xff;
  return formatAddress(bytes);
}

/** Which host of its /16 an IPv4 address is. */
export function hostOf(address: Address): number {
  const [, , third = 0, fourth = 0] = addressBytes(address);
  return (third << 8) | fourth;
}

/** The node's own choice from its key, or the next that is free; undefined where none is. */
export function chooseHost(
  nodeKey: Uint8Array,
  isTaken: (host: number) => boolean,
): number | undefined {
  const hash = sha256(nodeKey);
  const wanted = ((hash[8] ?? 0) << 8) | (hash[9] ?? 0);
  for (let i = 0; i < IPV4_HOSTS; i++) {
    const host = (wanted + i) % IPV4_HOSTS;
    if (isUsable(host) && !isTaken(host)) return host;
  }
  return undefined;
}

/** Neither .0 nor .255 at the end: some systems will not have these as a host. */
export function isUsable(host: number): boolean {
  const last = host & 0xff;
  return last !== 0 && last !== 0xff;
}

/** The /16 of a new mesh: one of 64 in 100.64.0.0/10 that none of `seen` overlaps. */
export function chooseMeshIpv4(
  random: (bytes: number) => Uint8Array,
  seen: readonly Prefix[],
): Prefix | undefined {
  const start = (random(1)[0] ?? 0) & 63;
  for (let i = 0; i < 64; i++) {
    const second = 64 + ((start + i) & 63);
    const candidate = { address: `100.${second}.0.0`, length: 16 };
    if (!seen.some((prefix) => overlaps(prefix, candidate))) return candidate;
  }
  return undefined;
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  const [left, right] = [addressBytes(a.address), addressBytes(b.address)];
  if (left.length !== right.length) return false;
  const length = Math.min(a.length, b.length);
  for (let bit = 0; bit < length; bit += 8) {
    const mask = 0xff << Math.max(0, 8 - (length - bit));
    if ((((left[bit >> 3] ?? 0) ^ (right[bit >> 3] ?? 0)) & mask & 0xff) !== 0) return false;
  }
  return true;
}

/** Whether `inner` lies in `outer`. */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && overlaps(outer, inner);
}
