// Outside to inside, last step: packets of one flow that follow each other go to the TUN as one
// superpacket, written with one writev whose parts lie where they were opened.
//
// Entry, 32 bytes:
//   0 packet | 4 u16 transport | 6 u16 headers | 8 u16 segment | 10 u16 segments
//   12 next sequence | 16 length | 20 u8 open | 21 u8 protocol | 22 u8 push | 23 u8 coalescable
//   24 first part, then pointer of the iovecs | 28 last part, then count of the iovecs

import {
  ENTRIES,
  ENTRIES_MAX,
  ENTRY_BYTES,
  ENTRY_VECTORS,
  FLOWS,
  FLOWS_MAX,
  IOVEC_BYTES,
  SEGMENT_BYTES,
  SEGMENTS,
  VNET_HEADER_BYTES,
} from '../layout';
import { fold, pseudoHeader, sealIpv4Header, sum, swap16 } from './checksum';
import { getBase } from './train';

const SEGMENTS_MAX: u32 = 64;
const LENGTH_MAX: u32 = 65_535;
const TCP: u32 = 6;
const UDP: u32 = 17;
const PSH: u32 = 0x08;
const NOT_ACK_PSH: u32 = 0xe7; // FIN SYN RST URG ECE CWR
const IPV4_PLAIN: u32 = 0x45; // version 4, no options
const FRAGMENT: u32 = 0xffbf; // of the little-endian word: all but "don't fragment"

let vnet: bool = true;
let udpToo: bool = true;
let entries: u32 = 0;
let parts: u32 = 0;

/** vnet: the TUN takes virtio_net_hdr; udp: and superpackets of UDP. */
export function setCoalescing(on: bool, udp: bool): void {
  vnet = on;
  udpToo = udp;
}

export function clearEntries(): void {
  entries = parts = 0;
  memory.fill(FLOWS, 0, FLOWS_MAX << 2);
}

/** Adds an inner packet that is whole and whose length was checked. */
export function addPacket(ip: usize, length: u32): void {
  if (!vnet) {
    newEntry(ip, length);
    return;
  }
  const v6 = load<u8>(ip) >> 4 == 6;
  const transport: u32 = v6 ? 40 : 20;
  const protocol = protocolOf(ip, v6);
  if (protocol == 0 || length < transport + (protocol == TCP ? 20 : 8)) {
    newEntry(ip, length);
    return;
  }
  const bucket = FLOWS + (hash(ip, v6, transport) << 2);
  const previous = load<u32>(bucket);
  const headers = transport + (protocol == TCP ? (load<u8>(ip + transport, 12) >> 4) << 2 : 8);
  const able = coalescable(ip, length, v6, transport, headers, protocol);
  if (able && previous) {
    const entry = ENTRIES + (previous - 1) * ENTRY_BYTES;
    if (follows(entry, ip, length, v6, transport, headers, protocol)) {
      append(entry, ip, length, transport, headers, protocol);
      return;
    }
  }
  // What came before can no longer grow, so the order within a flow is kept.
  const entry = newEntry(ip, length);
  store<u32>(bucket, entries);
  store<u16>(entry, <u16>transport, 4);
  store<u16>(entry, <u16>headers, 6);
  store<u8>(entry, <u8>protocol, 21);
  if (!able) return;
  store<u16>(entry, <u16>(length - headers), 8);
  if (protocol == TCP) {
    store<u32>(entry, bswap(load<u32>(ip + transport, 4)) + (length - headers), 12);
    if (load<u8>(ip + transport, 13) & PSH) return;
  }
  store<u8>(entry, 1, 20);
}

/** TCP or UDP without IPv4 options or fragments, without IPv6 extension headers; else 0. */
function protocolOf(ip: usize, v6: bool): u32 {
  let protocol: u32 = 0;
  if (v6) protocol = load<u8>(ip, 6);
  else if (load<u8>(ip) == IPV4_PLAIN && !(load<u16>(ip, 6) & FRAGMENT)) protocol = load<u8>(ip, 9);
  return protocol == TCP || protocol == UDP ? protocol : 0;
}

