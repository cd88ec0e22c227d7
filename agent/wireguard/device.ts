// One WireGuard interface without any I/O: its key, its peers, their handshakes and timers.
//
//   handshake datagram, want, active, stale, confirmed, roamed ─▶ Device ─▶ effects, in order
//                                    now, wall, deadline(), tick ─▶
//
// Every method that takes `now` (monotonic milliseconds, the clock of Traffic) may change
// `deadline()`; whoever drives the machine calls `tick` then. `wall` is Unix time in milliseconds.
// Effects are to be performed in the order in which they come.

import type { Endpoint, Place } from '../bytes/address.js';
import type { Effect, Millis, PeerId, SessionId, Traffic } from './effects.js';

export type DeviceOptions = Readonly<{
  random: (bytes: number) => Uint8Array;
  traffic: (peer: PeerId) => Traffic;
  /** Out of which socket slot an endpoint that came by configuration is reached. */
  slotFor: (endpoint: Endpoint) => number;
  /** What the last `ceiling` effect of an earlier run said, in seconds; undefined: there was none. */
  ceiling?: number | undefined;
  sessionsMax?: number;
}>;

/** A handshake datagram as a worker hands it over: length and mac1 were right. */
export type Arrival = Readonly<{ datagram: Uint8Array; from: Place; check: 'mac1' | 'mac2' }>;

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

export class Device {
  constructor(readonly options: DeviceOptions) {}

  // Configuration

  /** Null: none. Drops all sessions; a peer with this very key is removed (see `peer-gone`). */
  setPrivateKey(_privateKey: Uint8Array | null, _now: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** A copy, wipe it. */
  privateKey(): Uint8Array | null {
    throw new Error('not built yet');
  }
  publicKey(): Uint8Array | null {
    throw new Error('not built yet');
  }
  findPeer(_publicKey: Uint8Array): PeerId | undefined {
    throw new Error('not built yet');
  }
  /** Undefined where the key is our own: such a peer is ignored. Throws where it is there already. */
  addPeer(
    _publicKey: Uint8Array,
    _options?: { roams?: boolean },
  ): { peer: PeerId; effects: Effect[] } | undefined {
    throw new Error('not built yet');
  }
  removePeer(_peer: PeerId): Effect[] {
    throw new Error('not built yet');
  }
  /** Counts from the next handshake on. Null or zeros: none. */
  setPresharedKey(_peer: PeerId, _key: Uint8Array | null): void {
    throw new Error('not built yet');
  }
  setEndpoint(_peer: PeerId, _endpoint: Endpoint, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** Like setEndpoint, for whoever knows the whole place (the mesh); null: nowhere. */
  setPlace(_peer: PeerId, _place: Place | null, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** Seconds between persistent keepalives, 0 is off. Turned on, one goes out at once. */
  setKeepalive(_peer: PeerId, _seconds: number, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }

  // The interface

  up(_now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  down(_now: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** The end: everything wiped, the ceiling lowered to what was really used. */
  close(_now: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** The wall clock is right (NTP): it counts even a day above the ceiling. */
  clockSynchronised(): void {
    throw new Error('not built yet');
  }

  // Events

  onHandshake(_arrival: Arrival, _underLoad: boolean, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  onWant(_peer: PeerId, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  onActive(_peer: PeerId, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  onStale(_session: SessionId, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  onConfirmed(_session: SessionId, _now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** The worker has followed the peer already: only noted, no effect comes of it. */
  onRoamed(_peer: PeerId, _place: Place): void {
    throw new Error('not built yet');
  }

  // Time

  tick(_now: Millis, _wall: Millis): Effect[] {
    throw new Error('not built yet');
  }
  /** When to call `tick`; it may turn out to be too early, then the tick does nothing. */
  deadline(): Millis | undefined {
    throw new Error('not built yet');
  }

  // What there is

  peers(): PeerId[] {
    throw new Error('not built yet');
  }
  view(_peer: PeerId): PeerView {
    throw new Error('not built yet');
  }
  /** Handshake datagrams dropped, by reason. */
  drops(): Readonly<Record<string, number>> {
    throw new Error('not built yet');
  }
}
