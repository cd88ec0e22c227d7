// What a plane is told, and what it tells. A plane moves packets with the sessions it is handed and
// decides nothing: in the agent that is the workers (dataplane/plane.ts), in simulations and at
// the door SoftPlane. Orders are applied in the order in which they were given; events of one
// worker arrive in the order in which they happened.

import type { Place } from '../bytes/address.js';
import type { Effect, PeerId, SessionId } from './effects.js';

/** The effects that a driver passes on as they are; of a Notice nothing comes. */
export type PlaneEffect = Exclude<Effect, { kind: 'ceiling' }>;

export type PlaneOrder = Readonly<
  | PlaneEffect
  /**
   * Seal this control frame for the peer. `at`: out there, whatever its place. `pad`: how long
   * the text is at least, filled with zeros; such a datagram is not cut into fragments.
   */
  | { kind: 'frame'; peer: PeerId; frame: Uint8Array; at?: Place; pad?: number }
  | { kind: 'mtu'; mtu: number } // of the TUN: padding stays within it
  // Relay channels (channel.ts)
  /** Channels by which others reach us. Known of itself: one that an order has sent through. */
  | { kind: 'leg'; channel: number }
  | { kind: 'leg-gone'; channel: number }
  /** What comes in on one channel goes out on the other; each belongs to one member. */
  | {
      kind: 'circuit';
      opener: PeerId;
      openerChannel: number;
      other: PeerId;
      otherChannel: number;
    }
  | { kind: 'circuit-gone'; channel: number } // either channel of it
  /** What all circuits together may carry; shared fairly between openers. Infinity: unlimited. */
  | { kind: 'share'; bytesPerSecond: number; burst: number }
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
  | { kind: 'frame'; peer: PeerId; frame: Uint8Array; from: Place } // from a member
  | { kind: 'channel-unknown'; channel: number; from: Place } // at most one a second
  | { kind: 'alarm'; engine: string; reason: string } // an engine disagreed with noble
  | { kind: 'gone' } // the TUN device was deleted
>;

/** Of one circuit: inner bytes that were accepted for relaying, both ways. */
export type Metered = Readonly<{
  channel: number; // the opener's
  bytes: number;
  lastAt: number; // milliseconds of the monotonic clock; 0: never
}>;
