// Who gets which inside address: the node at its first start, and every guest after it.

import { sha256 } from '@noble/hashes/sha2.js';
import { type Address, family, formatAddress, type Prefix } from '../bytes/address.js';
import {
  hostAddress,
  hostCount,
  hostNumber,
  hostPrefix,
  type InterfaceAddress,
  overlaps,
  prefixOf,
} from './prefixes.js';

// 100.64.0.0/10 (RFC 6598) has 2^14 prefixes of length 24: 64 second bytes times 256 third ones.
const SHARED_PREFIXES = 2 ** 14;
const GUEST_FIRST = 2; // .1 is the node, and ::1 looks like one
const GUEST_SEARCH_MAX = 65_536; // as many places are looked at; nobody carries more guests

/**
 * The addresses of a node that belongs to no mesh yet, from its Ed25519 node key: one /64 of unique
 * local IPv6 (RFC 4193) and one /24 of shared IPv4 in which it is number 1, the first one in an
 * order of the key's own that overlaps nothing `taken`. No IPv4 where everything is taken.
 */
export function firstAddresses(nodeKey: Uint8Array, taken: readonly Prefix[]): string[] {
  const hash = sha256(nodeKey);
  const six = new Uint8Array(16);
  six[0] = 0xfd;
  six.set(hash.subarray(0, 5), 1); // where a mesh will put its own key's hash
  six.set(hash.subarray(0, 8), 8);
  const start = ((hash[8] ?? 0) << 8) | (hash[9] ?? 0);
  const addresses = [`${formatAddress(six)}/64`];
  for (let i = 0; i < SHARED_PREFIXES; i++) {
    const at = (start + i) % SHARED_PREFIXES;
    const prefix: Prefix = { address: `100.${64 + (at >> 8)}.${at & 0xff}.0`, length: 24 };
    if (taken.some((other) => overlaps(other, prefix))) continue;
    addresses.unshift(`${hostAddress(prefix, 1)}/24`);
    break;
  }
  return addresses;
}

/**
 * One free address out of each prefix of the interface, the same number in all of them. Undefined
 * where no number is free. Prefixes too small for a second host give none.
 */
export function nextAddresses(
  own: readonly InterfaceAddress[],
  used: readonly Prefix[],
): Address[] | undefined {
  const prefixes = own.map(prefixOf).filter((prefix) => hostCount(prefix) > 2);
  if (prefixes.length === 0) return undefined;
  const rooms = prefixes.map((prefix) => new Room(prefix, [...own.map(ownPrefix), ...used]));
  const last = Math.min(GUEST_SEARCH_MAX, ...prefixes.map(hostCount)) - 1;
  for (let number = GUEST_FIRST; number <= last; number++) {
    if (rooms.every((room) => room.free(number)))
      return prefixes.map((prefix) => hostAddress(prefix, number));
  }
  return undefined;
}

/** Which numbers of one prefix are taken: single addresses in a set, wider prefixes in a list. */
class Room {
  private readonly single = new Set<number>();
  private readonly wide: Prefix[] = [];

  constructor(
    private readonly prefix: Prefix,
    used: readonly Prefix[],
  ) {
    for (const other of used) {
      // A default route or a whole site above our prefix: the longest match wins, so it is no
      // owner.
      if (!overlaps(prefix, other) || other.length < prefix.length) continue;
      const number = hostNumber(prefix, other.address);
      if (hostCount(other) > 1) this.wide.push(other);
      else if (number !== undefined) this.single.add(number);
    }
  }

  free(number: number): boolean {
    if (this.single.has(number)) return false;
    // The highest IPv4 address of a prefix is its broadcast address.
    if (family(this.prefix.address) === 4 && number === hostCount(this.prefix) - 1) return false;
    if (this.wide.length === 0) return true;
    const place = hostPrefix(hostAddress(this.prefix, number));
    return !this.wide.some((other) => overlaps(other, place));
  }
}

function ownPrefix({ address }: InterfaceAddress): Prefix {
  return hostPrefix(address);
}
