// A worker's first packets must not pay for V8's getting to know its code: made-up packets go the
// whole way, from a TUN to a socket and back, until V8 has optimised what they pass. The worker
// does that in slices between its real packets, so nobody waits for the end of it.
//
// TUN and socket are AF_UNIX datagram sockets that only this thread has, so nothing leaves the
// process, whatever network namespace it is in. Session and peer stand in the last rows, and only
// during a slice, since everybody knows the key; what is noted goes into a record of its own.
//
// V8 throws optimised code away at the first thing that it has not seen while it made it. So there
// are packets of every kind: short and long, superpackets, copies, handshakes, and useless ones.

import { setFlagsFromString } from 'node:v8';
import { monotonic } from './clock.js';
import { SendCounters } from './counter.js';
import type { Judge } from './engines/judge.js';
import { Gate } from './gate.js';
import {
  PEER_BYTES,
  PEER_EXISTS,
  PEER_FLAGS,
  PEER_FRAME_SESSION,
  PEER_NAME_LENGTH,
  PEER_SESSION,
  PEERS,
  PEERS_MAX,
  SCRATCH,
  SEND_MESSAGES,
  SESSION_BYTES,
  SESSIONS,
  SESSIONS_MAX,
} from './layout.js';
import { Ledger } from './ledger.js';
import type { Loop, LoopParts } from './loop.js';
import type { Memory } from './memory.js';
import type { PlaneEvent } from './orders.js';
import { Receiver } from './receiver.js';
import { ROUTES_VERSION, SharedMemory } from './sharedmemory.js';
import { Scratch, sys } from './syscalls.js';
import { Transmitter } from './transmitter.js';
import { plainPacket, superpacket } from './warmpackets.js';

export const WARM_PEER = PEERS_MAX - 1;
export const WARM_SESSION = SESSIONS_MAX - 1;

const AF_UNIX = 1;
const DATAGRAM = 2 | 0x800 | 0x80000; // SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
const EVENTFD_FLAGS = 0x80800; // EFD_CLOEXEC | EFD_NONBLOCK
const INDEX = 0x6b697468;
const HANDSHAKE_BYTES = 148n;

const SLICE_MS = 0.5;
const WARM_MS = 300; // in all, on slow machines and on busy ones
const FRESH = 8; // one slice in so many has noble check it, which takes its time
const ROUNDS_MAX = 1_500;
const RARE = 8; // one round in so many is one of the rarer kinds

// How much a function may run before V8 looks at it again: little, and what is usual (as
// `node --v8-options` says it). It holds for all threads, therefore only for so long. Node 20
// counts bytes of code; from V8 12 on it is calls, for each of the two compilers.
const COUNTS_CALLS = Number.parseInt(process.versions.v8, 10) >= 12;
const CALLS = ['--invocation-count-for-maglev', '--invocation-count-for-turbofan'];
const EAGER = COUNTS_CALLS ? [`${CALLS[0]}=12`, `${CALLS[1]}=90`] : ['--interrupt-budget=2000'];
export const USUAL = COUNTS_CALLS
  ? [`${CALLS[0]}=400`, `${CALLS[1]}=3000`]
  : ['--interrupt-budget=67584'];

/** Of what a loop is made of, what is ours and not the real one. */
export type WarmParts = Pick<LoopParts, 'tun' | 'eventfd' | 'shared' | 'transmitter' | 'receiver'>;

export type WarmUpOptions = Readonly<{
  memory: Memory;
  judge: Judge;
  vnet: boolean;
  /** The very function that real packets have: V8 looks at identities. */
  raise: (event: PlaneEvent) => void;
  makeLoop: (parts: WarmParts) => Loop;
}>;

export class WarmUp {
  /** The record of what the made-up packets do. */
  readonly shared = new SharedMemory();
  readonly counters = new SendCounters(this.shared.counters, () => {});
  slices = 0;
  private readonly transmitter: Transmitter;
  private readonly loop: Loop;
  private readonly tun: number;
  private readonly kernel: number; // the TUN's other end
  private readonly bell: number; // an eventfd, as main rings
  private readonly socket: number;
  private readonly name: Uint8Array; // of the socket
  private readonly usual: readonly Uint8Array[];
  private readonly rare: readonly (readonly Uint8Array[])[];
  private round = 0;
  private spent = 0;
  private open = true;

  constructor(private readonly options: WarmUpOptions) {
    const { memory, judge, vnet, raise, makeLoop } = options;
    const { shared } = this;
    [this.tun, this.kernel] = openPair();
    [this.socket, this.name] = openSelf();
    this.bell = sys.eventfd(0, EVENTFD_FLAGS);
    shared.slots[0] = this.socket;
    const ledger = new Ledger(memory, shared, 0, raise);
    const gate = new Gate(memory, shared, ledger, () => {});
    gate.setIdentity(new Uint8Array(32).fill(9));
    const transmitter = new Transmitter(memory, shared, ledger, judge);
    const receiver = new Receiver(memory, ledger, judge, gate, transmitter);
    this.transmitter = transmitter;
    this.loop = makeLoop({ tun: this.tun, eventfd: this.bell, shared, transmitter, receiver });
    this.usual = [plainPacket(vnet, 64)];
    const useless = new Uint8Array(60);
    const two = [plainPacket(vnet, 64), plainPacket(vnet, 300)];
    this.rare = [[plainPacket(vnet, 1_200)], [useless], two];
    // A socket of this kind holds eleven datagrams (net.unix.max_dgram_qlen).
    if (vnet) this.rare = [...this.rare, [superpacket(3), superpacket(6)]];
    for (const flag of EAGER) setFlagsFromString(flag);
  }

