// One WireGuard interface without any I/O: its key, its peers, their handshakes and timers.
//
//   handshake datagram, want, active, stale, confirmed, roamed ─▶ Device ─▶ effects, in order
//                                    now, wall, deadline(), tick ─▶
//
// Every method that takes `now` (monotonic milliseconds, the clock of Traffic) may change
// `deadline()`; whoever drives the machine calls `tick` then. `wall` is Unix time in milliseconds.
// Effects are to be performed in the order in which they come.

import type { Endpoint, Place } from '../bytes/address.js';
import { equal, KEY_BYTES } from '../crypto/primitives.js';
import { isZero } from '../crypto/secret.js';
import { PrivateKey } from '../crypto/x25519.js';
import { Answers } from './answers.js';
import type { Effect, Millis, PeerId, SessionId, Traffic } from './effects.js';
import { type Arrival, DEVICE_DROPS, type DeviceDrop } from './gate.js';
import type { Ground, Times } from './ground.js';
import { PEERS_MAX, SESSIONS_MAX } from './limits.js';
import { Membership, type PresharedKeys } from './membership.js';
import { Peer } from './peer.js';
import { Door } from './porch.js';
import { Reception } from './reception.js';
import { Indices, nameOf, Rows } from './tables.js';
import { TimestampClock } from './timestamp.js';
import { type PeerView, viewOf } from './view.js';

export type DeviceOptions = Readonly<{
  random: (bytes: number) => Uint8Array;
  traffic: (peer: PeerId) => Traffic;
  /** Out of which socket slot an endpoint that came by configuration is reached. */
  slotFor: (endpoint: Endpoint) => number;
  /** An initiation of one who has no row came, and is answered if he is added meanwhile. */
  onStranger?: (publicKey: Uint8Array) => void;
  /** What the last `ceiling` effect of an earlier run said, in seconds; undefined: none did. */
  ceiling?: number | undefined;
  sessionsMax?: number;
}>;

type Kind = 'roams' | 'stays' | 'member' | 'porch';
const NEVER = Number.POSITIVE_INFINITY;

export class Device {
  private readonly ground: Ground;
  private readonly rows = new Rows<Peer>();
  private readonly byKey = new Map<string, Peer>();
  private readonly awake = new Set<Peer>(); // those that have a deadline
  private readonly dropped = new Map<DeviceDrop, number>(DEVICE_DROPS.map((name) => [name, 0]));
  private readonly door: Door;
  private readonly reception: Reception;
  private dueAt: Millis = NEVER; // no peer is due before

  constructor(private readonly options: DeviceOptions) {
    this.ground = {
      identity: undefined,
      up: false,
      indices: new Indices(options.random),
      sessions: new Rows(options.sessionsMax ?? SESSIONS_MAX),
      clock: new TimestampClock(options.ceiling),
      answers: new Answers(),
      random: options.random,
      traffic: options.traffic,
    };
    this.door = new Door();
    this.reception = new Reception(this.ground, this.door, {
      peerOf: (publicKey) => this.byKey.get(nameOf(publicKey)),
      onStranger: (publicKey) => options.onStranger?.(publicKey),
      admit: (publicKey, out) => this.admit(publicKey, out),
      note: (peer) => this.note(peer),
    });
  }

  // Configuration

  /** Null: none. Drops all sessions; a peer with this very key is removed (see `peer-gone`). */
  setPrivateKey(privateKey: Uint8Array | null): Effect[] {
    const out: Effect[] = [];
    const { ground } = this;
    if (privateKey !== null && isZero(privateKey)) return this.setPrivateKey(null);
    const identity = privateKey === null ? undefined : new PrivateKey(Uint8Array.from(privateKey));
    const publicKey = identity?.publicKey ?? null;
    if (publicKey !== null && ground.identity && equal(publicKey, ground.identity.publicKey)) {
      identity?.wipe();
      return out;
    }
    for (const peer of this.rows.values()) peer.forgetIdentity(out);
    ground.identity?.wipe();
    ground.identity = identity;
    this.reception.setIdentity(publicKey);
    if (publicKey !== null) {
      const ourselves = this.findPeer(publicKey);
      if (ourselves !== undefined) out.push(...this.removePeer(ourselves));
    }
    out.push({ kind: 'identity', publicKey });
    return out;
  }

  /** A copy, wipe it. */
  privateKey(): Uint8Array | null {
    const { identity } = this.ground;
    return identity === undefined ? null : Uint8Array.from(identity.bytes);
  }

  publicKey(): Uint8Array | null {
    return this.ground.identity?.publicKey ?? null;
  }

  findPeer(publicKey: Uint8Array): PeerId | undefined {
    return this.byKey.get(nameOf(publicKey))?.id;
  }

