// All known ways to one peer, few enough for a peer that names thousands to cost us nothing.

import { type Endpoint, family, type Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Candidate, Ground } from './ground.js';
import { keyOf, type Origin, Route } from './route.js';

export const CANDIDATES_MAX = 16; // per peer (design section 5)
export const STRANGERS_MAX = 4; // places that nobody named, and something authentic came from
export const RELAYS_MAX = 3; // channels to one peer at a time
const LISTED_MAX = 64; // looked at in one list; what follows is not even read
const SAME_ADDRESS_MAX = 4; // ports of one address: nobody gets another's host scanned by us

export class Routes {
  private readonly routes = new Map<string, Route>();

  constructor(private readonly ground: Ground) {}

  [Symbol.iterator](): IterableIterator<Route> {
    return this.routes.values();
  }

  get size(): number {
    return this.routes.size;
  }

  at(place: Place): Route | undefined {
    return this.routes.get(keyOf(place));
  }

  /**
   * Something authentic came from there: what is known of it. A relay that speaks to us from
   * elsewhere than we speak to it takes what comes to there, and nothing else: we follow.
   */
  seen(place: Place, now: Millis): Route | undefined {
    if (place.channel === 0) return this.at(place);
    const kin = [...this].find(({ via, place: { channel } }) => via && channel === place.channel);
    if (kin?.via && kin.key !== keyOf(place)) this.relay(kin.via, place, now);
    return undefined;
  }

  has(route: Route): boolean {
    return this.routes.get(route.key) === route;
  }

  delete(route: Route): void {
    if (this.has(route)) this.routes.delete(route.key);
  }

  /** Takes over what is usable of a list, best first; returns the places that were not known. */
  learn(list: readonly Candidate[], now: Millis, keep: (route: Route) => boolean): Route[] {
    const fresh: Route[] = [];
    const named = new Set<Route>();
    for (const { kind, endpoint } of list.slice(0, LISTED_MAX)) {
      if (named.size >= CANDIDATES_MAX) break;
      if (!this.isFit(endpoint)) continue;
      const slot = this.ground.slotFor(endpoint);
      const place = { slot, endpoint, source: null, channel: 0 };
      let route = this.at(place);
      if (route === undefined) {
        if (this.countAddress(endpoint) >= SAME_ADDRESS_MAX) continue;
        route = this.add(new Route(place, kind, null, now));
        fresh.push(route);
      } else if (route.origin === 'seen' || route.origin === 'met') {
        route.origin = kind; // now its owner has named it too
      }
      route.toldAt = now;
      named.add(route);
    }
    this.trim(isCandidate, CANDIDATES_MAX, (route) => keep(route) || named.has(route));
    return fresh.filter((route) => this.has(route));
  }

  /** A place from which something authentic came; undefined where none of ours goes. */
  stranger(
    place: Place,
    origin: Origin,
    now: Millis,
    keep: (route: Route) => boolean,
  ): Route | undefined {
    const known = this.at(place);
    if (known !== undefined) return known;
    if (place.channel !== 0 || !this.isFit(place.endpoint)) return undefined;
    const route = this.add(new Route(place, origin, null, now));
    this.trim(isStranger, STRANGERS_MAX, (other) => keep(other) || other === route);
    return this.has(route) ? route : undefined;
  }

  /** The channel through `via`: one at a time for each relay. */
  relay(via: NodeId, place: Place, now: Millis): Route {
    const known = this.through(via);
    if (known !== undefined && known.key === keyOf(place)) {
      if (!known.usable) known.reopen();
      return known;
    }
    if (known !== undefined) this.delete(known);
    const route = this.add(new Route(place, 'relay', via, now));
    if (known !== undefined) route.rttMs = known.rttMs;
    this.trim(isRelay, RELAYS_MAX, (other) => other === route);
    return route;
  }

  through(via: NodeId): Route | undefined {
    for (const route of this) if (route.via === via) return route;
    return undefined;
  }

  private isFit({ address, port }: Endpoint): boolean {
    return port > 0 && port < 65_536 && !this.ground.isForbidden(address) && isHost(address);
  }

  private countAddress({ address }: Endpoint): number {
    let count = 0;
    for (const { place, via } of this) {
      if (via === null && place.endpoint.address === address) count++;
    }
    return count;
  }

  private add(route: Route): Route {
    this.routes.set(route.key, route);
    return route;
  }

  /** Drops the ones named longest ago, proven ones last. */
  private trim(
    which: (route: Route) => boolean,
    max: number,
    keep: (route: Route) => boolean,
  ): void {
    const all = [...this].filter(which);
    const loose = all.filter((route) => !keep(route));
    loose.sort((a, b) => Number(a.proven) - Number(b.proven) || a.toldAt - b.toldAt);
    for (const route of loose.slice(0, Math.max(0, all.length - max))) this.delete(route);
  }
}

const isRelay = ({ via }: Route): boolean => via !== null;
const isStranger = ({ origin }: Route): boolean =>
  origin === 'seen' || origin === 'met' || origin === 'predicted';
const isCandidate = (route: Route): boolean => !isRelay(route) && !isStranger(route);

/** One host, as far as can be told; a link-local one names its link. */
function isHost(address: string): boolean {
  if (family(address) === 4) return !/^(0|22[4-9]|23\d|24\d|25[0-5])\./.test(address);
  if (/^fe[89ab].:/.test(address)) return address.includes('%');
  return address !== '::' && address !== '::1' && !address.startsWith('ff');
}
