// Outside to inside: one recvmmsg batch becomes descriptors, and, once they were opened, inner
// packets for the TUN.
//
// Two phases, because engines open whole batches: `scan` splits GRO datagrams, finds sessions and
// refuses what is plainly replayed; `finish` takes what is authentic, asks the window again (two
// copies may be in one batch), then the inner packet's length and source.

import {
  CIRCUIT_LEGS,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  DESCRIPTORS_MAX,
  DROP_BARE,
  DROP_CHANNEL_SOURCE,
  DROP_CHANNEL_UNKNOWN,
  DROP_EXPIRED,
  DROP_FORGED,
  DROP_FRAME_STRANGER,
  DROP_INNER_MALFORMED,
  DROP_INNER_SOURCE,
  DROP_OUTSIDE_MALFORMED,
  DROP_REPLAY,
  DROP_UNKNOWN_INDEX,
  HANDSHAKES,
  HANDSHAKES_MAX,
  IOVEC_BYTES,
  MMSGHDR_BYTES,
  NOTE_CONFIRMED,
  NOTE_FRAME,
  NOTE_ROAMED,
  NOTE_SEEN,
  NOTE_STALE,
  PEER_CHANNEL,
  PEER_CHANNEL_HEADER,
  PEER_FLAGS,
  PEER_FRAME_SESSION,
  PEER_MEMBER,
  PEER_NAME_LENGTH,
  PEER_PINNED,
  PEER_ROAMS,
  PEER_SINGLE,
  PEER_SLOT,
  PEER_SOURCE,
  RECEIVE_BUFFER_BYTES,
  RECEIVE_BUFFERS,
  RECEIVE_CONTROL_BYTES,
  RECEIVE_CONTROLS,
  RECEIVE_MESSAGES,
  RECEIVE_MESSAGES_MAX,
  RECEIVE_NAMES,
  RECEIVE_SOURCES,
  RECEIVE_VECTORS,
  SESSION_BARE,
  SESSION_FLAGS,
  WHERE_LEG,
} from '../layout';
import { channelOf, findLeg, memberOf, refuse, relay } from './channels';
import { swap16 } from './checksum';
import { addPacket, clearEntries, finishEntries } from './coalesce';
import { drop, note } from './notes';
import { route } from './routes';
import {
  findSession,
  peerRow,
  SESSION_CONFIRMED,
  SESSION_EXISTS,
  SESSION_STALE,
  sessionRow,
  touch,
} from './tables';
import { getBase } from './train';
import { accept, fresh } from './window';

const NAME_BYTES: u32 = 32;
const AF_INET: u32 = 2;
const TRANSPORT_HEADER: u32 = 16;
const TRANSPORT_BYTES_MIN: u32 = 32; // header and tag: a keepalive
const HANDSHAKE_TYPE_MAX: u32 = 3;
const CHANNEL_TYPE: u32 = 0x21;
const CHANNEL_HEADER: u32 = 8;
const SEEN_GAP_MS: u32 = 1_000;

let packets: u32 = 0;
let handshakes: u32 = 0;
let slot: u32 = 0;

export function prepareReceive(): void {
  const base = getBase();
  for (let i: u32 = 0; i < <u32>RECEIVE_MESSAGES_MAX; i++) {
    const message = RECEIVE_MESSAGES + i * MMSGHDR_BYTES;
    const vector = RECEIVE_VECTORS + i * IOVEC_BYTES;
    store<u64>(vector, base + RECEIVE_BUFFERS + i * RECEIVE_BUFFER_BYTES);
    store<u64>(vector, RECEIVE_BUFFER_BYTES - 1, 8);
    store<u64>(message, base + RECEIVE_NAMES + i * NAME_BYTES);
    store<u64>(message, base + vector, 16);
    store<u64>(message, 1, 24);
    store<u64>(message, base + RECEIVE_CONTROLS + i * RECEIVE_CONTROL_BYTES, 32);
  }
  arm(RECEIVE_MESSAGES_MAX);
}

