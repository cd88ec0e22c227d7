// Inside to outside: one TUN read becomes sealed-to-be datagrams, each with a descriptor.
//
// A read may be a superpacket of up to 64 KiB (virtio_net_hdr with a GSO type), which is cut into
// the segments that would have been on the wire, with their lengths, IDs, sequence numbers, flags
// and checksums. Where OUT is full the job pauses; the caller seals and sends, then resumes it.

import {
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  DROP_COUNTER_SPENT,
  DROP_INSIDE_MALFORMED,
  DROP_NO_PLACE,
  DROP_NO_ROUTE,
  NOTE_STALE,
  NOTE_WANT,
  PEER_FLAGS,
  PEER_FRAME_SESSION,
  PEER_MEMBER,
  PEER_NAME_LENGTH,
  PEER_SECOND,
  PEER_SESSION,
  PEER_WANTED,
  TUN_READ,
  VNET_HEADER_BYTES,
} from '../layout';
import { copySum, fold, pseudoHeader, sealIpv4Header, sum, swap16 } from './checksum';
import { drop, note } from './notes';
import { route } from './routes';
import { peerRow, SESSION_STALE, sessionRow, touch } from './tables';
import { join, joinCopy, reserveOut } from './train';
import { wait } from './waiting';

/** Takes `count` counters of the session; returns the first, or -1: none are left. */
// @ts-ignore: decorator
@external('env', 'reserve')
declare function reserve(session: u32, count: u32): f64;

const NEEDS_CHECKSUM: u32 = 1;
const GSO_TCP4: u32 = 1;
const GSO_TCP6: u32 = 4;
const GSO_UDP: u32 = 5;
const TCP: u32 = 6;
const UDP: u32 = 17;
const FIN_PSH: u32 = 0x09;
const CWR: u32 = 0x80;

export const DONE: u32 = 0;
export const FULL: u32 = 1;

let vnet: u32 = VNET_HEADER_BYTES;
let mtu: u32 = 1420;
let descriptors: u32 = 0;

// The job: one TUN read on its way through.
let ip: usize = 0;
let length: u32 = 0; // of the packet
let offset: u32 = 0; // of the payload not yet sent
let headers: u32 = 0; // bytes of IP and transport header; 0: the packet leaves as it is
let transport: u32 = 0; // where the transport header begins
let segment: u32 = 0; // payload bytes of each segment
let tcp: bool = false;
let v6: bool = false;
let peer: u32 = 0;
let place: usize = 0; // row of where it goes
let second: usize = 0; // row of where a copy goes, 0: none
let session: u32 = 0;
let counter: u64 = 0;
let sequence: u32 = 0;
let identification: u32 = 0;
let flags: u32 = 0;

export function setVnet(on: bool): void {
  vnet = on ? VNET_HEADER_BYTES : 0;
}

export function setMtu(bytes: u32): void {
  mtu = bytes;
}

/** How many descriptors wait to be sealed; the table is empty afterwards. */
export function takeDescriptors(): u32 {
  const count = descriptors;
  descriptors = 0;
  return count;
}

/** Begins with the TUN read of `bytes` bytes; FULL: send, then `resume`. */
export function transmit(bytes: u32, now: f64): u32 {
  offset = length = 0;
  if (bytes < vnet + 20) return refuse(DROP_INSIDE_MALFORMED);
  ip = <usize>TUN_READ + vnet;
  length = bytes - vnet;
  const version = load<u8>(ip) >> 4;
  v6 = version == 6;
  if ((!v6 && version != 4) || (v6 && length < 40)) return refuse(DROP_INSIDE_MALFORMED);
  const found = route(v6 ? ip + 24 : ip + 16, v6);
  if (found < 0) return refuse(DROP_NO_ROUTE);
  peer = found;
  const row = peerRow(peer);
  const used = load<u32>(row, PEER_SESSION);
  if (used == 0 || now >= load<f64>(sessionRow(used - 1), 64)) return hold(row, bytes);
  session = used - 1;
  if (load<u8>(row, PEER_NAME_LENGTH) == 0) {
    // To a member main finds a way, as it finds a session; nobody looks for a stock peer.
    return load<u8>(row, PEER_FLAGS) & PEER_MEMBER ? hold(row, bytes) : refuse(DROP_NO_PLACE);
  }
  place = row;
  second = load<u32>(row, PEER_SECOND);
  if (!prepare()) return refuse(DROP_INSIDE_MALFORMED);
  const count = headers ? (length - headers + segment - 1) / segment : 1;
  return begin(count, now) ? resume() : DONE;
}

