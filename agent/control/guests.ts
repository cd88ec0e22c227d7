// Guests of a node that is in a mesh: an address out of the mesh's IPv4, so that all members know
// whose it is, and the mesh among what the guest sends here.

import { formatPrefix, parsePrefix, prefixContains } from '../bytes/address.js';
import type { GuestPlace } from '../config/guest.js';
import type { Config } from '../config/schema.js';
import { chooseHost, hostOf, overlayIpv4 } from '../identity/overlay.js';
import type { Roster } from '../identity/roster.js';
import { GUESTS_MAX } from '../identity/statements.js';

type Peers = Pick<Config, 'peers'>;

/** Hosts of the mesh's /16 that peers of kith.json have: what our profile says of guests. */
export function guestHosts({ peers }: Peers, roster: Roster): number[] {
  const ipv4 = roster.policy?.ipv4;
  if (ipv4 === undefined) return [];
  const prefixes = peers
    .flatMap(({ allowedIps }) => allowedIps)
    .flatMap((one) => parsePrefix(one) ?? []);
  const hosts = prefixes
    .filter((one) => one.length === 32 && prefixContains(ipv4, one.address))
    .map(({ address }) => hostOf(address));
  return [...new Set(hosts)].sort((a, b) => a - b).slice(0, GUESTS_MAX);
}

/**
 * `place`, with an IPv4 address of the mesh's in place of one of this node's own; as it is where
 * the mesh has none to give. What a guest has of IPv6 is its host's alone.
 */
export function placeInMesh(
  place: GuestPlace,
  publicKey: Uint8Array,
  config: Peers,
  roster: Roster | undefined,
): GuestPlace {
  const ipv4 = roster?.policy?.ipv4;
  if (roster === undefined || ipv4 === undefined) return place;
  const used = guestHosts(config, roster);
  if (used.length >= GUESTS_MAX) return place;
  const host = chooseHost(publicKey, (one) => used.includes(one) || roster.isHostTaken(one));
  if (host === undefined) return place;
  const address = formatPrefix({ address: overlayIpv4(ipv4, host), length: 32 });
  return {
    addresses: [address, ...place.addresses.filter((one) => one.includes(':'))],
    allowedIps: [...new Set([...place.allowedIps, formatPrefix(ipv4)])],
  };
}