/** The kernel overwrites lengths and flags. */
function arm(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const message = RECEIVE_MESSAGES + i * MMSGHDR_BYTES;
    store<u32>(message, 28, 8);
    store<u64>(message, RECEIVE_CONTROL_BYTES, 40);
    store<u32>(message, 0, 48);
  }
}

/** How many handshake messages `scan` listed. */
export function takeHandshakes(): u32 {
  const count = handshakes;
  handshakes = 0;
  return count;
}

/** Phase one, over `messages` messages from this slot; returns the number of descriptors. */
export function scan(messages: u32, from: u32, now: f64): u32 {
  packets = handshakes = 0;
  slot = from;
  for (let i: u32 = 0; i < messages; i++) {
    let length = load<u32>(RECEIVE_MESSAGES + i * MMSGHDR_BYTES, 56);
    if (length > <u32>RECEIVE_BUFFER_BYTES) length = RECEIVE_BUFFER_BYTES;
    let each = readControls(i);
    if (each == 0 || each > length) each = length;
    let at = <usize>RECEIVE_BUFFERS + i * RECEIVE_BUFFER_BYTES;
    while (length) {
      const bytes = length < each ? length : each;
      datagram(at, bytes, i, now);
      at += bytes;
      length -= bytes;
    }
  }
  arm(messages);
  return packets;
}

/** Reads UDP_GRO and PKTINFO; returns the GRO segment size, 0: none. */
function readControls(number: u32): u32 {
  const first = <usize>RECEIVE_CONTROLS + number * RECEIVE_CONTROL_BYTES;
  const source = <usize>RECEIVE_SOURCES + number * NAME_BYTES;
  let bytes = load<u64>(RECEIVE_MESSAGES + number * MMSGHDR_BYTES, 40);
  if (bytes > <u64>RECEIVE_CONTROL_BYTES) bytes = RECEIVE_CONTROL_BYTES;
  const end = first + <usize>bytes;
  let segment: u32 = 0;
  memory.fill(source, 0, 20);
  for (let at = first; at + 16 <= end; ) {
    const length = <usize>load<u64>(at);
    if (length < 16 || length > end - at) break;
    const level = load<u32>(at, 8);
    const type = load<u32>(at, 12);
    if (level == 17 && type == 104 && length >= 20) segment = load<u32>(at, 16);
    else if (level == 0 && type == 8 && length >= 28) {
      store<u32>(source, load<u32>(at, 20)); // ipi_spec_dst
      store<u32>(source, load<u32>(at, 16), 16);
    } else if (level == 41 && type == 50 && length >= 36) {
      memory.copy(source, at + 16, 20);
    }
    at += (length + 7) & ~7;
  }
  return segment;
}

function datagram(at: usize, bytes: u32, message: u32, now: f64): void {
  if (bytes < TRANSPORT_BYTES_MIN) return drop(DROP_OUTSIDE_MALFORMED);
  const type = load<u32>(at); // reserved bytes must be zero
  if (type == 4) transport(at, bytes, message, now);
  else if (type == CHANNEL_TYPE) channel(at, bytes, message, now);
  else handshake(at, bytes, type, message);
}

function handshake(at: usize, bytes: u32, type: u32, where: u32): void {
  if (type == 0 || type > HANDSHAKE_TYPE_MAX || handshakes >= <u32>HANDSHAKES_MAX) {
    return drop(DROP_OUTSIDE_MALFORMED);
  }
  const entry = HANDSHAKES + (handshakes << 4);
  store<u32>(entry, <u32>at);
  store<u32>(entry, bytes, 4);
  store<u32>(entry, where, 8);
  handshakes++;
}

