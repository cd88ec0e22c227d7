// Which allowed IPs become routes of this machine into the tunnel, and which had better not.

import { type Endpoint, formatPrefix, type Prefix, prefixContains } from '../bytes/address.js';
import { allowedPrefixes } from './device.js';
import { covers, parseInterfaceAddress, prefixOf } from './prefixes.js';
import type { Config } from './schema.js';

export type RoutePlan = Readonly<{
  routes: readonly Prefix[];
  /** Default routes, and those in which the far end of a tunnel lies: see board/detour.ts. */
  detours: readonly Prefix[];
  /** `path: reason` of what gets no route though it is an allowed IP. */
  skipped: readonly string[];
}>;

/**
 * Every allowed IP gets a route, except those the kernel routes already because they lie in the
 * interface's own prefix. `endpoints`: of peers, by `host:port`, as far as they are known.
 */
export function planRoutes(config: Config, endpoints: ReadonlyMap<string, Endpoint>): RoutePlan {
  const own = config.interface.addresses.flatMap((text) => {
    const parsed = parseInterfaceAddress(text);
    return parsed ? [prefixOf(parsed)] : [];
  });
  const outside = [...endpoints.values()].map(({ address }) => address);
  const routes = new Map<string, Prefix>();
  const detours = new Map<string, Prefix>();
  const skipped: string[] = [];
  for (const peer of config.peers) {
    const { endpoint } = peer;
    const isUnknown = endpoint !== null && !endpoints.has(endpoint);
    for (const prefix of allowedPrefixes(peer)) {
      if (own.some((other) => covers(other, prefix))) continue;
      const text = formatPrefix(prefix);
      if (prefix.length > 0 && !outside.some((address) => prefixContains(prefix, address)))
        routes.set(text, prefix);
      // The question for its address would go into the tunnel that waits for the answer.
      else if (prefix.length === 0 && isUnknown)
        skipped.push(`peers.${peer.name}: ${text} is routed when ${endpoint} has an address`);
      else detours.set(text, prefix);
    }
  }
  return { routes: [...routes.values()], detours: [...detours.values()], skipped };
}
