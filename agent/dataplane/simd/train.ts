// Sealed datagrams to trains: runs of equal-size datagrams to one peer, of which only the last may
// be shorter, so that one UDP_SEGMENT message carries up to 64 of them.

import {
  DATAGRAM_BYTES,
  DATAGRAMS,
  DESCRIPTORS_MAX,
  IOVEC_BYTES,
  MMSGHDR_BYTES,
  OUT,
  OUT_BYTES,
  PEER_CHANNEL,
  PEER_CHANNEL_HEADER,
  PEER_NAME_LENGTH,
  PEER_PINNED,
  PEER_SINGLE,
  PEER_SLOT,
  PEER_FLAGS,
  SEND_CONTROL_BYTES,
  SEND_CONTROLS,
  SEND_MESSAGES,
  SEND_VECTORS,
  SLOT_GSO,
  TRAIN_BYTES,
  TRAINS,
  TRAINS_MAX,
} from '../layout';

const SEGMENTS_MAX: u32 = 64; // older kernels take no more
const BYTES_MAX: u32 = 65_000; // with IP and UDP header below 64 KiB
const CHANNEL_HEADER: u32 = 8;
const WEIGHT_MAX: u32 = DESCRIPTORS_MAX - 4; // one packet to two places, both by a channel

const AF_INET: u16 = 2;
const IPPROTO_IP: u32 = 0;
const IP_PKTINFO: u32 = 8;
const IPPROTO_IPV6: u32 = 41;
const IPV6_PKTINFO: u32 = 50;
const SOL_UDP: u32 = 17;
const UDP_SEGMENT: u32 = 103;
const CMSG_HEADER: usize = 16;

let base: u64 = 0; // address of the memory's first byte in this process
let out: u32 = 0; // bytes used of OUT
let datagrams: u32 = 0;
let weight: u32 = 0; // iovecs that the datagrams may need
let trains: u32 = 0;
let batch: u32 = 1;

export function setBase(address: u64): void {
  base = address;
}

export function getBase(): u64 {
  return base;
}

/** Where the next datagram is to be written; 0: no room for `bytes` more, send first. */
export function reserveOut(bytes: u32): usize {
  if (out + bytes > <u32>OUT_BYTES) return 0;
  return isFull() ? 0 : <usize>OUT + out;
}

// @ts-ignore: decorator
@inline
function isFull(): bool {
  return weight > WEIGHT_MAX || trains >= <u32>TRAINS_MAX - 1;
}

/** Appends the datagram at the reserved place to the open train of the place in this row. */
// @ts-ignore: decorator
@inline
export function join(row: usize, datagram: usize, bytes: u32): void {
  out += bytes;
  append(row, datagram, bytes);
}

/** The same datagram once more, to another place; room for one is left by `reserveOut`. */
export function joinCopy(row: usize, datagram: usize, bytes: u32): void {
  append(row, datagram, bytes);
}

/** One that lies elsewhere, channel header and all. False: no room. */
export function joinRelayed(row: usize, datagram: usize, bytes: u32): bool {
  if (isFull()) return false;
  append(row, datagram, bytes);
  return true;
}

function append(row: usize, datagram: usize, text: u32): void {
  const channel = load<u32>(row, PEER_CHANNEL);
  const bytes = channel ? text + CHANNEL_HEADER : text;
  weight += channel ? 2 : 1;
  const open = load<u32>(row, 76) == batch ? load<u32>(row, 72) : 0;
  const record = DATAGRAMS + datagrams * DATAGRAM_BYTES;
  store<u32>(record, <u32>datagram);
  store<u32>(record, text, 4);
  store<u32>(record, 0, 8);
  datagrams++;
  const train = TRAINS + (open - 1) * TRAIN_BYTES;
  if (open && fits(train, bytes)) {
    store<u32>(DATAGRAMS + (load<u32>(train, 16) - 1) * DATAGRAM_BYTES, datagrams, 8);
    store<u32>(train, load<u32>(train, 8) + 1, 8);
    store<u32>(train, datagrams, 16);
    store<u32>(train, load<u32>(train, 20) + bytes, 20);
    if (bytes < load<u32>(train, 4)) store<u32>(row, 0, 72); // the last wagon
  } else {
    start(row, bytes);
  }
}

// @ts-ignore: decorator
@inline
function fits(train: usize, bytes: u32): bool {
  if (bytes > load<u32>(train, 4) || load<u32>(train, 8) >= SEGMENTS_MAX) return false;
  return load<u32>(train, 20) + bytes <= BYTES_MAX;
}

