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

const ROUTE_GATEWAY = 0x2; // linux/route.h: RTF_GATEWAY, RTF_REJECT
const ROUTE_REJECT = 0x200;

/** One default route, as the kernel prints it: numbers in hexadecimal. */
type Way = Readonly<{ device: string; gateway: string; flags: number; metric: number }>;

/** The kernel's tables (proc(5)); tests have their own. */
export type Tables = Readonly<{ ipv4: () => string; ipv6: () => string }>;
const KERNEL: Tables = {
  ipv4: () => readFileSync('/proc/net/route', 'utf8'),
  ipv6: () => readFileSync('/proc/net/ipv6_route', 'utf8'),
};

/** The IPv4 default gateway. */
export function defaultGateway(table = KERNEL.ipv4): Address | undefined {
  const ways = ways4(read(table)).filter(({ flags }) => (flags & ROUTE_GATEWAY) !== 0);
  // The kernel prints the address as a number of this machine's byte order.
  const bytes = best(ways)
    ?.gateway.match(/../g)
    ?.map((pair) => Number.parseInt(pair, 16))
    .reverse();
  return bytes?.join('.');
}

/**
 * The default routes of both families, the one in use of each, as a text that is another one when
 * the way out is: device and gateway. `not`: a device that is none of ours to leave by.
 */
export function wayOut(not: string, tables: Tables = KERNEL): string {
  const families = [ways4(read(tables.ipv4)), ways6(read(tables.ipv6))];
  const texts = families.map((ways) => {
    const way = best(ways.filter(({ device }) => device !== not));
    return way === undefined ? 'none' : `${way.device} ${way.gateway}`;
  });
  return texts.join(', ');
}

/** Iface Destination Gateway Flags RefCnt Use Metric Mask … */
function ways4(table: string): Way[] {
  const rows = table.split('\n').slice(1);
  return rows.flatMap((row) => {
    const [device = '', destination, gateway = '', flags = '0', , , metric = '0', mask] =
      row.split('\t');
    if (destination !== '00000000' || mask?.trim() !== '00000000') return [];
    return [{ device, gateway, flags: Number.parseInt(flags, 16), metric: Number(metric) }];
  });
}

/** Destination and its length, source and its length, gateway, metric, uses, flags, device. */
function ways6(table: string): Way[] {
  return table.split('\n').flatMap((row) => {
    const [destination, length, , , gateway = '', metric = '0', , , flags = '0', device = ''] = row
      .trim()
      .split(/\s+/);
    const bits = Number.parseInt(flags, 16);
    if (!/^0{32}$/.test(destination ?? '') || length !== '00' || (bits & ROUTE_REJECT) !== 0)
      return [];
    return [{ device, gateway, flags: bits, metric: Number.parseInt(metric, 16) }];
  });
}

function best(ways: readonly Way[]): Way | undefined {
  let least: Way | undefined;
  for (const way of ways) if (least === undefined || way.metric < least.metric) least = way;
  return least;
}

function read(table: () => string): string {
  try {
    return table();
  } catch {
    return ''; // a kernel of another kind
  }
}
