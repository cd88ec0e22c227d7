// Relay channels of a SoftPlane: those that lead to us, and those we relay between two members
// (circuits), metered and limited.
//
// Fair between openers: as long as the common bucket is at least half full, everybody passes. Below
// that each opener lives on its own bucket, which fills with its part of the rate.

import type { Place } from '../bytes/address.js';
import type { Millis, PeerId } from './effects.js';
import type { Metered, PlaneOrder } from './orders.js';
import { sameEnd } from './place.js';

/** Channels that lead to us; the oldest makes room. A node holds one per relayed peer and relay. */
export const LEGS_MAX = 256;
/** Further ones are not opened: what comes on them is answered like that of an unknown channel. */
export const CIRCUITS_MAX = 256;
const TELL_GAP_MS = 1_000;
const ACTIVE_MS = 1_000; // an opener that sent nothing for so long has no part in the share

type Circuit = { channels: [number, number]; peers: [PeerId, PeerId]; bytes: number; at: Millis };
type Bucket = { tokens: number; at: Millis };

export class Circuits {
  private readonly legs = new Set<number>();
  private readonly byChannel = new Map<number, Circuit>();
  private readonly takers = new Map<PeerId, Bucket>();
  private readonly common: Bucket = { tokens: Number.POSITIVE_INFINITY, at: 0 };
  private rate = Number.POSITIVE_INFINITY; // bytes per second
  private burst = Number.POSITIVE_INFINITY;
  private toldAt = Number.NEGATIVE_INFINITY;

  /** `placeOf`: where a member is while there is a session with it, else null. */
  constructor(private readonly world: { placeOf(peer: PeerId): Place | null }) {}

  order(order: PlaneOrder, now: Millis): void {
    switch (order.kind) {
      case 'leg':
        this.addLeg(order.channel);
        return;
      case 'leg-gone':
        this.legs.delete(order.channel);
        return;
      case 'circuit':
        this.open([order.openerChannel, order.otherChannel], [order.opener, order.other]);
        return;
      case 'circuit-gone':
        for (const channel of this.byChannel.get(order.channel)?.channels ?? [])
          this.byChannel.delete(channel);
        return;
      case 'share':
        this.rate = order.bytesPerSecond;
        this.burst = order.burst;
        this.common.tokens = order.burst;
        this.common.at = now;
        this.takers.clear();
    }
  }

  /** We are about to send through it: the answers will come on it. */
  learn(...places: (Place | null)[]): void {
    for (const place of places)
      if (place !== null && place.channel !== 0) this.addLeg(place.channel);
  }

  isLeg(channel: number): boolean {
    return this.legs.has(channel);
  }

  /** Where what came on this channel goes, with which number; or why it is dropped. */
  relay(
    channel: number,
    bytes: number,
    from: Place,
    now: Millis,
  ): { to: Place; channel: number } | 'channel-unknown' | 'channel-source' | 'channel-limit' {
    const circuit = this.byChannel.get(channel);
    if (circuit === undefined) return 'channel-unknown';
    const side = circuit.channels[0] === channel ? 0 : 1;
    const to = this.world.placeOf(circuit.peers[1 - side] ?? -1);
    const expected = this.world.placeOf(circuit.peers[side]);
    if (expected === null || !sameEnd(expected, from)) return 'channel-source';
    if (to === null || to.channel !== 0) return 'channel-source';
    if (!this.admit(circuit.peers[0], bytes, now)) return 'channel-limit';
    circuit.bytes += bytes;
    circuit.at = now;
    return { to, channel: circuit.channels[1 - side] ?? 0 };
  }

  /** At most once a second somebody is told that a channel is none. */
  mayTell(now: Millis): boolean {
    if (now - this.toldAt < TELL_GAP_MS) return false;
    this.toldAt = now;
    return true;
  }

  metered(): Metered[] {
    return [...new Set(this.byChannel.values())].map(({ channels, bytes, at }) => {
      return { channel: channels[0], bytes, lastAt: at };
    });
  }

  private addLeg(channel: number): void {
    if (this.legs.has(channel)) return;
    if (this.legs.size >= LEGS_MAX) {
      for (const oldest of this.legs) {
        this.legs.delete(oldest);
        break;
      }
    }
    this.legs.add(channel);
  }

  private open(channels: [number, number], peers: [PeerId, PeerId]): void {
    const taken = channels.some((channel) => this.byChannel.has(channel) || channel === 0);
    if (taken || this.byChannel.size >= 2 * CIRCUITS_MAX || channels[0] === channels[1]) return;
    const circuit: Circuit = { channels, peers, bytes: 0, at: 0 };
    for (const channel of channels) this.byChannel.set(channel, circuit);
  }

  private admit(taker: PeerId, bytes: number, now: Millis): boolean {
    if (this.rate === Number.POSITIVE_INFINITY) return true;
    for (const [peer, { at }] of this.takers) if (now - at > ACTIVE_MS) this.takers.delete(peer);
    const own = this.takers.get(taker) ?? { tokens: this.burst, at: now };
    this.takers.set(taker, own);
    const part = 1 / this.takers.size;
    fill(this.common, this.rate, this.burst, now);
    fill(own, this.rate * part, this.burst * part, now);
    if (this.common.tokens < bytes) return false;
    if (own.tokens < bytes && this.common.tokens < this.burst / 2) return false;
    this.common.tokens -= bytes;
    own.tokens = Math.max(0, own.tokens - bytes);
    return true;
  }
}

function fill(bucket: Bucket, rate: number, burst: number, now: Millis): void {
  bucket.tokens = Math.min(burst, bucket.tokens + (rate * Math.max(0, now - bucket.at)) / 1_000);
  bucket.at = now;
}
