// Addresses of a host name, from the system's resolver.

import { ADDRCONFIG, promises } from 'node:dns';
import { parseAddress } from '../bytes/address.js';
import { systemCode } from '../commands/failure.js';

const ADDRESSES_MAX = 16; // more are not tried

/** In the resolver's order, those of families that this machine has none of left out. */
export async function lookUp(
  host: string,
): Promise<{ addresses: readonly string[] } | { error: string }> {
  try {
    const found = await promises.lookup(host, { all: true, verbatim: true, hints: ADDRCONFIG });
    const addresses = found.flatMap(({ address }) => parseAddress(address) ?? []);
    if (addresses.length === 0) return { error: 'no address' };
    return { addresses: addresses.slice(0, ADDRESSES_MAX) };
  } catch (error) {
    return { error: systemCode(error) ?? 'unknown error' };
  }
}
