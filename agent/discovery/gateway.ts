// Where the way to the Internet leads, as the kernel says, and which addresses it can lead from.

import { readFileSync } from 'node:fs';
import { type Address, type Prefix, prefixContains } from '../bytes/address.js';
import { isPrivate } from '../mesh/route.js';

const NOWHERE: readonly Prefix[] = [
  { address: '0.0.0.0', length: 8 }, // routers write it while their line is down
  { address: '100.64.0.0', length: 10 }, // RFC 6598: the provider's own NAT
  { address: '127.0.0.0', length: 8 },
];

/** False: a router has this address outside, and is behind another NAT itself. */
export function isOutside(address: Address): boolean {
  return !isPrivate(address) && !NOWHERE.some((prefix) => prefixContains(prefix, address));
}

/** The IPv4 default gateway, from the kernel's table (proc(5), /proc/net/route). */
export function defaultGateway(
  table = () => readFileSync('/proc/net/route', 'utf8'),
): Address | undefined {
  let best: Readonly<{ gateway: string; metric: number }> | undefined;
  for (const line of read(table).split('\n').slice(1)) {
    const [, destination, gateway = '', flags = '0', , , metric = '0'] = line.split('\t');
    const isDefault = destination === '00000000' && (Number.parseInt(flags, 16) & 2) !== 0;
    if (isDefault && Number(metric) < (best?.metric ?? Number.POSITIVE_INFINITY))
      best = { gateway, metric: Number(metric) };
  }
  // The kernel prints the address as a number of this machine's byte order.
  const bytes = best?.gateway
    .match(/../g)
    ?.map((pair) => Number.parseInt(pair, 16))
    .reverse();
  return bytes?.join('.');
}

function read(table: () => string): string {
  try {
    return table();
  } catch {
    return ''; // a kernel of another kind
  }
}
