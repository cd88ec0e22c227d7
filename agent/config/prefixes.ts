// Arithmetic on addresses and prefixes: what overlaps, which is the n-th address, which is free.

import {
  type Address,
  addressBytes,
  family,
  formatAddress,
  maskAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../bytes/address.js';

/** An interface's own address with the length of the prefix it lies in: `10.7.0.1/24`. */
export type InterfaceAddress = Readonly<{ address: Address; length: number }>;

/** Unlike a prefix it keeps its host bits. Without a length it stands alone (/32, /128). */
export function parseInterfaceAddress(text: string): InterfaceAddress | undefined {
  const prefix = parsePrefix(text);
  const address = parseAddress(text.split('/')[0] ?? '');
  return prefix && address !== undefined ? { address, length: prefix.length } : undefined;
}

export function prefixOf({ address, length }: InterfaceAddress): Prefix {
  return { address: maskAddress(address, length), length };
}

export function hostPrefix(address: Address): Prefix {
  return { address, length: width(address) };
}

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixContains(a, b.address) : prefixContains(b, a.address);
}

/** Does `outer` hold every address of `inner`? */
export function covers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner.address);
}

/**
 * The address `number` places above the prefix's first one; throws where the prefix ends before.
 */
export function hostAddress(prefix: Prefix, number: number): Address {
  if (!Number.isInteger(number) || number < 0 || number >= hostCount(prefix))
    throw new RangeError(`"number" ${number} lies outside ${prefix.address}/${prefix.length}`);
  const bytes = addressBytes(prefix.address); // its host bits are zero, so nothing carries over
  for (let i = bytes.length - 1, rest = number; i >= 0 && rest > 0; i--) {
    bytes[i] = (bytes[i] ?? 0) | (rest % 256);
    rest = Math.floor(rest / 256);
  }
  return formatAddress(bytes);
}

/** How many addresses the prefix has; what numbers cannot hold exactly is left at 2^32. */
export function hostCount(prefix: Prefix): number {
  return 2 ** Math.min(32, width(prefix.address) - prefix.length);
}

/** Where an address lies in its prefix, or undefined where it is 2^32 or more above the first. */
export function hostNumber(prefix: Prefix, address: Address): number | undefined {
  const first = addressBytes(prefix.address);
  const bytes = addressBytes(address);
  let number = 0;
  for (const [i, byte] of bytes.entries()) {
    number = number * 256 + byte - (first[i] ?? 0);
    if (number >= 2 ** 32) return undefined;
  }
  return number;
}

function width(address: Address): number {
  return family(address) === 4 ? 32 : 128;
}
