// One way to a peer: an endpoint that somebody named, or a channel of a relay. It is unproven until
// an answer came that only the peer could give, and only if it had read what we sent there.
//
//               ack, or handshake response
//   unproven ────────────────────────────────▶ proven
//      ▲                                          │
//      └──────────────────────────────────────────┘
//            silent for 3 s, or we moved
//
// A channel may carry packets before it is proven: two members vouch for it, the relay that opened
// it and the peer that is at its other end.

import { type Address, formatEndpoint, type Place, prefixContains } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { CandidateKind } from './ground.js';

/** `seen`: an authentic packet came from there. `met`: a handshake of the peer's did. */
export type Origin = CandidateKind | 'seen' | 'met' | 'predicted' | 'relay';

export const MTU_FLOOR = 1_280; // IPv6 asks for it (RFC 8200, section 5); all links carry it
export const TRIES_MAX = 5; // datagrams to a place that only hearsay speaks for, per burst
export const AMPLIFY_MAX = 3; // times what came from there, to a place that nobody proved
export const HANDSHAKE_BYTES = 148; // an initiation: what a place has sent us at least
export const KEEPALIVE_BYTES = 32; // the least that an authentic packet has
const NEVER = Number.NEGATIVE_INFINITY;

const PRIVATE = [
  { address: '10.0.0.0', length: 8 }, // RFC 1918
  { address: '172.16.0.0', length: 12 },
  { address: '192.168.0.0', length: 16 },
  { address: '169.254.0.0', length: 16 }, // RFC 3927
  { address: 'fc00::', length: 7 }, // RFC 4193
  { address: 'fe80::', length: 10 }, // RFC 4291
];

/** An address that means something on one site only. Scoped ones are (`fe80::1%3`). */
export function isPrivate(address: Address): boolean {
  return address.includes('%') || PRIVATE.some((prefix) => prefixContains(prefix, address));
}

/** What makes two places the same way; our own address is left to the kernel until proven. */
export function keyOf(place: Place): string {
  return `${place.slot} ${formatEndpoint(place.endpoint)} ${place.channel}`;
}

export class Route {
  readonly key: string;
  readonly lan: boolean;
  place: Place;
  provenAt: Millis = NEVER; // when an answer last came by it
  everProven = false; // since we know of it: as good a guess as any
  leftAt: Millis = NEVER; // when it was last given up
  rttMs: number | null = null; // smoothed
  mtu = MTU_FLOOR; // largest packet inside the tunnel that was answered for
  mtuSteps: number[] | null = null; // sizes that are still to be tried, largest first
  mtuTries = 0;
  mtuCheck = 0; // probes of the proven size that are still to be sent, after a silence
  mtuCheckedAt: Millis = NEVER;
  sent = 0; // datagrams of this burst
  sentBytes = 0; // while unproven
  receivedBytes = 0; // while unproven
  toldAt: Millis; // when it was last named to us
  probedAt: Millis = NEVER;

  constructor(
    place: Place,
    public origin: Origin,
    readonly via: NodeId | null,
    now: Millis,
  ) {
    this.place = place;
    this.key = keyOf(place);
    this.lan = via === null && isPrivate(place.endpoint.address);
    this.toldAt = now;
  }

  get proven(): boolean {
    return this.provenAt > this.leftAt;
  }

  /** Fit to carry packets: proven, or an open channel that has not failed since. */
  get usable(): boolean {
    return this.proven || (this.via !== null && this.leftAt === NEVER);
  }

  /** May so many bytes go there now? See the constants above. */
  allows(bytes: number): boolean {
    if (this.usable) return true;
    const hearsay = this.origin !== 'seen' && this.origin !== 'met';
    if (hearsay && this.sent < TRIES_MAX) return true;
    return this.sentBytes + bytes <= AMPLIFY_MAX * this.receivedBytes;
  }

  onSent(bytes: number, now: Millis): void {
    this.sent++;
    this.probedAt = now;
    if (!this.proven) this.sentBytes += bytes;
  }

  /** Proven now. `rttMs` null: not measured. `from`: where the answer came from. */
  prove(now: Millis, rttMs: number | null, from: Place): void {
    this.provenAt = Math.max(now, this.leftAt + 1);
    this.everProven = true;
    if (rttMs !== null) {
      this.rttMs = this.rttMs === null ? rttMs : this.rttMs + (rttMs - this.rttMs) / RTT_WEIGHT;
    }
    // Packets leave from the address that the peer answered to.
    if (keyOf(from) === this.key) this.place = from;
    this.sentBytes = 0;
    this.receivedBytes = 0;
  }

  /** No more than hearsay from now on: there is no session, or we are elsewhere ourselves. */
  expire(): void {
    this.provenAt = NEVER;
    this.probedAt = NEVER;
    this.sent = 0;
    this.place = { ...this.place, source: null };
  }

  /** The relay says that the channel is open: it is to be trusted as on the first day. */
  reopen(): void {
    this.leftAt = NEVER;
    this.provenAt = NEVER;
  }

  /** Given up, until an answer comes by it again. */
  leave(now: Millis): void {
    this.leftAt = Math.max(now, this.provenAt);
    this.rttMs = null;
    this.mtu = MTU_FLOOR;
    this.mtuSteps = null;
  }
}

const RTT_WEIGHT = 8; // of what was known against one new sample, as in RFC 6298
