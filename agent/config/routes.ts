// Which allowed IPs become routes of this machine into the tunnel, and which had better not.

import { type Endpoint, formatPrefix, type Prefix, prefixContains } from '../bytes/address.js';
import { allowedPrefixes } from './device.js';
import { covers, parseInterfaceAddress, prefixOf } from './prefixes.js';
import type { Config } from './schema.js';

export type RoutePlan = Readonly<{
  routes: readonly Prefix[];
  /** `path: reason` of what gets no route though it is an allowed IP. */
  skipped: readonly string[];
}>;

/**
 * Every allowed IP gets a route, except those the kernel routes already because they lie in the
 * interface's own prefix, and those that would swallow the tunnel's own datagrams.
 */
export function planRoutes(config: Config, endpoints: ReadonlyMap<string, Endpoint>): RoutePlan {
  const own = config.interface.addresses.flatMap((text) => {
    const parsed = parseInterfaceAddress(text);
    return parsed ? [prefixOf(parsed)] : [];
  });
  const outside = [...endpoints.values()].map(({ address }) => address);
  const routes = new Map<string, Prefix>();
  const skipped: string[] = [];
  for (const peer of config.peers) {
    for (const prefix of allowedPrefixes(peer)) {
      if (own.some((other) => covers(other, prefix))) continue;
      const text = formatPrefix(prefix);
      if (prefix.length === 0)
        skipped.push(
          `peers.${peer.name}: ${text} is allowed, but the default route stays as it is`,
        );
      else if (outside.some((address) => prefixContains(prefix, address)))
        skipped.push(
          `peers.${peer.name}: ${text} is allowed, but not routed: a peer's endpoint is in it`,
        );
      else routes.set(text, prefix);
    }
  }
  return { routes: [...routes.values()], skipped };
}
