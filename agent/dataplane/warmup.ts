// A worker's first packets must not pay for V8's getting to know its code: a few hundred rounds of
// made-up packets go the whole way, from a TUN to a socket and back, before the worker is ready.
//
// TUN and socket are AF_UNIX datagram sockets that only this thread has, so nothing leaves the
// process, whatever network namespace it is in. Session and peer stand in the last rows, and the
// record is kept in memory of its own; afterwards nothing of it is left.

import type { Engine } from './engines/engine.js';
import { Gate } from './gate.js';
import {
  PEER_BYTES,
  PEER_EXISTS,
  PEER_FLAGS,
  PEER_NAME_LENGTH,
  PEER_SESSION,
  PEERS,
  PEERS_MAX,
  SCRATCH,
  SESSION_BYTES,
  SESSIONS,
  SESSIONS_MAX,
  SLOT_GSO,
  VNET_HEADER_BYTES,
} from './layout.js';
import { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import { Receiver } from './receiver.js';
import { SharedMemory } from './sharedmemory.js';
import { Scratch, sys } from './syscalls.js';
import { Transmitter } from './transmitter.js';

export const WARM_PEER = PEERS_MAX - 1;
export const WARM_SESSION = SESSIONS_MAX - 1;

const AF_UNIX = 1;
const DATAGRAM = 2 | 0x800 | 0x80000; // SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
const INDEX = 0x6b697468;
const ROUNDS_MAX = 600;
const WARM_MS = 50; // slow machines: not at the price of a slow start

/** The caller has every route lead to WARM_PEER meanwhile. */
export function warmUp(memory: Memory, engine: Engine, vnet: boolean, now: () => number): void {
  const shared = new SharedMemory();
  const ledger = new Ledger(memory, shared, 0, () => {});
  const gate = new Gate(memory, shared, ledger, () => {});
  const transmitter = new Transmitter(memory, shared, ledger, engine);
  const receiver = new Receiver(memory, ledger, engine, gate);
  const pair = openPair();
  const socket = openSelf(memory);
  if (pair && socket >= 0) {
    shared.slots[0] = socket;
    begin(memory);
    const until = now() + WARM_MS;
    const reads = [small(vnet), ...(vnet ? [superpacket(5), superpacket(8)] : [])];
    for (let round = 0; round < ROUNDS_MAX && now() < until; round++) {
      for (const read of reads) {
        memory.bytes.set(read, SCRATCH);
        sys.write(pair[1], memory.base + SCRATCH, read.length);
      }
      for (let i = 0; i < reads.length; i++) {
        transmitter.pump(pair[0], 1, now());
        receiver.pump(socket, 0, pair[0], now());
        while (sys.read(pair[1], memory.base + SCRATCH, 4096) > 0);
      }
    }
    end(memory);
  }
  for (const fd of [...(pair ?? []), socket]) if (fd >= 0) sys.close(fd);
}

function openPair(): [number, number] | undefined {
  const { view, address } = new Scratch();
  if (sys.socketpair(AF_UNIX, DATAGRAM, 0, address) < 0) return undefined;
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** A socket that WARM_PEER's name leads back to: the kernel gives it one (unix(7), autobind). */
function openSelf(memory: Memory): number {
  const fd = sys.socket(AF_UNIX, DATAGRAM, 0);
  const { bytes, view, address } = new Scratch();
  view.setUint16(0, AF_UNIX, true);
  view.setUint32(128, 110, true);
  if (fd < 0 || sys.bind(fd, address, 2) < 0) return fd;
  sys.getsockname(fd, address, address + 128);
  const length = Math.min(28, view.getUint32(128, true));
  const row = PEERS + WARM_PEER * PEER_BYTES;
  memory.bytes.set(bytes.subarray(0, length), row);
  memory.bytes[row + PEER_NAME_LENGTH] = length;
  return fd;
}

function begin({ bytes, words, wasm }: Memory): void {
  const never = Number.POSITIVE_INFINITY;
  bytes.fill(
    7,
    SESSIONS + WARM_SESSION * SESSION_BYTES,
    SESSIONS + WARM_SESSION * SESSION_BYTES + 64,
  );
  wasm.beginSession(WARM_SESSION, WARM_PEER, INDEX, INDEX, never, never, never);
  const row = PEERS + WARM_PEER * PEER_BYTES;
  bytes[row + PEER_FLAGS] = PEER_EXISTS;
  words[(row + PEER_SESSION) >> 2] = WARM_SESSION + 1;
  bytes[SLOT_GSO] = 0; // what comes back would not be cut by GRO
}

function end({ bytes, wasm }: Memory): void {
  wasm.endSession(WARM_SESSION);
  bytes.fill(0, PEERS + WARM_PEER * PEER_BYTES, PEERS + (WARM_PEER + 1) * PEER_BYTES);
  wasm.routesChanged();
  wasm.takeNotes();
}

/** A ping's worth of UDP, as the TUN gives it. */
function small(vnet: boolean): Uint8Array {
  const packet = udp(64);
  if (!vnet) return packet;
  const read = new Uint8Array(VNET_HEADER_BYTES + packet.length);
  read.set(packet, VNET_HEADER_BYTES);
  return read;
}

/** UDP segments of 200 bytes in one read (virtio_net_hdr with GSO_UDP_L4). */
function superpacket(count: number): Uint8Array {
  const packet = udp(200 * count);
  const read = new Uint8Array(VNET_HEADER_BYTES + packet.length);
  read.set([1, 5, 28, 0, 200, 0, 20, 0, 6, 0]);
  read.set(packet, VNET_HEADER_BYTES);
  return read;
}

function udp(payload: number): Uint8Array {
  const packet = new Uint8Array(28 + payload);
  const view = new DataView(packet.buffer);
  packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
  view.setUint16(2, packet.length);
  view.setUint16(20, 9);
  view.setUint16(22, 9);
  view.setUint16(24, 8 + payload);
  return packet;
}
