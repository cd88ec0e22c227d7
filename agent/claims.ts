// Which prefix is whose inside the tunnel, as far as members of the mesh are concerned: a table has
// each prefix but once, and what members say of themselves takes nothing away from anybody.
//
//   1. a peer of kith.json keeps what it was given, and what lies in it
//   2. of members that offer the same, who came first; the next when that one goes

import { formatPrefix, type Prefix } from './bytes/address.js';
import type { AllowedIps } from './dataplane/allowedips.js';
import type { PeerId } from './wireguard/effects.js';

/** 0/0, and its halves: who has these is an exit, and all others are within. */
const EXIT_BITS = 1;

export type ClaimsOptions = Readonly<{
  routes: Pick<AllowedIps, 'add' | 'remove' | 'list' | 'over'>;
  isMember(peer: PeerId): boolean;
  /** A member's own address: good wherever nobody else has that very one. */
  isOverlay(prefix: Prefix): boolean;
}>;

export class Claims {
  /** What members would have and others have; as much as a profile can offer. */
  private readonly lacking = new Map<PeerId, readonly Prefix[]>();

  constructor(private readonly options: ClaimsOptions) {}

  /** All that this member claims, in the place of what it did. Returns what it does not get. */
  set(peer: PeerId, prefixes: readonly Prefix[]): readonly Prefix[] {
    const { routes } = this.options;
    const wanted = new Set(prefixes.map(formatPrefix));
    for (const prefix of routes.list(peer))
      if (!wanted.has(formatPrefix(prefix))) routes.remove(prefix, peer);
    this.lacking.set(peer, prefixes);
    this.retry();
    return this.lacking.get(peer) ?? [];
  }

  /** It has no row any more: what it had may be another's. */
  gone(peer: PeerId): void {
    this.lacking.delete(peer);
    this.retry();
  }

  private retry(): void {
    for (const [peer, prefixes] of this.lacking) {
      const rest = prefixes.filter((prefix) => !this.take(peer, prefix));
      if (rest.length === 0) this.lacking.delete(peer);
      else this.lacking.set(peer, rest);
    }
  }

  private take(peer: PeerId, prefix: Prefix): boolean {
    const { routes, isMember, isOverlay } = this.options;
    const over = routes.over(prefix);
    if (over !== undefined && over.peer !== peer) {
      if (over.length === prefix.length) return false;
      if (!isMember(over.peer) && over.length > EXIT_BITS && !isOverlay(prefix)) return false;
    }
    routes.add(prefix, peer);
    return true;
  }
}
