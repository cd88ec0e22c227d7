// What the main thread tells the workers, and what they tell it. Orders are applied in the order
// in which they were given; events of one worker arrive in the order in which they happened.

import type { Place } from '../bytes/address.js';
import type { Effect, PeerId, SessionId } from '../wireguard/effects.js';

/** The effects that are the workers' to perform; the driver passes them on as they are. */
export type PlaneEffect = Exclude<Effect, { kind: 'ceiling' }>;

export type PlaneOrder = Readonly<
  | PlaneEffect
  | { kind: 'frame'; peer: PeerId; frame: Uint8Array } // seal this control frame for the peer
  | { kind: 'member'; peer: PeerId; member: boolean } // may send control frames; does not roam
  | { kind: 'mtu'; mtu: number } // of the TUN: padding stays within it
>;

/** What was known of a handshake datagram before main saw it. */
export type HandshakeCheck = 'mac1' | 'mac2'; // mac1 alone is right, or mac2 too

export type PlaneEvent = Readonly<
  | { kind: 'handshake'; datagram: Uint8Array; from: Place; check: HandshakeCheck }
  | { kind: 'want'; peer: PeerId } // a user packet waits, no session is in use
  | { kind: 'active'; peer: PeerId } // traffic after calm: look at the peer's timers
  | { kind: 'stale'; session: SessionId } // its renew moment has passed under traffic
  | { kind: 'confirmed'; session: SessionId } // first authentic message with a session not in use
  // Authentic from elsewhere; already followed. `batch`: orders that were known by then.
  | { kind: 'roamed'; peer: PeerId; place: Place; batch: number }
  | { kind: 'seen'; peer: PeerId; place: Place } // a member, authentic from elsewhere; not followed
  | { kind: 'frame'; peer: PeerId; frame: Uint8Array } // from a member
  | { kind: 'alarm'; engine: string; reason: string } // an engine disagreed with noble
  | { kind: 'gone' } // the TUN device was deleted
>;

export const SLOT_IPV4 = 0; // the listen port over IPv4
export const SLOT_IPV6 = 1; // the same over IPv6
export const SLOTS_MAX = 40;
