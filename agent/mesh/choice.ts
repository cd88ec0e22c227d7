// Where packets for one peer go now: the best of its usable routes, and no to and fro.
//
// `current`: in use, proven or an open channel. `guest`: where a handshake of the peer's came from,
// until it is proven or a moment has passed. `last`: what was used before all failed; packets that
// go nowhere else may as well go there, for it was proven once.

import type { Place } from '../bytes/address.js';
import type { Millis } from '../wireguard/effects.js';
import type { Route } from './route.js';
import type { Routes } from './routes.js';
import { isBetter, order } from './score.js';

const BACK_MS = 2_000; // no return to a path that was exchanged for a better one just now
const FRESH_MS = 10_000; // an older answer is no reason to leave a path that works
const GUEST_MS = 3_000; // a handshake alone does not prove where it came from

export class Choice {
  current: Route | null = null;
  private previous: Route | null = null;
  private switchedAt: Millis = Number.NEGATIVE_INFINITY;
  private guest: Readonly<{ route: Route; until: Millis }> | null = null;
  private last: Route | null = null;

  constructor(private readonly routes: Routes) {}

  /** Decides anew; true where packets go another way than before. */
  decide(now: Millis): boolean {
    const { current } = this;
    const present = current?.usable && this.routes.has(current) ? current : null;
    let best = present;
    for (const route of this.routes) {
      if (!route.usable || route === best) continue;
      if (best === null || (present === null && order(route, best) < 0)) best = route;
      else if (present !== null && this.mayTake(route, now) && isBetter(route, best)) best = route;
    }
    if (this.guest !== null && (best !== null || this.guest.until <= now)) this.guest = null;
    if (best === current) return false;
    // A channel that is closed leads nowhere; a direct place may only have been slow.
    if (current !== null) this.last = this.routes.has(current) ? current : null;
    this.previous = present;
    this.current = best;
    this.switchedAt = now;
    return true;
  }

  /** The peer's handshake came from there; it wants its answer. */
  welcome(route: Route, now: Millis): void {
    if (this.current === null) this.guest = { route, until: now + GUEST_MS };
  }

  get place(): Place | null {
    const route = this.current ?? this.guest?.route ?? this.last;
    return route?.place ?? null;
  }

  get direct(): boolean {
    return this.current !== null && this.current.via === null;
  }

  /** The way to take if the present one is dead. */
  nextBest(): Route | null {
    let best: Route | null = null;
    for (const route of this.routes) {
      if (!route.usable || route === this.current) continue;
      if (best === null || order(route, best) < 0) best = route;
    }
    return best;
  }

  /** For those who relay or track through it: never a channel. */
  bestDirect(): Route | null {
    if (this.direct) return this.current;
    let best: Route | null = null;
    for (const route of this.routes) {
      if (route.via !== null || !route.proven) continue;
      if (best === null || order(route, best) < 0) best = route;
    }
    return best;
  }

  /** When to decide again, though nothing happens. */
  deadline(now: Millis): Millis | undefined {
    if (this.guest !== null) return this.guest.until;
    const { previous, current, switchedAt } = this;
    if (previous === null || current === null || now >= switchedAt + BACK_MS) return undefined;
    const waits = previous.usable && this.routes.has(previous) && isBetter(previous, current);
    return waits ? switchedAt + BACK_MS : undefined;
  }

  private mayTake(route: Route, now: Millis): boolean {
    if (route === this.previous && now < this.switchedAt + BACK_MS) return false;
    return route.via !== null || now - route.provenAt <= FRESH_MS;
  }
}