function refuse(reason: u32): u32 {
  offset = length = 0;
  drop(reason);
  return DONE;
}

function hold(row: usize, bytes: u32): u32 {
  wait(peer, bytes);
  const marks = load<u8>(row, PEER_FLAGS);
  if (!(marks & PEER_WANTED)) {
    store<u8>(row, marks | PEER_WANTED, PEER_FLAGS);
    note(NOTE_WANT, peer);
  }
  length = 0;
  return DONE;
}

/** Takes counters for `count` datagrams. */
function begin(count: u32, now: f64): bool {
  const first = reserve(session, count);
  if (first < 0) {
    refuse(DROP_COUNTER_SPENT);
    return false;
  }
  counter = <u64>first;
  const row = sessionRow(session);
  const marks = load<u32>(row, 100);
  if (now >= load<f64>(row, 72) && !(marks & SESSION_STALE)) {
    store<u32>(row, marks | SESSION_STALE, 100);
    note(NOTE_STALE, session);
  }
  return true;
}

/** Reads the virtio_net_hdr; false: it lies about the packet. Its hdr_len is not to be trusted. */
function prepare(): bool {
  headers = 0;
  if (!vnet) return true;
  const type = load<u8>(TUN_READ, 1) & 0x7f;
  const start: u32 = load<u16>(TUN_READ, 6);
  const field = start + load<u16>(TUN_READ, 8);
  if (type == 0) {
    if (!(load<u8>(TUN_READ) & NEEDS_CHECKSUM)) return true;
    if (field + 2 > length || start > length) return false;
    completeChecksum(start, field);
    return true;
  }
  segment = load<u16>(TUN_READ, 4);
  tcp = type == GSO_TCP4 || type == GSO_TCP6;
  if ((!tcp && type != GSO_UDP) || segment == 0 || (type == GSO_TCP4 && v6)) return false;
  if (type == GSO_TCP6 && !v6) return false;
  const network: u32 = v6 ? 40 : (load<u8>(ip) & 15) << 2;
  if (network < 20 || start < network || (!v6 && start != network)) return false;
  transport = start;
  if (transport + (tcp ? 20 : 8) > length) return false;
  headers = transport + (tcp ? (load<u8>(ip + transport, 12) >> 4) << 2 : 8);
  if (headers >= length || headers < transport + (tcp ? 20 : 8)) return false;
  offset = headers;
  sequence = tcp ? bswap(load<u32>(ip + transport, 4)) : 0;
  identification = v6 ? 0 : swap16(load<u16>(ip, 4));
  flags = tcp ? load<u8>(ip + transport, 13) : 0;
  store<u16>(ip + transport + (tcp ? 16 : 6), 0);
  return true;
}

/** The field holds the sum of the pseudo-header. */
function completeChecksum(start: u32, field: u32): void {
  const value = ~fold(sum(ip + start, length - start)) & 0xffff;
  store<u16>(ip + field, <u16>(value ? value : 0xffff)); // 0 would mean "none" to UDP
}

