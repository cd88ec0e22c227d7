// From the configuration to what the WireGuard device is told: all of it at the start, and only the
// difference when it changes, so that sessions of peers that stay are not disturbed.

import { type Endpoint, formatPrefix, type Prefix, parsePrefix } from '../bytes/address.js';
import { decodeKey } from '../bytes/base64.js';
import type { DeviceChange, PeerChange } from '../wireguard/configuration.js';
import type { Config, Peer } from './schema.js';

/** What a configuration only names, fetched by whoever may read files and ask for addresses. */
export type Resolved = Readonly<{
  presharedKeys: ReadonlyMap<string, Uint8Array>; // by file name as configured
  endpoints: ReadonlyMap<string, Endpoint>; // by `host:port` as configured; unresolved ones lack
}>;

/** The whole device, whatever was there before. The caller wipes the private key afterwards. */
export function deviceChange(
  config: Config,
  privateKey: Uint8Array,
  resolved: Resolved,
): DeviceChange {
  return {
    privateKey,
    listenPort: config.listen.port,
    replacePeers: true,
    peers: config.peers.map((peer) => peerChange(peer, resolved)),
  };
}

/** What changes live between two configurations; endpoints that did not change are left roaming. */
export function deviceDifference(
  before: Config,
  after: Config,
  old: Resolved,
  resolved: Resolved,
): DeviceChange {
  const was = new Map(before.peers.map((peer) => [peer.publicKey, peer]));
  const is = new Set(after.peers.map((peer) => peer.publicKey));
  const peers: PeerChange[] = [];
  for (const peer of before.peers)
    if (!is.has(peer.publicKey)) peers.push({ publicKey: keyOf(peer), remove: true });
  for (const peer of after.peers) {
    const previous = was.get(peer.publicKey);
    if (!previous) {
      peers.push(peerChange(peer, resolved));
      continue;
    }
    const moved = peer.endpoint !== previous.endpoint;
    if (!moved && sameText(peer, previous) && sameKey(peer, previous, old, resolved)) continue;
    const { endpoint, ...rest } = peerChange(peer, resolved);
    peers.push(moved && endpoint ? { ...rest, endpoint } : rest);
  }
  const port = after.listen.port;
  return port === before.listen.port ? { peers } : { listenPort: port, peers };
}

function peerChange(peer: Peer, resolved: Resolved): PeerChange {
  const endpoint = peer.endpoint === null ? undefined : resolved.endpoints.get(peer.endpoint);
  return {
    publicKey: keyOf(peer),
    presharedKey: presharedKey(peer, resolved),
    keepalive: peer.keepalive,
    replaceAllowedIps: true,
    allowedIps: allowedPrefixes(peer).map((prefix) => ({ prefix })),
    ...(endpoint && { endpoint }),
  };
}

/** A peer's allowed IPs, each once. */
export function allowedPrefixes(peer: Peer): Prefix[] {
  const prefixes = new Map<string, Prefix>();
  for (const text of peer.allowedIps) {
    const prefix = parsePrefix(text);
    if (!prefix) throw new RangeError(`"peer" has an unchecked prefix: ${text}`);
    prefixes.set(formatPrefix(prefix), prefix);
  }
  return [...prefixes.values()];
}

function keyOf(peer: Peer): Uint8Array {
  const key = decodeKey(peer.publicKey);
  if (!key) throw new RangeError('"peer" has an unchecked public key');
  return key;
}

/** A file that is missing is an error before this is called, never silently no key. */
function presharedKey(peer: Peer, resolved: Resolved): Uint8Array | null {
  if (peer.presharedKeyFile === null) return null;
  const key = resolved.presharedKeys.get(peer.presharedKeyFile);
  if (!key) throw new RangeError(`"resolved" lacks ${peer.presharedKeyFile}`);
  return key;
}

function sameText(a: Peer, b: Peer): boolean {
  if (a.keepalive !== b.keepalive) return false;
  if (a.allowedIps.join() === b.allowedIps.join()) return true; // nearly always, and fast
  const allowed = (peer: Peer) => allowedPrefixes(peer).map(formatPrefix).sort().join();
  return allowed(a) === allowed(b);
}

function sameKey(a: Peer, b: Peer, old: Resolved, resolved: Resolved): boolean {
  const now = presharedKey(a, resolved);
  const then = presharedKey(b, old);
  if (now === null || then === null) return now === then;
  return now.every((byte, i) => byte === then[i]);
}