  /**
   * Undefined where the key is our own: such a peer is ignored. Throws where it is there already.
   * `roams` (default): its place follows authentic datagrams; else only setPlace moves it.
   * `member`: a node of our mesh, see membership.ts; such a peer does not roam.
   */
  addPeer(
    publicKey: Uint8Array,
    options: Readonly<{ roams?: boolean; member?: boolean }> = {},
  ): { peer: PeerId; effects: Effect[] } | undefined {
    if (publicKey.length !== KEY_BYTES) {
      throw new RangeError(`"publicKey" has ${publicKey.length} bytes, not 32`);
    }
    const ours = this.ground.identity?.publicKey;
    if (ours !== undefined && equal(ours, publicKey)) return undefined;
    const name = nameOf(publicKey);
    if (this.byKey.has(name)) throw new RangeError('"publicKey" is a peer already');
    const effects: Effect[] = [];
    const kind = options.member ? 'member' : (options.roams ?? true) ? 'roams' : 'stays';
    const peer = this.addRow(Uint8Array.from(publicKey), kind, effects);
    this.byKey.set(name, peer);
    return { peer: peer.id, effects };
  }

  private addRow(publicKey: Uint8Array, kind: Kind, out: Effect[]): Peer {
    const isMember = kind === 'member' || kind === 'porch';
    const roams = kind === 'roams';
    const peer = this.rows.add((id) => {
      const member = isMember ? new Membership(id, kind === 'porch') : undefined;
      return new Peer(id, publicKey, roams, this.ground, member);
    });
    out.push({ kind: 'peer', peer: peer.id, roams });
    if (isMember) out.push({ kind: 'member', peer: peer.id, member: true });
    return peer;
  }

  removePeer(id: PeerId): Effect[] {
    const peer = this.known(id);
    const out: Effect[] = [];
    peer.wipe(out);
    this.rows.remove(id);
    this.awake.delete(peer);
    if (!this.door.leave(id)) this.byKey.delete(nameOf(peer.publicKey));
    out.push({ kind: 'peer-gone', peer: id });
    return out;
  }

  // Members of the mesh

  /** Of a member: a handshake at all these places at once, ended when it is met, or after 2 s. */
  knock(id: PeerId, places: readonly Place[], now: Millis, wall: Millis): Effect[] {
    return this.on(id, now, wall, (peer, at, out) => peer.knock(places, at, out));
  }

  /** Of a member; copies. A bare session of ours is followed by another at once. */
  setPresharedKeys(id: PeerId, keys: PresharedKeys, now: Millis, wall: Millis): Effect[] {
    return this.on(id, now, wall, (peer, at, out) => peer.setPresharedKeys(keys, at, out));
  }

  /** Of a member: from the next session on, one without a pre-shared key is bare. Default: no. */
  requirePresharedKey(id: PeerId, required: boolean): void {
    const { member } = this.known(id);
    if (member !== undefined) member.requirePresharedKey = required;
  }

  /** Whoever has this key may stand on the porch, see porch.ts; null: nobody, and all must go. */
  setDoor(publicKey: Uint8Array | null): Effect[] {
    const out = this.door.all().flatMap((id) => this.removePeer(id));
    this.door.setKey(publicKey);
    return out;
  }

  /** One that has gone by now: nothing happens. */
  closePorch(id: PeerId): Effect[] {
    return this.door.has(id) ? this.removePeer(id) : [];
  }

  private admit(publicKey: Uint8Array, out: Effect[]): Peer | undefined {
    return this.rows.size < PEERS_MAX ? this.addRow(publicKey, 'porch', out) : undefined;
  }

  /** Counts from the next handshake on. Null or zeros: none. */
  setPresharedKey(id: PeerId, key: Uint8Array | null): void {
    this.known(id).keys.setPresharedKey(key);
  }

  setEndpoint(id: PeerId, endpoint: Endpoint, now: Millis, wall: Millis): Effect[] {
    const place = { slot: this.options.slotFor(endpoint), endpoint, source: null, channel: 0 };
    return this.setPlace(id, place, now, wall);
  }

  /**
   * Like setEndpoint, for whoever knows the whole place (the mesh); null: nowhere. `second`: where
   * a copy of each user packet goes, null: nowhere, undefined: as before.
   */
  setPlace(
    id: PeerId,
    place: Place | null,
    now: Millis,
    wall: Millis,
    second?: Place | null,
  ): Effect[] {
    return this.on(id, now, wall, (peer, at, out) => {
      const wasNowhere = peer.place === null;
      peer.moveTo(place, out, second);
      if (wasNowhere && peer.keepalive > 0) peer.keepAlive(at, out);
    });
  }

  /** Our way out has changed: the kernel is to choose the source address of each peer anew. */
  forgetSources(): Effect[] {
    const out: Effect[] = [];
    for (const peer of this.rows.values()) peer.forgetSource(out);
    return out;
  }

