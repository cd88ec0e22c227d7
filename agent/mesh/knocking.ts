// Where a handshake with one peer is tried: the same initiation goes to all of these.

import type { Place } from '../bytes/address.js';
import type { Route } from './route.js';
import { CANDIDATES_MAX, type Routes } from './routes.js';

/** Open channels first, then what was proven once, then the LAN. */
export function placesToKnock(routes: Routes): Place[] {
  const all = [...routes].filter((route) => route.usable || route.via === null);
  all.sort((a, b) => rank(a) - rank(b));
  return all.slice(0, CANDIDATES_MAX).map(({ place }) => place);
}

function rank({ via, everProven, lan }: Route): number {
  if (via !== null) return 0;
  if (everProven) return 1;
  return lan ? 2 : 3;
}