function hash(ip: usize, v6: bool, transport: u32): u32 {
  let mixed = load<u64>(v6 ? ip + 8 : ip + 12);
  if (v6) mixed ^= load<u64>(ip, 16) ^ load<u64>(ip, 24) ^ load<u64>(ip, 32);
  mixed ^= mixed >> 32;
  return <u32>(((mixed ^ load<u32>(ip + transport)) * 0x9e3779b97f4a7c15) >> 56); // 256 buckets
}

/**
 * Whether it may be part of a superpacket at all. Its checksums must be right: a superpacket's are
 * made anew, which would launder a broken one.
 */
function coalescable(
  ip: usize,
  length: u32,
  v6: bool,
  transport: u32,
  headers: u32,
  protocol: u32,
): bool {
  if (protocol == TCP) {
    if (headers < transport + 20 || length <= headers) return false;
    if (load<u8>(ip + transport, 13) & NOT_ACK_PSH) return false;
  } else {
    if (!udpToo || length <= headers || load<u16>(ip + transport, 6) == 0) return false;
    if (swap16(load<u16>(ip + transport, 4)) != length - transport) return false;
  }
  if (!v6 && fold(sum(ip, 20)) != 0xffff) return false;
  const whole = pseudoHeader(ip, v6, protocol, length - transport);
  return fold(whole + sum(ip + transport, length - transport)) == 0xffff;
}

function follows(
  entry: usize,
  ip: usize,
  length: u32,
  v6: bool,
  transport: u32,
  headers: u32,
  protocol: u32,
): bool {
  const first: usize = load<u32>(entry);
  const payload = length - headers;
  if (!load<u8>(entry, 20) || load<u8>(entry, 21) != protocol) return false;
  if (load<u16>(entry, 6) != headers || payload > <u32>load<u16>(entry, 8)) return false;
  if (load<u16>(entry, 10) >= SEGMENTS_MAX) return false;
  if (load<u32>(entry, 16) + payload > LENGTH_MAX) return false;
  if (load<u8>(first) != load<u8>(ip)) return false;
  if (!(v6 ? sameIpv6(first, ip) : sameIpv4(first, ip))) return false;
  if (load<u32>(first + transport) != load<u32>(ip + transport)) return false; // ports
  return protocol == UDP || sameTcp(entry, first + transport, ip + transport, headers - transport);
}

/** Type of service, "don't fragment", time to live, addresses. */
function sameIpv4(a: usize, b: usize): bool {
  if (load<u8>(a, 1) != load<u8>(b, 1) || load<u16>(a, 6) != load<u16>(b, 6)) return false;
  return load<u8>(a, 8) == load<u8>(b, 8) && load<u64>(a, 12) == load<u64>(b, 12);
}

/** Traffic class, flow label, next header, hop limit, addresses. */
function sameIpv6(a: usize, b: usize): bool {
  if (load<u32>(a) != load<u32>(b) || load<u16>(a, 6) != load<u16>(b, 6)) return false;
  const source = v128.xor(v128.load(a, 8), v128.load(b, 8));
  return !v128.any_true(v128.or(source, v128.xor(v128.load(a, 24), v128.load(b, 24))));
}

/** The next sequence number, and the same acknowledgement, window and options. */
function sameTcp(entry: usize, a: usize, b: usize, bytes: u32): bool {
  if (load<u32>(entry, 12) != bswap(load<u32>(b, 4))) return false;
  if (load<u32>(a, 8) != load<u32>(b, 8) || load<u16>(a, 14) != load<u16>(b, 14)) return false;
  for (let i: u32 = 20; i < bytes; i += 4) {
    if (load<u32>(a + i) != load<u32>(b + i)) return false;
  }
  return load<u8>(a, 12) == load<u8>(b, 12);
}