/** A datagram in a relay channel: ours, or one that we pass on. */
function channel(at: usize, bytes: u32, message: u32, now: f64): void {
  if (bytes < CHANNEL_HEADER + TRANSPORT_BYTES_MIN) return drop(DROP_OUTSIDE_MALFORMED);
  const inner = load<u32>(at, CHANNEL_HEADER);
  if (inner == 0 || inner > 4) return drop(DROP_OUTSIDE_MALFORMED);
  const number = load<u32>(at, 4);
  const leg = findLeg(number);
  if (leg < 0) return refuse(DROP_CHANNEL_UNKNOWN, number, message, now);
  if (leg >= CIRCUIT_LEGS) {
    const where = message | ((leg + 1) << WHERE_LEG);
    if (inner == 4) transport(at + CHANNEL_HEADER, bytes - CHANNEL_HEADER, where, now);
    else handshake(at + CHANNEL_HEADER, bytes - CHANNEL_HEADER, inner, where);
    return;
  }
  const member = memberOf(leg);
  const name = <usize>RECEIVE_NAMES + message * NAME_BYTES;
  if (!member || load<u32>(member, PEER_CHANNEL) || !sameEnd(member, name)) {
    return refuse(DROP_CHANNEL_SOURCE, number, message, now);
  }
  relay(leg, at, bytes, now);
}

// @ts-ignore: decorator
@inline
function transport(at: usize, bytes: u32, where: u32, now: f64): void {
  const session = findSession(load<u32>(at, 4));
  if (session < 0) return drop(DROP_UNKNOWN_INDEX);
  const row = sessionRow(session);
  if (now >= load<f64>(row, 64)) return drop(DROP_EXPIRED);
  const counter = load<u64>(at, 8);
  if (!fresh(session, load<u64>(row, 104), counter)) return drop(DROP_REPLAY);
  if (packets >= <u32>DESCRIPTORS_MAX) return drop(DROP_OUTSIDE_MALFORMED);
  const descriptor = DESCRIPTORS + packets * DESCRIPTOR_BYTES;
  store<u32>(descriptor, <u32>at + TRANSPORT_HEADER);
  store<u32>(descriptor, bytes - TRANSPORT_BYTES_MIN, 4);
  store<u32>(descriptor, <u32>row + 32, 8);
  store<u32>(descriptor, 0, 12);
  store<u64>(descriptor, counter, 16);
  store<u32>(descriptor, session, 24);
  store<u32>(descriptor, where, 28);
  packets++;
}

/** Phase two; returns the number of entries for the TUN. */
export function finish(now: f64): u32 {
  clearEntries();
  for (let i: u32 = 0; i < packets; i++) {
    const descriptor = DESCRIPTORS + i * DESCRIPTOR_BYTES;
    if (load<u32>(descriptor, 12) != 1) {
      drop(DROP_FORGED);
      continue;
    }
    const session = load<u32>(descriptor, 24);
    const row = sessionRow(session);
    const counter = load<u64>(descriptor, 16);
    const next = load<u64>(row, 104);
    if (!fresh(session, next, counter)) {
      drop(DROP_REPLAY);
      continue;
    }
    store<u64>(row, accept(session, next, counter), 104);
    authentic(descriptor, session, row, now);
  }
  packets = 0;
  return finishEntries();
}

function authentic(descriptor: usize, session: u32, row: usize, now: f64): void {
  const text: usize = load<u32>(descriptor);
  const length = load<u32>(descriptor, 4);
  const owner = load<u32>(row, 96);
  const peer = peerRow(owner);
  raise(session, row, peer, now);
  follow(owner, peer, load<u32>(descriptor, 28), now);
  const nibble: u32 = length ? load<u8>(text) >> 4 : 0;
  const frame = nibble >= 8 && nibble <= 11;
  // Control frames are no user's traffic: they keep no timer of WireGuard's going.
  touch(session, row, length + TRANSPORT_BYTES_MIN, length && !frame ? 1 : 0);
  if (length == 0) return; // a keepalive
  if (frame) {
    if (!(load<u8>(peer, PEER_FLAGS) & PEER_MEMBER)) return drop(DROP_FRAME_STRANGER);
    return note(NOTE_FRAME, owner, text, length | (load<u32>(descriptor, 28) << 16));
  }
  const bytes = innerLength(text, length, nibble);
  if (bytes == 0) return drop(DROP_INNER_MALFORMED);
  if (load<u32>(row, SESSION_FLAGS) & SESSION_BARE) return drop(DROP_BARE);
  const v6 = nibble == 6;
  if (route(text + (v6 ? 8 : 12), v6) != owner) return drop(DROP_INNER_SOURCE);
  addPacket(text, bytes);
}

