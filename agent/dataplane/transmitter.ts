// Inside to outside: reads the TUN, has packets framed, sealed and sent as trains.

import { dropNumber } from './drops.js';
import type { Engine } from './engines/engine.js';
import {
  MMSGHDR_BYTES,
  PEER_BYTES,
  PEER_CHANNEL,
  PEER_FLAGS,
  PEER_PINNED,
  PEER_SINGLE,
  PEER_SLOT,
  PEER_WAITING,
  PEERS,
  SCRATCH,
  SEND_MESSAGES,
  SLOT_GSO,
  TRAIN_BYTES,
  TRAINS,
  TUN_READ,
  TUN_READ_BYTES,
} from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import type { SharedMemory } from './sharedmemory.js';
import { AF_INET } from './sockaddr.js';
import { setFragmenting } from './socket.js';
import {
  EADDRNOTAVAIL,
  EHOSTUNREACH,
  EINTR,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENETUNREACH,
  ENODEV,
  errno,
  sys,
} from './syscalls.js';

const FULL = 1; // simd/transmit.ts
const SEND_FAILED = dropNumber('send-failed');
const NO_SLOT = dropNumber('no-slot');
const ALARM = dropNumber('alarm');
const NO_SESSION = dropNumber('frame-no-session');
const FRAME = SCRATCH; // where a control frame passes
export const FRAME_BYTES_MAX = 1_500;
export const PAD_BYTES_MAX = 65_000;

export class Transmitter {
  constructor(
    private readonly memory: Memory,
    private readonly shared: SharedMemory,
    private readonly ledger: Ledger,
    private readonly engine: Engine,
  ) {}

  /**
   * Up to `most` reads, sent together; the first by itself where it was quiet before. Returns errno
   * of the last one where it failed, 0 where there may be more.
   */
  pump(tun: number, most: number, now: number, quiet = false): number {
    const { base, wasm } = this.memory;
    let failure = 0;
    let reads = 0;
    for (; reads < most; reads++) {
      const bytes = sys.read(tun, base + TUN_READ, TUN_READ_BYTES);
      if (bytes <= 0) {
        failure = bytes < 0 ? errno() : EIO;
        break;
      }
      this.finishJob(wasm.transmit(bytes, now), now);
      if (quiet && reads === 0) this.flush(now);
    }
    if (reads > (quiet ? 1 : 0)) this.flush(now);
    return failure;
  }

  /** Sends what waited for a session with this peer, or a way to it. */
  release(peer: number, now: number): void {
    const { wasm, words } = this.memory;
    // No more than wait now: what cannot go after all waits again, behind the others.
    for (let left = words[waitingWord(peer)] ?? 0; left > 0; left--) {
      const bytes = wasm.takeWaiting(peer);
      if (bytes > 0) this.finishJob(wasm.transmit(bytes, now), now);
    }
    this.flush(now);
  }

  /**
   * Seals a control frame, or, without bytes, a keepalive. `via`: the row of the place it goes to,
   * 0: the peer's own. Padded to `pad` bytes, it goes out unfragmented or not at all.
   */
  frame(peer: number, frame: Uint8Array, now: number, via = 0, pad = 0): void {
    if (frame.length > FRAME_BYTES_MAX) throw new RangeError(`"frame" has ${frame.length} bytes`);
    if (pad > PAD_BYTES_MAX) throw new RangeError(`"pad" is ${pad}`);
    const { bytes, wasm } = this.memory;
    const row = via || PEERS + peer * PEER_BYTES;
    bytes.set(frame, FRAME);
    if (!wasm.transmitFrame(peer, via, FRAME, frame.length, pad, now)) this.ledger.drop(NO_SESSION);
    if (pad > 0) this.flushWhole(row, now);
    else this.flush(now);
  }

  private flushWhole(row: number, now: number): void {
    const { bytes } = this.memory;
    const fd = this.shared.slots[bytes[row + PEER_SLOT] ?? 0] ?? -1;
    const v4 = bytes[row] === AF_INET;
    if (fd >= 0) setFragmenting(fd, v4, false);
    this.flush(now);
    if (fd >= 0) setFragmenting(fd, v4, true);
  }

  private finishJob(state: number, now: number): void {
    for (let at = state; at === FULL; at = this.memory.wasm.resume()) this.flush(now);
  }

  /** Seals and sends all that has been framed. */
  flush(now: number): void {
    const { wasm } = this.memory;
    const packets = wasm.takeDescriptors();
    const good = packets === 0 || this.engine.seal(0, packets);
    const trains = wasm.buildTrains();
    this.ledger.sent(now);
    if (!good) {
      this.ledger.drop(ALARM, packets);
      return;
    }
    for (let first = 0; first < trains; ) {
      const slot = this.slotOf(first);
      let end = first + 1;
      while (end < trains && this.slotOf(end) === slot) end++;
      this.send(slot, first, end);
      first = end;
    }
  }

