// A guest: a stock WireGuard peer that gets its whole configuration from us.

import { formatPrefix, type Prefix } from '../bytes/address.js';
import { nextAddresses } from './addressing.js';
import { allowedPrefixes } from './device.js';
import { hostPrefix, parseInterfaceAddress, prefixOf } from './prefixes.js';
import type { Config, Peer } from './schema.js';

export const GUEST_KEEPALIVE_S = 25; // below the shortest NAT mapping in common use, 30 s
const MTU_DEFAULT = 1420; // what WireGuard's own clients begin with

export type GuestKeys = Readonly<{
  privateKey: string; // base64; goes into the client's configuration and nowhere else
  publicKey: string;
  presharedKey: string;
}>;

export type GuestPlace = Readonly<{
  addresses: readonly string[]; // with /32 or /128
  allowedIps: readonly string[]; // what the guest reaches through us
}>;

/** The next free addresses, and what the guest reaches by default; undefined where none is free. */
export function guestPlace(config: Config): GuestPlace | undefined {
  const own = config.interface.addresses.flatMap((text) => parseInterfaceAddress(text) ?? []);
  const used: Prefix[] = config.peers.flatMap(allowedPrefixes);
  const addresses = nextAddresses(own, used);
  return (
    addresses && {
      addresses: addresses.map((address) => formatPrefix(hostPrefix(address))),
      allowedIps: own.map((address) => formatPrefix(prefixOf(address))),
    }
  );
}

/** The guest as a peer of ours: no private key, the preshared one in a file. */
export function guestPeer(
  name: string,
  keys: GuestKeys,
  place: GuestPlace,
  presharedKeyFile: string,
): Peer {
  return {
    name,
    publicKey: keys.publicKey,
    presharedKeyFile,
    allowedIps: [...place.addresses],
    endpoint: null,
    keepalive: 0, // the guest keeps its own NAT mapping open
  };
}

/** A configuration that wg-quick and WireGuard's apps take. `endpoint` and `serverKey` are ours. */
export function guestConfiguration(
  config: Config,
  keys: GuestKeys,
  place: GuestPlace,
  serverKey: string,
  endpoint: string,
): string {
  const lines = [
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    `Address = ${place.addresses.join(', ')}`,
  ];
  if (config.guests.dns.length > 0) lines.push(`DNS = ${config.guests.dns.join(', ')}`);
  if (config.interface.mtu !== MTU_DEFAULT) lines.push(`MTU = ${config.interface.mtu}`);
  lines.push(
    '',
    '[Peer]',
    `PublicKey = ${serverKey}`,
    `PresharedKey = ${keys.presharedKey}`,
    `Endpoint = ${endpoint}`,
    `AllowedIPs = ${place.allowedIps.join(', ')}`,
    `PersistentKeepalive = ${GUEST_KEEPALIVE_S}`,
  );
  return `${lines.join('\n')}\n`;
}