/** Goes on where OUT was full. */
export function resume(): u32 {
  if (headers == 0) {
    if (length == 0) return DONE;
    const text = padded(length);
    const at = reserveOut(text + 32);
    if (!at) return FULL;
    memory.copy(at + 16, ip, length);
    emit(at, length, text, 1);
    length = 0;
    return DONE;
  }
  while (offset < length) {
    const rest = length - offset;
    const payload = rest < segment ? rest : segment;
    const text = padded(headers + payload);
    const at = reserveOut(text + 32);
    if (!at) return FULL;
    cut(at + 16, payload, payload == rest);
    emit(at, headers + payload, text, 1);
    offset += payload;
  }
  return DONE;
}

/** Writes the segment with `payload` bytes from `offset` on. */
function cut(to: usize, payload: u32, last: bool): void {
  const total = headers + payload;
  const at = to + transport;
  memory.copy(to, ip, headers);
  if (v6) {
    store<u16>(to, <u16>swap16(total - 40), 4);
  } else {
    store<u16>(to, <u16>swap16(total), 2);
    store<u16>(to, <u16>swap16(identification & 0xffff), 4);
    identification++;
    sealIpv4Header(to, transport);
  }
  if (tcp) {
    let bits = flags;
    if (!last) bits &= ~FIN_PSH;
    if (offset != headers) bits &= ~CWR;
    store<u32>(at, bswap(sequence), 4);
    store<u8>(at, <u8>bits, 13);
    sequence += payload;
  } else {
    store<u16>(at, <u16>swap16(payload + 8), 4);
  }
  const body = copySum(to + headers, ip + offset, payload);
  const head = sum(at, headers - transport);
  const pseudo = pseudoHeader(to, v6, tcp ? TCP : UDP, total - transport);
  const value = ~fold(pseudo + head + body) & 0xffff;
  store<u16>(at + (tcp ? 16 : 6), <u16>(value || tcp ? value : 0xffff));
}

/** Padding to 16 bytes, but never past the MTU of the TUN (paper, section 5.4.6). */
// @ts-ignore: decorator
@inline
function padded(bytes: u32): u32 {
  const full = (bytes + 15) & ~15;
  return full <= mtu ? full : bytes > mtu ? bytes : mtu;
}

/** The packet lies 16 bytes behind `at`: padding, header, descriptor, a place in a train. */
function emit(at: usize, bytes: u32, text: u32, data: u32): void {
  for (let i = bytes; i < text; i++) store<u8>(at + 16 + i, 0);
  const row = sessionRow(session);
  store<u32>(at, 4);
  store<u32>(at, load<u32>(row, 92), 4);
  store<u64>(at, counter, 8);
  const descriptor = DESCRIPTORS + descriptors * DESCRIPTOR_BYTES;
  store<u32>(descriptor, <u32>(at + 16));
  store<u32>(descriptor, text, 4);
  store<u32>(descriptor, <u32>row, 8);
  store<u32>(descriptor, 0, 12);
  store<u64>(descriptor, counter, 16);
  store<u32>(descriptor, session, 24);
  store<u32>(descriptor, 0, 28);
  descriptors++;
  counter++;
  touch(session, row, text + 32, data);
  join(place, at, text + 32);
  if (second) joinCopy(second, at, text + 32);
}

/**
 * Seals `bytes` bytes at `from` for the peer (0: a keepalive), `pad` bytes where that is more.
 * `via`: row of the place it goes to, 0: the peer's. False: no session, no place, or no room.
 */
export function transmitFrame(
  to: u32,
  via: usize,
  from: usize,
  bytes: u32,
  pad: u32,
  now: f64,
): bool {
  const row = peerRow(to);
  const used = load<u32>(row, PEER_FRAME_SESSION);
  if (used == 0 || now >= load<f64>(sessionRow(used - 1), 64)) return false;
  place = via ? via : row;
  second = 0;
  if (load<u8>(place, PEER_NAME_LENGTH) == 0) return false;
  const full = padded(bytes);
  const text = pad > full ? pad : full;
  const at = reserveOut(text + 32);
  if (!at) return false;
  peer = to;
  session = used - 1;
  if (!begin(1, now)) return false;
  memory.copy(at + 16, from, bytes);
  emit(at, bytes, text, 0);
  return true;
}
