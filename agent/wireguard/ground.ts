// What the peers of a device stand on.

import type { PrivateKey } from '../crypto/x25519.js';
import type { Answers } from './answers.js';
import type { Millis, PeerId, SessionId, Traffic } from './effects.js';
import type { Peer } from './peer.js';
import type { Indices, Rows } from './tables.js';
import type { TimestampClock } from './timestamp.js';

/** What the peers of a device share. */
export type Ground = {
  identity: PrivateKey | undefined; // our static key
  up: boolean;
  readonly indices: Indices<Peer>;
  readonly sessions: Rows<Readonly<{ peer: Peer; id: SessionId }>>;
  readonly clock: TimestampClock;
  readonly answers: Answers;
  readonly random: (bytes: number) => Uint8Array;
  readonly traffic: (peer: PeerId) => Traffic;
};

/** Why a handshake message for a known peer was dropped. */
export type PeerDrop = 'forged' | 'replay' | 'flood' | 'sessions-full' | 'unknown-index';

/** Now on both clocks: monotonic, and Unix time; milliseconds. */
export type Times = Readonly<{ now: Millis; wall: Millis }>;

/** A whole number from 0 up to and with `max`, below 2^16. */
export function randomUpTo(random: (bytes: number) => Uint8Array, max: number): number {
  const [low = 0, high = 0] = random(2);
  return (low + 256 * high) % (max + 1);
}
