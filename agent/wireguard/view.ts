// A peer as it is told to whoever asks: what `wg show` prints.

import type { Place } from '../bytes/address.js';
import type { PeerId, Traffic } from './effects.js';
import type { Peer } from './peer.js';

/** What `wg show` tells of a peer. */
export type PeerView = Readonly<{
  peer: PeerId;
  publicKey: Uint8Array;
  presharedKey: Uint8Array | null; // a copy, wipe it
  place: Place | null;
  keepalive: number; // seconds, 0 is off
  lastHandshake: number; // Unix time, seconds with a fraction; 0 is never
  receivedBytes: number;
  sentBytes: number;
}>;

/** `traffic`: what the workers counted. */
export function viewOf(peer: Peer, traffic: Traffic): PeerView {
  return {
    peer: peer.id,
    publicKey: peer.publicKey,
    presharedKey: peer.keys.getPresharedKey(),
    place: peer.place,
    keepalive: peer.keepalive,
    lastHandshake: peer.lastHandshake,
    receivedBytes: traffic.receivedBytes + peer.receivedBytes,
    sentBytes: traffic.sentBytes + peer.sentBytes,
  };
}