  /**
   * Every route has to lead to WARM_PEER meanwhile, and afterwards the caller's loop has to set up
   * what it polls again. False: that was the last one.
   */
  slice(): boolean {
    this.slices++;
    const began = monotonic();
    const able = this.open && this.tun >= 0 && this.socket >= 0 && this.hasRoom();
    if (able) {
      this.begin();
      do this.once();
      while (monotonic() - began < SLICE_MS);
      this.end();
    }
    this.spent += monotonic() - began;
    if (able && this.round < ROUNDS_MAX && this.spent < WARM_MS) return true;
    this.close();
    return false;
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    for (const flag of USUAL) setFlagsFromString(flag);
    for (const fd of [this.tun, this.kernel, this.socket, this.bell]) if (fd >= 0) sys.close(fd);
  }

  /** There and back. */
  private once(): void {
    const { memory } = this.options;
    const { kernel, loop, shared } = this;
    const round = this.round++;
    const reads = round % RARE === 0 ? this.rare[(round / RARE) % this.rare.length] : this.usual;
    for (const read of reads ?? this.usual) {
      memory.bytes.set(read, SCRATCH);
      sys.write(kernel, memory.base + SCRATCH, read.length);
    }
    shared.armed[WARM_PEER] = round & 1;
    loop.step(monotonic() - (round & 1), 0); // a pause before, or none
    if (round % RARE === 1) this.sendAgain();
    loop.step(monotonic(), 0);
    while (sys.read(kernel, memory.base + SCRATCH, 4096) > 0);
  }

  /** The datagram just sent, once more, and then as a handshake with a wrong mac1. */
  private sendAgain(): void {
    const { base, bytes, view } = this.options.memory;
    const vector = Number(view.getBigUint64(SEND_MESSAGES + 16, true)) - base;
    const datagram = Number(view.getBigUint64(vector, true)) - base;
    sys.sendmsg(this.socket, base + SEND_MESSAGES, 0);
    bytes[datagram] = 1;
    view.setBigUint64(vector + 8, HANDSHAKE_BYTES, true);
    sys.sendmsg(this.socket, base + SEND_MESSAGES, 0);
  }

  /** The last rows are free: else nobody may touch them. */
  private hasRoom(): boolean {
    const { bytes } = this.options.memory;
    const peer = PEERS + WARM_PEER * PEER_BYTES;
    const session = SESSIONS + WARM_SESSION * SESSION_BYTES;
    const isFree = (byte: number) => byte === 0;
    return (
      bytes.subarray(peer, peer + PEER_BYTES).every(isFree) &&
      bytes.subarray(session, session + SESSION_BYTES).every(isFree)
    );
  }

  private begin(): void {
    const { memory } = this.options;
    const { bytes, words, wasm } = memory;
    const row = PEERS + WARM_PEER * PEER_BYTES;
    bytes.set(this.name, row);
    bytes[row + PEER_NAME_LENGTH] = this.name.length;
    bytes[row + PEER_FLAGS] = PEER_EXISTS;
    words[(row + PEER_SESSION) >> 2] = WARM_SESSION + 1;
    words[(row + PEER_FRAME_SESSION) >> 2] = WARM_SESSION + 1;
    const keys = SESSIONS + WARM_SESSION * SESSION_BYTES;
    bytes.fill(7, keys, keys + 64);
    // To be renewed at once: that is told, too.
    const never = Number.POSITIVE_INFINITY;
    wasm.beginSession(WARM_SESSION, WARM_PEER, INDEX, INDEX, never, 0, never);
    this.shared.raised[WARM_SESSION] = 0;
    if (this.slices % FRESH === 1) this.options.judge.begin(WARM_SESSION);
    wasm.routesChanged(); // what is remembered leads to real peers
    this.loop.rebuild();
    Atomics.add(this.shared.header, ROUTES_VERSION, 1);
    memory.view.setBigUint64(SCRATCH, 1n, true);
    sys.write(this.bell, memory.base + SCRATCH, 8);
    this.transmitter.release(WARM_PEER, monotonic());
  }

  private end(): void {
    const { bytes, wasm } = this.options.memory;
    wasm.endSession(WARM_SESSION);
    bytes.fill(0, PEERS + WARM_PEER * PEER_BYTES, PEERS + (WARM_PEER + 1) * PEER_BYTES);
    wasm.routesChanged();
    wasm.takeNotes();
  }
}

function openPair(): [number, number] {
  const { view, address } = new Scratch();
  if (sys.socketpair(AF_UNIX, DATAGRAM, 0, address) < 0) return [-1, -1];
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** A socket, and its name, which leads back to it: the kernel gives it one (unix(7), autobind). */
function openSelf(): [number, Uint8Array] {
  const fd = sys.socket(AF_UNIX, DATAGRAM, 0);
  const { bytes, view, address } = new Scratch();
  view.setUint16(0, AF_UNIX, true);
  view.setUint32(128, 110, true);
  if (fd < 0 || sys.bind(fd, address, 2) < 0) return [fd, new Uint8Array()];
  sys.getsockname(fd, address, address + 128);
  return [fd, bytes.slice(0, Math.min(28, view.getUint32(128, true)))];
}