function start(row: usize, bytes: u32): void {
  const train = TRAINS + trains * TRAIN_BYTES;
  const slot = load<u8>(row, PEER_SLOT);
  trains++;
  store<u32>(train, <u32>row);
  store<u32>(train, bytes, 4);
  store<u32>(train, 1, 8);
  store<u32>(train, datagrams, 12);
  store<u32>(train, datagrams, 16);
  store<u32>(train, bytes, 20);
  store<u32>(train, slot, 24);
  const single = load<u8>(row, PEER_FLAGS) & PEER_SINGLE || !load<u8>(<usize>SLOT_GSO + slot);
  store<u32>(row, single ? 0 : trains, 72);
  store<u32>(row, batch, 76);
}

/** Builds one mmsghdr per train, in the order in which they began; returns how many. */
export function buildTrains(): u32 {
  let vector: u32 = 0;
  for (let i: u32 = 0; i < trains; i++) {
    const train = TRAINS + i * TRAIN_BYTES;
    const vectors = layVectors(train, vector);
    const message = SEND_MESSAGES + i * MMSGHDR_BYTES;
    store<u64>(message, base + SEND_VECTORS + vector * IOVEC_BYTES, 16);
    store<u64>(message, vectors, 24);
    const segment = load<u32>(train, 8) > 1 ? load<u32>(train, 4) : 0;
    address(message, SEND_CONTROLS + i * SEND_CONTROL_BYTES, load<u32>(train), segment);
    vector += vectors;
  }
  const count = trains;
  out = datagrams = weight = trains = 0;
  batch++;
  return count;
}

/** Datagrams that lie back to back share an iovec, unless a channel's header goes before each. */
function layVectors(train: usize, first: u32): u32 {
  const row: usize = load<u32>(train);
  const header: u64 = load<u32>(row, PEER_CHANNEL) ? base + row + PEER_CHANNEL_HEADER : 0;
  let count: u32 = 0;
  let vector: usize = 0;
  let behind: u64 = 0;
  for (let number = load<u32>(train, 12); number; ) {
    const record = DATAGRAMS + (number - 1) * DATAGRAM_BYTES;
    const at = base + load<u32>(record);
    const bytes = load<u32>(record, 4);
    if (header) {
      vector = SEND_VECTORS + (first + count) * IOVEC_BYTES;
      store<u64>(vector, header);
      store<u64>(vector, CHANNEL_HEADER, 8);
      count++;
    }
    if (count && at == behind && !header) {
      store<u64>(vector, load<u64>(vector, 8) + bytes, 8);
    } else {
      vector = SEND_VECTORS + (first + count) * IOVEC_BYTES;
      store<u64>(vector, at);
      store<u64>(vector, bytes, 8);
      count++;
    }
    behind = at + bytes;
    number = load<u32>(record, 8);
  }
  return count;
}

/** Name and control messages of a message to this place; segment 0: no train. */
function address(message: usize, control: usize, row: usize, segment: u32): void {
  store<u64>(message, base + row);
  store<u32>(message, load<u8>(row, PEER_NAME_LENGTH), 8);
  let length: usize = 0;
  if (load<u8>(row, PEER_FLAGS) & PEER_PINNED) length = pin(control, row);
  if (segment) {
    const at = control + length;
    store<u64>(at, CMSG_HEADER + 2);
    store<u32>(at, SOL_UDP, 8);
    store<u32>(at, UDP_SEGMENT, 12);
    store<u64>(at, segment, 16);
    length += CMSG_HEADER + 8;
  }
  store<u64>(message, length ? base + control : 0, 32);
  store<u64>(message, length, 40);
}

/**
 * Only the address is pinned, not the interface: bound to an interface, the kernel would take a
 * destination that it has no route to for a neighbour. A link-local address needs it, though.
 */
function pin(control: usize, row: usize): usize {
  memory.fill(control, 0, 40);
  if (load<u16>(row) == AF_INET) {
    store<u64>(control, CMSG_HEADER + 12);
    store<u32>(control, IPPROTO_IP, 8);
    store<u32>(control, IP_PKTINFO, 12);
    store<u32>(control, load<u32>(row, 32), 20); // ipi_spec_dst
    return CMSG_HEADER + 16;
  }
  store<u64>(control, CMSG_HEADER + 20);
  store<u32>(control, IPPROTO_IPV6, 8);
  store<u32>(control, IPV6_PKTINFO, 12);
  memory.copy(control + 16, row + 32, 16);
  if (load<u8>(row, 32) == 0xfe) store<u32>(control, load<u32>(row, 48), 32);
  return CMSG_HEADER + 24;
}
