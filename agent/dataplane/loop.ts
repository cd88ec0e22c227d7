// The worker's life: poll, one batch from each socket that has something, up to 32 TUN reads,
// again. It blocks in poll and allocates nothing; it ends when main raises the stop flag.
//
// The stop flag has to be looked at after every wake-up, because nothing else stops a thread that
// is inside a system call: not terminate(), not process.exit().

import type { Clerk } from './clerk.js';
import { monotonic } from './clock.js';
import { POLLFDS, SCRATCH, SLOT_GSO } from './layout.js';
import type { Memory } from './memory.js';
import { SLOTS_MAX } from './orders.js';
import type { Receiver } from './receiver.js';
import {
  BATCH_SEEN,
  BLOCKED_MS,
  CHECK_FIELDS,
  ROUTES_VERSION,
  type SharedMemory,
  SLOTS_VERSION,
  STOP,
} from './sharedmemory.js';
import { EAGAIN, EBADFD, EINTR, EIO, POLLERR, POLLIN, POLLNVAL, sys } from './syscalls.js';
import type { Transmitter } from './transmitter.js';
import type { TrieReader } from './trie.js';
import type { OrderBatch } from './worker.js';

const TUN_READS_MAX = 32;
/** After such a pause a packet is likely to be alone: it goes out before more are looked for. */
const QUIET_MS = 0.5;
const POLL_MS = 60_000; // main wakes us by the eventfd; this is a last resort

export type LoopParts = Readonly<{
  worker: number;
  tun: number;
  eventfd: number;
  memory: Memory;
  shared: SharedMemory;
  routes: TrieReader;
  clerk: Clerk;
  transmitter: Transmitter;
  receiver: Receiver;
  nextOrders: () => OrderBatch | undefined;
  onBatch: () => void;
  onGone: () => void;
}>;

export class Loop {
  private routesVersion = 0;
  private slotsVersion = -1;
  private polled = 2; // how many pollfds
  private readonly slotOf = new Int32Array(SLOTS_MAX + 2);
  private readonly fdOf = new Int32Array(SLOTS_MAX + 2);
  private tunGone = false;
  private told = false;

  constructor(private readonly parts: LoopParts) {}

  /** `spare` is called again and again between packets, until it returns false. */
  run(spare: () => boolean): void {
    const { header } = this.parts.shared;
    this.listen();
    let before = monotonic();
    for (let more = true; more && Atomics.load(header, STOP) === 0; before = monotonic()) {
      this.step(before, 0);
      more = spare();
      this.rebuild();
    }
    while (Atomics.load(header, STOP) === 0) before = this.step(before, POLL_MS);
    this.parts.routes.leave();
  }

  /** Until main has told what holds, nothing is read: it would be dropped. */
  private listen(): void {
    const { eventfd, memory, shared } = this.parts;
    this.setPoll(0, eventfd);
    this.control(monotonic());
    while (!this.told && Atomics.load(shared.header, STOP) === 0) {
      sys.poll(memory.base + POLLFDS, 1, POLL_MS);
      this.control(monotonic());
    }
  }

  /** Waits for something to do, and does it. The last step was over at `before`, this one now. */
  step(before: number, waitMs: number): number {
    const { memory, routes, shared, worker } = this.parts;
    const { checks } = shared;
    const blocked = worker * CHECK_FIELDS + BLOCKED_MS;
    routes.leave();
    sys.poll(memory.base + POLLFDS, this.polled, waitMs);
    routes.enter();
    const now = monotonic();
    checks[blocked] = (checks[blocked] ?? 0) + now - before;
    this.turn(now, now - before > QUIET_MS);
    this.parts.onBatch();
    return monotonic();
  }

  private turn(now: number, quiet: boolean): void {
    const { shared, memory } = this.parts;
    if (this.revents(0) !== 0) this.control(now);
    const version = Atomics.load(shared.header, ROUTES_VERSION);
    if (version !== this.routesVersion) {
      this.routesVersion = version;
      memory.wasm.routesChanged();
    }
    for (let i = 2; i < this.polled; i++) {
      if (this.revents(i) === 0) continue;
      this.parts.receiver.pump(this.fdOf[i] ?? -1, this.slotOf[i] ?? 0, this.parts.tun, now);
    }
    const tun = this.revents(1);
    if (tun !== 0) this.readTun(tun, now, quiet);
  }

  private revents(index: number): number {
    return this.parts.memory.view.getUint16(POLLFDS + 8 * index + 6, true);
  }

  private readTun(revents: number, now: number, quiet: boolean): void {
    const { tun, transmitter } = this.parts;
    const failure = transmitter.pump(tun, TUN_READS_MAX, now, quiet);
    const gone = failure === EBADFD || failure === EIO || (revents & POLLNVAL) !== 0;
    if (!gone && !(revents & POLLERR && failure !== 0 && failure !== EAGAIN)) return;
    if (failure === EINTR) return;
    this.tunGone = true;
    this.rebuild();
    this.parts.onGone();
  }

  /** Main has rung: orders, or sockets opened or closed. */
  private control(now: number): void {
    const { memory, shared, clerk, eventfd, nextOrders, worker } = this.parts;
    sys.read(eventfd, memory.base + SCRATCH, 8);
    for (let next = nextOrders(); next; next = nextOrders()) {
      this.told = true;
      const role = clerk.role;
      for (const order of next.orders) clerk.apply(order, now);
      const version = Atomics.load(shared.header, SLOTS_VERSION);
      if (version !== this.slotsVersion || role !== clerk.role) this.rebuild();
      this.slotsVersion = version;
      Atomics.store(shared.header, BATCH_SEEN + worker, next.batch);
      Atomics.notify(shared.header, BATCH_SEEN + worker);
    }
  }

  /** The poll set: eventfd, TUN, sockets; what this role does not poll is left out. */
  rebuild(): void {
    const { clerk, eventfd, memory, shared, tun } = this.parts;
    for (let slot = 0; slot < SLOTS_MAX; slot++) {
      memory.bytes[SLOT_GSO + slot] = shared.gso[slot] ?? 0;
    }
    this.setPoll(0, eventfd);
    this.setPoll(1, clerk.role === 'receive' || this.tunGone ? -1 : tun);
    this.polled = 2;
    if (clerk.role === 'transmit') return;
    for (let slot = 0; slot < SLOTS_MAX; slot++) {
      const fd = Atomics.load(shared.slots, slot);
      if (fd < 0) continue;
      this.slotOf[this.polled] = slot;
      this.fdOf[this.polled] = fd;
      this.setPoll(this.polled++, fd);
    }
    memory.view.setInt32(POLLFDS + 8 * this.polled, -1, true);
  }

  private setPoll(index: number, fd: number): void {
    const { view } = this.parts.memory;
    view.setInt32(POLLFDS + 8 * index, fd, true);
    view.setInt32(POLLFDS + 8 * index + 4, POLLIN, true); // and no revents
  }
}