  private slotOf(train: number): number {
    return this.memory.words[(TRAINS + train * TRAIN_BYTES + 24) >> 2] ?? 0;
  }

  private send(slot: number, first: number, end: number): void {
    const fd = this.shared.slots[slot] ?? -1;
    if (fd < 0) {
      this.ledger.drop(NO_SLOT, end - first);
      return;
    }
    let retried = -1;
    for (let at = first; at < end; ) {
      const message = this.memory.base + SEND_MESSAGES + at * MMSGHDR_BYTES;
      const sent = sys.sendmmsg(fd, message, end - at, 0);
      if (sent > 0) {
        at += sent;
        continue;
      }
      const number = errno();
      if (number === EINTR) continue;
      if (at !== retried && this.repair(fd, slot, at, number)) {
        retried = at;
        continue;
      }
      if (!this.sendApart(fd, slot, at, number)) this.ledger.drop(SEND_FAILED);
      at++;
    }
  }

  /** A source address that is gone: the kernel is to choose another. True: worth another try. */
  private repair(_fd: number, _slot: number, train: number, number: number): boolean {
    if (!isSourceProblem(number)) return false;
    const { bytes, view } = this.memory;
    const row = this.memory.words[(TRAINS + train * TRAIN_BYTES) >> 2] ?? 0;
    const flags = row + PEER_FLAGS;
    const message = SEND_MESSAGES + train * MMSGHDR_BYTES;
    const control = Number(view.getBigUint64(message + 32, true)) - this.memory.base;
    if (control < 0) return false;
    // IP_PKTINFO takes 32 bytes, IPV6_PKTINFO 40; what follows is the segment size.
    const length = Number(view.getBigUint64(message + 40, true));
    const level = view.getUint32(control + 8, true);
    const pinned = level === 0 ? 32 : level === 41 ? 40 : 0;
    if (pinned === 0) return false;
    bytes[flags] = (bytes[flags] ?? 0) & ~PEER_PINNED;
    view.setBigUint64(message + 32, BigInt(this.memory.base + control + pinned), true);
    view.setBigUint64(message + 40, BigInt(length - pinned), true);
    return true;
  }

  /**
   * EMSGSIZE: segments are longer than the path's MTU, which the kernel only cuts where they come
   * alone. EIO: the device cannot checksum them. Sends the train's datagrams one by one, and makes
   * no more trains for this peer, or, after EIO, for this socket.
   */
  private sendApart(fd: number, slot: number, train: number, number: number): boolean {
    const { bytes, view, base } = this.memory;
    const record = (TRAINS + train * TRAIN_BYTES) >> 2;
    const [row = 0, segment = 0, count = 0] = this.memory.words.subarray(record, record + 3);
    if (count < 2 || (number !== EMSGSIZE && number !== EIO)) return false;
    if (number === EIO) {
      this.shared.gso[slot] = 0;
      bytes[SLOT_GSO + slot] = 0;
    }
    const flags = row + PEER_FLAGS;
    bytes[flags] = (bytes[flags] ?? 0) | PEER_SINGLE;
    const message = SEND_MESSAGES + train * MMSGHDR_BYTES;
    const vectors = Number(view.getBigUint64(message + 16, true)) - base;
    const parts = Number(view.getBigUint64(message + 24, true));
    const controls = view.getBigUint64(message + 40, true) - 24n; // without the segment size
    if (controls <= 0n) view.setBigUint64(message + 32, 0n, true);
    view.setBigUint64(message + 40, controls <= 0n ? 0n : controls, true);
    // Through a channel each datagram has two vectors: the channel's header, and itself.
    const each = this.memory.words[(row + PEER_CHANNEL) >> 2] ? 2 : 1;
    let failed = 0;
    for (let i = 0; i < parts; i += each) {
      const vector = vectors + 16 * i;
      let at = view.getBigUint64(vector, true);
      let left = Number(view.getBigUint64(vector + 8, true));
      view.setBigUint64(message + 16, BigInt(base + vector), true);
      view.setBigUint64(message + 24, BigInt(each), true);
      if (each === 2 && sys.sendmsg(fd, base + message, 0) < 0) failed++;
      while (each === 1 && left > 0) {
        const length = Math.min(left, segment);
        view.setBigUint64(vector, at, true);
        view.setBigUint64(vector + 8, BigInt(length), true);
        if (sys.sendmsg(fd, base + message, 0) < 0) failed++;
        at += BigInt(length);
        left -= length;
      }
    }
    if (failed > 0) this.ledger.drop(SEND_FAILED, failed);
    return true;
  }
}

/** Where it is counted how many packets wait for this peer. */
function waitingWord(peer: number): number {
  return (PEERS + peer * PEER_BYTES + PEER_WAITING) >> 2;
}

export function isSourceProblem(number: number): boolean {
  const problems = [EINVAL, ENETUNREACH, EADDRNOTAVAIL, ENODEV, EHOSTUNREACH];
  return problems.includes(number);
}