function newEntry(ip: usize, length: u32): usize {
  if (entries >= <u32>ENTRIES_MAX) return ENTRIES; // as many as descriptors: cannot happen
  const entry = ENTRIES + entries * ENTRY_BYTES;
  memory.fill(entry, 0, ENTRY_BYTES);
  store<u32>(entry, <u32>ip);
  store<u32>(entry, length, 16);
  entries++;
  if (vnet) {
    memory.fill(ip - VNET_HEADER_BYTES, 0, VNET_HEADER_BYTES);
    addPart(entry, ip - VNET_HEADER_BYTES, length + VNET_HEADER_BYTES);
  } else {
    addPart(entry, ip, length);
  }
  return entry;
}

function addPart(entry: usize, at: usize, length: u32): void {
  const part = SEGMENTS + parts * SEGMENT_BYTES;
  parts++;
  store<u32>(part, <u32>at);
  store<u32>(part, length, 4);
  store<u32>(part, 0, 8);
  const last = load<u32>(entry, 28);
  if (last) store<u32>(SEGMENTS + (last - 1) * SEGMENT_BYTES, parts, 8);
  else store<u32>(entry, parts, 24);
  store<u32>(entry, parts, 28);
  store<u16>(entry, load<u16>(entry, 10) + 1, 10);
}

function append(
  entry: usize,
  ip: usize,
  length: u32,
  transport: u32,
  headers: u32,
  protocol: u32,
): void {
  const payload = length - headers;
  addPart(entry, ip + headers, payload);
  store<u32>(entry, load<u32>(entry, 16) + payload, 16);
  store<u32>(entry, load<u32>(entry, 12) + payload, 12);
  const push = protocol == TCP && (load<u8>(ip + transport, 13) & PSH) != 0;
  if (push) store<u8>(entry, 1, 22);
  if (push || payload < <u32>load<u16>(entry, 8)) store<u8>(entry, 0, 20);
}

/** Finishes headers and lays out the iovecs; returns the number of entries to be written. */
export function finishEntries(): u32 {
  let vector: usize = ENTRY_VECTORS;
  const base = getBase();
  for (let i: u32 = 0; i < entries; i++) {
    const entry = ENTRIES + i * ENTRY_BYTES;
    if (load<u16>(entry, 10) > 1) superpacket(entry);
    let number = load<u32>(entry, 24);
    store<u32>(entry, <u32>vector, 24);
    store<u32>(entry, load<u16>(entry, 10), 28);
    while (number) {
      const part = SEGMENTS + (number - 1) * SEGMENT_BYTES;
      store<u64>(vector, base + load<u32>(part));
      store<u64>(vector, load<u32>(part, 4), 8);
      vector += IOVEC_BYTES;
      number = load<u32>(part, 8);
    }
  }
  return entries;
}

function superpacket(entry: usize): void {
  const ip: usize = load<u32>(entry);
  const transport: u32 = load<u16>(entry, 4);
  const length = load<u32>(entry, 16);
  const v6 = load<u8>(ip) >> 4 == 6;
  const tcp = load<u8>(entry, 21) == TCP;
  const field: u32 = tcp ? 16 : 6;
  const header = ip - VNET_HEADER_BYTES;
  store<u8>(header, 1); // VIRTIO_NET_HDR_F_NEEDS_CSUM
  store<u8>(header, tcp ? (v6 ? 4 : 1) : 5, 1); // VIRTIO_NET_HDR_GSO_...
  store<u16>(header, load<u16>(entry, 6), 2);
  store<u16>(header, load<u16>(entry, 8), 4);
  store<u16>(header, <u16>transport, 6);
  store<u16>(header, <u16>field, 8);
  if (v6) {
    store<u16>(ip, <u16>swap16(length - 40), 4);
  } else {
    store<u16>(ip, <u16>swap16(length), 2);
    sealIpv4Header(ip, 20);
  }
  const at = ip + transport;
  if (!tcp) store<u16>(at, <u16>swap16(length - transport), 4);
  else if (load<u8>(entry, 22)) store<u8>(at, load<u8>(at, 13) | PSH, 13);
  const pseudo = pseudoHeader(ip, v6, tcp ? TCP : UDP, length - transport);
  store<u16>(at + field, <u16>fold(pseudo));
}