/** What the packet says of its own length, 0 where that cannot be. */
function innerLength(ip: usize, length: u32, nibble: u32): u32 {
  let bytes: u32 = 0;
  if (nibble == 4 && length >= 20) {
    bytes = swap16(load<u16>(ip, 2));
    const header: u32 = (load<u8>(ip) & 15) << 2;
    if (header < 20 || bytes < header) return 0;
  } else if (nibble == 6 && length >= 40) {
    bytes = 40 + swap16(load<u16>(ip, 4));
  }
  return bytes <= length ? bytes : 0;
}

/** `confirmed` and `stale`, each once per session. */
function raise(session: u32, row: usize, peer: usize, now: f64): void {
  const marks = load<u32>(row, 100);
  let raised = marks;
  if (!(marks & SESSION_CONFIRMED) && load<u32>(peer, PEER_FRAME_SESSION) != session + 1) {
    raised |= SESSION_CONFIRMED;
    note(NOTE_CONFIRMED, session);
  }
  if (!(marks & SESSION_STALE) && now >= load<f64>(row, 80)) {
    raised |= SESSION_STALE;
    note(NOTE_STALE, session);
  }
  if (raised != marks) store<u32>(row, raised | SESSION_EXISTS, 100);
}

/** Compares where this came from with where the peer is; follows, or says so. */
function follow(owner: u32, peer: usize, where: u32, now: f64): void {
  const message = where & ((1 << WHERE_LEG) - 1);
  const leg = where >> WHERE_LEG;
  const through = leg ? channelOf(leg - 1) : 0;
  const name = <usize>RECEIVE_NAMES + message * NAME_BYTES;
  const source = <usize>RECEIVE_SOURCES + message * NAME_BYTES;
  const v4 = load<u16>(name) == AF_INET;
  const marks = load<u8>(peer, PEER_FLAGS);
  if (load<u32>(peer, PEER_CHANNEL) == through && samePlace(peer, name, source, v4, marks)) return;
  if (marks & PEER_ROAMS) {
    memory.copy(peer, name, 28);
    store<u8>(peer, v4 ? 16 : 28, PEER_NAME_LENGTH);
    store<u8>(peer, <u8>slot, PEER_SLOT);
    memory.copy(peer + PEER_SOURCE, source, 20);
    store<u8>(peer, (marks & ~PEER_SINGLE) | PEER_PINNED, PEER_FLAGS);
    store<u32>(peer, CHANNEL_TYPE, PEER_CHANNEL_HEADER);
    store<u32>(peer, through, PEER_CHANNEL);
    note(NOTE_ROAMED, owner, where);
  } else if (marks & PEER_MEMBER && <u32>(<u64>now) - load<u32>(peer, 80) >= SEEN_GAP_MS) {
    store<u32>(peer, <u32>(<u64>now), 80);
    note(NOTE_SEEN, owner, where);
  }
}

/** Whether the member is there; which of our addresses it came to does not matter. */
function sameEnd(peer: usize, name: usize): bool {
  if (load<u8>(peer, PEER_SLOT) != slot || load<u64>(peer) != load<u64>(name)) return false;
  if (load<u16>(name) == AF_INET) return true;
  const addresses = v128.xor(v128.load(peer, 8), v128.load(name, 8));
  return !v128.any_true(addresses) && load<u32>(peer, 24) == load<u32>(name, 24);
}

function samePlace(peer: usize, name: usize, source: usize, v4: bool, marks: u32): bool {
  if (load<u8>(peer, PEER_NAME_LENGTH) == 0 || load<u8>(peer, PEER_SLOT) != slot) return false;
  if (load<u64>(peer) != load<u64>(name)) return false;
  const pinned = (marks & PEER_PINNED) != 0;
  if (v4) return pinned ? load<u32>(peer, 32) == load<u32>(source) : !(marks & PEER_ROAMS);
  const addresses = v128.xor(v128.load(peer, 8), v128.load(name, 8));
  if (v128.any_true(addresses) || load<u32>(peer, 24) != load<u32>(name, 24)) return false;
  if (!pinned) return !(marks & PEER_ROAMS);
  return !v128.any_true(v128.xor(v128.load(peer, 32), v128.load(source)));
}
