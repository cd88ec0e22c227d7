// Rules between fields. They read the raw value and pass over what is no good by itself, so that
// they and the schema's problems come in one list.

import { family, formatPrefix, type Prefix, parsePrefix } from '../bytes/address.js';
import { hostPrefix, overlaps, parseInterfaceAddress, prefixOf } from './prefixes.js';
import type { Problem } from './validate.js';

const IPV6_MTU_MIN = 1280; // RFC 8200, section 5; Linux refuses IPv6 below it

export function crossRules(value: unknown): Problem[] {
  const peers = list(field(value, 'peers'));
  return [
    ...repeated(peers, 'name', 'is the name'),
    ...repeated(peers, 'publicKey', 'is the public key'),
    ...allowedIps(peers, ownAddresses(field(value, 'interface'))),
    ...interfaceAddresses(field(value, 'interface')),
  ];
}

function repeated(peers: readonly unknown[], key: string, what: string): Problem[] {
  const first = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [i, peer] of peers.entries()) {
    const value = field(peer, key);
    if (typeof value !== 'string') continue;
    const before = first.get(value);
    if (before === undefined) first.set(value, i);
    else
      problems.push({
        path: `peers.${i}.${key}`,
        problem: `${what} of ${label(peers, before)} too`,
      });
  }
  return problems;
}

/** One prefix belongs to one peer (a longer one inside it may belong to another), ours to none. */
function allowedIps(peers: readonly unknown[], own: ReadonlySet<string>): Problem[] {
  const owners = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [i, peer] of peers.entries()) {
    for (const [j, text] of list(field(peer, 'allowedIps')).entries()) {
      const prefix = typeof text === 'string' ? parsePrefix(text) : undefined;
      if (!prefix) continue;
      const canonical = formatPrefix(prefix);
      const owner = owners.get(canonical);
      if (owner === undefined) owners.set(canonical, i);
      const whose =
        owner !== undefined && owner !== i
          ? `${canonical} belongs to ${label(peers, owner)} too`
          : own.has(canonical) && `${canonical} is this node's own address`;
      if (whose) problems.push({ path: `peers.${i}.allowedIps.${j}`, problem: whose });
    }
  }
  return problems;
}

function ownAddresses(section: unknown): Set<string> {
  const own = new Set<string>();
  for (const text of list(field(section, 'addresses'))) {
    const parsed = typeof text === 'string' ? parseInterfaceAddress(text) : undefined;
    if (parsed) own.add(formatPrefix(hostPrefix(parsed.address)));
  }
  return own;
}

function interfaceAddresses(section: unknown): Problem[] {
  const problems: Problem[] = [];
  const seen: Array<{ prefix: Prefix; text: string }> = [];
  let six = false;
  for (const [i, text] of list(field(section, 'addresses')).entries()) {
    const own = typeof text === 'string' ? parseInterfaceAddress(text) : undefined;
    if (!own) continue;
    const prefix = prefixOf(own);
    six ||= family(own.address) === 6;
    const other = seen.find((before) => overlaps(before.prefix, prefix));
    if (other)
      problems.push({ path: `interface.addresses.${i}`, problem: `overlaps ${other.text}` });
    else seen.push({ prefix, text: String(text) });
  }
  const mtu = field(section, 'mtu');
  if (six && typeof mtu === 'number' && mtu < IPV6_MTU_MIN)
    problems.push({ path: 'interface.mtu', problem: `must be at least 1280 for IPv6 addresses` });
  return problems;
}

function label(peers: readonly unknown[], at: number): string {
  const name = field(peers[at], 'name');
  return typeof name === 'string' && name.length < 64 ? `"${name}"` : `peers.${at}`;
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
