// What a SoftPlane keeps of a peer and of a session, and the messages made with the latter.

import type { Place } from '../bytes/address.js';
import { open, seal, TAG_BYTES } from '../crypto/primitives.js';
import type { Millis, PeerId, Session, SessionId, Traffic } from './effects.js';
import { ReplayWindow } from './window.js';

export type Row = {
  readonly id: PeerId;
  roams: boolean;
  member: boolean;
  place: Place | null;
  second: Place | null;
  session: SessionId | null;
  waiting: Uint8Array[];
  wanted: boolean;
  armed: boolean; // the `active` event
  seenAt: Millis;
  traffic: { -readonly [K in keyof Traffic]: Traffic[K] };
};

export type Live = {
  readonly session: Session;
  readonly window: ReplayWindow;
  sent: number;
  stale: boolean; // was raised
  confirmed: boolean;
};

export function liveOf(session: Session): Live {
  return { session, window: new ReplayWindow(), sent: 0, stale: false, confirmed: false };
}

export function rowOf(id: PeerId, roams: boolean): Row {
  return {
    id,
    roams,
    member: false,
    place: null,
    second: null,
    session: null,
    waiting: [],
    wanted: false,
    armed: true,
    seenAt: Number.NEGATIVE_INFINITY,
    traffic: quiet(),
  };
}

export function quiet(): Row['traffic'] {
  return {
    unansweredSince: 0,
    unacknowledgedSince: 0,
    dataReceivedAt: 0,
    receivedAt: 0,
    sentAt: 0,
    receivedBytes: 0,
    sentBytes: 0,
  };
}

// Transport messages (paper, section 5.4.6): u32 type | u32 receiver | u64 counter | sealed text.
const HEADER_BYTES = 16;
const NOTHING = new Uint8Array(0);

/** The text is filled up with zeros to `length`. */
export function sealed(
  session: Session,
  counter: number,
  text: Uint8Array,
  length: number,
): Uint8Array {
  const padded = new Uint8Array(length);
  padded.set(text);
  const datagram = new Uint8Array(HEADER_BYTES + length + TAG_BYTES);
  const view = new DataView(datagram.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, session.remoteIndex, true);
  view.setUint32(8, counter, true); // below 2^32: REJECT_AFTER_MESSAGES
  datagram.set(seal(session.sendKey, counter, padded, NOTHING), HEADER_BYTES);
  return datagram;
}

export function opened(
  session: Session,
  counter: number,
  datagram: Uint8Array,
): Uint8Array | undefined {
  return open(session.receiveKey, counter, datagram.subarray(HEADER_BYTES), NOTHING);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}

/** Neither a keepalive nor a control frame, whose first nibble is 8 to B (design section 3). */
export function isUserPacket(text: Uint8Array): boolean {
  const nibble = (text[0] ?? 0) >> 4;
  return text.length > 0 && (nibble < 8 || nibble > 11);
}

/** To 16 bytes, but never past the MTU of the TUN (paper, section 5.4.6). */
export function padded(bytes: number, mtu: number): number {
  const full = (bytes + 15) & ~15;
  return full <= mtu ? full : Math.max(bytes, mtu);
}
