// What kind of NAT we are behind, from what others saw of us. A classifier without I/O: samples in,
// a verdict out.
//
//   seen at one of our own endpoints                              open
//   any two observers saw the same endpoint                       easy
//   two observers or more saw one address, each another port      hard
//   fewer                                                         unknown
//
// That two agree cannot be made up by one of them; that all differ can: a liar between two honest
// ones is outvoted, a liar beside one honest one is not, and costs us a vain look for a relay.

import { type Endpoint, family, formatEndpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { NatKind } from './ground.js';
import { isPrivate } from './route.js';

/** `by` saw us at `endpoint`. One sample per observer and address family. */
export type Sample = Readonly<{ by: NodeId; endpoint: Endpoint; at: Millis }>;

/**
 * `samples`: oldest first. `own`: our local endpoints as text. IPv4 decides where there is any:
 * IPv6 is seldom mapped. What was seen at another address than the newest is of another time.
 */
export function classify(samples: readonly Sample[], own: ReadonlySet<string>): NatKind {
  // An observer on our LAN sees no NAT, which says nothing about the one in front of it.
  const telling = samples.filter(({ endpoint }) => {
    return !(isPrivate(endpoint.address) && own.has(formatEndpoint(endpoint)));
  });
  const four = telling.filter(({ endpoint }) => family(endpoint.address) === 4);
  const kin = four.length > 0 ? four : telling;
  const address = kin.at(-1)?.endpoint.address;
  return verdict(
    kin.filter(({ endpoint }) => endpoint.address === address),
    own,
  );
}

function verdict(samples: readonly Sample[], own: ReadonlySet<string>): NatKind {
  const seen = samples.map(({ endpoint }) => formatEndpoint(endpoint));
  if (seen.some((text) => own.has(text))) return 'open';
  if (seen.length < 2) return 'unknown';
  return new Set(seen).size < seen.length ? 'easy' : 'hard';
}