  /** Seconds between persistent keepalives, 0 is off. Turned on, one goes out at once. */
  setKeepalive(id: PeerId, seconds: number, now: Millis, wall: Millis): Effect[] {
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > 65_535) {
      throw new RangeError(`"seconds" is not 0 to 65535: ${seconds}`);
    }
    return this.on(id, now, wall, (peer, at, out) => {
      const wasOff = peer.keepalive === 0;
      peer.keepalive = seconds;
      if (!this.ground.up) return;
      peer.timers.setPersistent(seconds, now);
      if (wasOff && seconds > 0) peer.keepAlive(at, out);
    });
  }

  // The interface

  up(now: Millis, wall: Millis): Effect[] {
    if (this.ground.up) return [];
    this.ground.up = true;
    const out: Effect[] = [];
    for (const peer of this.rows.values()) {
      peer.timers.setPersistent(peer.keepalive, now);
      if (peer.keepalive > 0) peer.keepAlive({ now, wall }, out);
      this.note(peer);
    }
    return out;
  }

  /** Drops sessions and handshakes; peers, places and the replay protection stay. */
  down(): Effect[] {
    this.ground.up = false;
    const out: Effect[] = [];
    for (const peer of this.rows.values()) {
      peer.dropKeys(out);
      peer.timers.stop();
    }
    this.dueAt = NEVER;
    return out;
  }

  /** The end: everything wiped, the ceiling lowered to what was really used. */
  close(): Effect[] {
    const out = this.down();
    for (const { id } of [...this.rows.values()]) out.push(...this.removePeer(id));
    out.push(...this.setPrivateKey(null));
    const seconds = this.ground.clock.lowest();
    if (seconds !== undefined) out.push({ kind: 'ceiling', seconds });
    return out;
  }

  /** The wall clock is right (NTP): it counts even a day and more above the ceiling. */
  clockSynchronised(): void {
    this.ground.clock.trust();
  }

  // Events

  /** `arrival.datagram` is ours to keep until the call returns. */
  onHandshake(arrival: Arrival, underLoad: boolean, now: Millis, wall: Millis): Effect[] {
    const out: Effect[] = [];
    const drop = this.reception.receive(arrival, underLoad, { now, wall }, out);
    if (drop !== undefined) this.dropped.set(drop, (this.dropped.get(drop) ?? 0) + 1);
    return out;
  }

  onWant(id: PeerId, now: Millis, wall: Millis): Effect[] {
    return this.on(id, now, wall, (peer, at, out) => peer.wanted(at, out));
  }

  onActive(id: PeerId, now: Millis, wall: Millis): Effect[] {
    return this.on(id, now, wall, (peer, at, out) => peer.active(at, out));
  }

  onStale(session: SessionId, now: Millis, wall: Millis): Effect[] {
    const id = this.ground.sessions.get(session)?.peer.id;
    return this.on(id, now, wall, (peer, at, out) => peer.stale(session, at, out));
  }

  onConfirmed(session: SessionId, now: Millis, wall: Millis): Effect[] {
    const id = this.ground.sessions.get(session)?.peer.id;
    return this.on(id, now, wall, (peer, at, out) => peer.confirmed(session, at, out));
  }

  /** The worker has followed the peer already: only noted, no effect comes of it. */
  onRoamed(id: PeerId, place: Place): void {
    const peer = this.rows.get(id);
    if (peer?.roams) peer.place = place;
  }

  // Time

  tick(now: Millis, wall: Millis): Effect[] {
    const out: Effect[] = [];
    if (now < this.dueAt) return out;
    for (const id of this.door.due(now)) out.push(...this.removePeer(id));
    this.dueAt = this.door.deadline();
    for (const peer of this.awake) {
      if (now >= peer.deadline()) peer.tick({ now, wall }, out);
      this.note(peer);
    }
    return out;
  }

  /** When to call `tick`; it may turn out to be too early, then the tick does nothing. */
  deadline(): Millis | undefined {
    return this.dueAt === NEVER ? undefined : this.dueAt;
  }

  // What there is

  get peerCount(): number {
    return this.rows.size; // those on the porch have rows, too
  }

  /** Without those on the porch. */
  peers(): PeerId[] {
    return Array.from(this.byKey.values(), ({ id }) => id);
  }

  view(id: PeerId): PeerView {
    return viewOf(this.known(id), this.ground.traffic(id));
  }

  /** Handshake datagrams dropped, by reason. */
  drops(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.dropped);
  }

  // Inside

  /** Events of a peer or session that is gone by now come to nothing. */
  private on(
    id: PeerId | undefined,
    now: Millis,
    wall: Millis,
    act: (peer: Peer, at: Times, out: Effect[]) => void,
  ): Effect[] {
    const peer = id === undefined ? undefined : this.rows.get(id);
    const out: Effect[] = [];
    if (peer === undefined) return out;
    act(peer, { now, wall }, out);
    this.note(peer);
    return out;
  }

  private note(peer: Peer): void {
    const due = peer.deadline();
    if (due === NEVER) this.awake.delete(peer);
    else this.awake.add(peer);
    this.dueAt = Math.min(this.dueAt, due, this.door.deadline());
  }

  private known(id: PeerId): Peer {
    const peer = this.rows.get(id);
    if (peer === undefined) throw new RangeError(`"peer" ${id} is not there`);
    return peer;
  }
}
