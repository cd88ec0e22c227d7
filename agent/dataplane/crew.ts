// The workers, from main's side: starts one or two of them, tells them orders, stops them.
//
// One worker moves packets both ways. Where that is not enough and there are cores to spare, a
// second one takes over the TUN (its windows stay empty), and the first keeps the sockets with the
// replay windows. A worker that comes later is told everything that still holds (memoir.ts).

import { readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { Place } from '../bytes/address.js';
import type { PeerId, Session, SessionId } from '../wireguard/effects.js';
import { asset } from './assets.js';
import type { Role, WorkerOrder } from './clerk.js';
import { monotonic } from './clock.js';
import { Memoir } from './memoir.js';
import type { PlaneOptions } from './plane.js';
import { BATCH_SEEN, BLOCKED_MS, KEY_PAIR_BYTES, type SharedMemory, STOP } from './sharedmemory.js';
import { errno, sys } from './syscalls.js';
import { takeWorker } from './thread.js';
import type { Tun } from './tun.js';
import type { OrderBatch, WorkerMessage, WorkerStart } from './worker.js';
import { keepYoungSmall } from './young.js';

const EVENTFD_FLAGS = 0x80800; // EFD_CLOEXEC | EFD_NONBLOCK
const CORES_FOR_TWO = 3;
const BUSY_SHARE = 0.8;
const BUSY_MS = 2_000; // this long above it
const LOOK_MS = 500;
const SETTLE_MS = 5_000; // a worker inside a blocking send needs up to 100 ms

const ONE = new Uint8Array(8);
ONE[0] = 1;

export type Staff = Readonly<{ tun: Tun; routes: () => SharedArrayBuffer }>;

type Member = { worker: Worker; eventfd: number; exited: Promise<void> };

export class Crew {
  engine = { name: 'none', reason: 'not started' };
  private readonly members: Member[] = [];
  private readonly memoir = new Memoir();
  private queue: WorkerOrder[] = [];
  private batch = 0; // number of the last one posted
  private readonly endedIn = new Map<SessionId, number>();
  private readonly placedIn = new Map<PeerId, number>(); // batch with the last place of a peer
  private staff: Staff | undefined;
  private module: WebAssembly.Module | undefined;
  private watch: NodeJS.Timeout | undefined;
  private growing: Promise<void> | undefined;
  private stopped = false;
  private readonly onExit = () => this.halt();

  constructor(
    private readonly shared: SharedMemory,
    private readonly options: PlaneOptions,
    private readonly onMessage: (message: WorkerMessage) => void,
  ) {}

  get size(): number {
    return this.members.length;
  }

  async start(staff: Staff): Promise<void> {
    this.staff = staff;
    this.module = new WebAssembly.Module(readFileSync(asset('dataplane.wasm')));
    process.on('exit', this.onExit);
    await this.hire();
    if (this.stopped) return;
    if (this.options.workers === 2) await this.grow();
    if (this.options.workers === 'auto' && availableParallelism() >= CORES_FOR_TWO) this.look();
  }

  /** Passes the order to every worker, in order, before anything else happens on this thread. */
  tell(order: WorkerOrder): void {
    this.memoir.note(order);
    if (order.kind === 'end') this.end(order.session);
    if (order.kind === 'place' || order.kind === 'peer-gone') {
      this.placedIn.set(order.peer, (this.batch + 1) | 0);
    }
    if (this.members.length === 0) return;
    if (this.queue.push(order) === 1) queueMicrotask(() => this.flush());
  }

  private end(session: number): void {
    this.shared.keys.fill(0, session * KEY_PAIR_BYTES, (session + 1) * KEY_PAIR_BYTES);
    this.endedIn.set(session, (this.batch + 1) | 0); // the next batch will say so
  }

  /** Takes the keys over: they go into shared memory and are wiped where they came from. */
  begin({ sendKey, receiveKey, ...session }: Session): void {
    const at = session.id * KEY_PAIR_BYTES;
    // As long as a worker may still seal with an earlier session of this number, its counter must
    // not start again.
    this.flush();
    const ended = this.endedIn.get(session.id);
    if (ended !== undefined) this.awaitBatch(ended);
    this.endedIn.delete(session.id);
    this.shared.keys.set(sendKey, at);
    this.shared.keys.set(receiveKey, at + KEY_PAIR_BYTES / 2);
    sendKey.fill(0);
    receiveKey.fill(0);
    this.shared.counters[session.id] = 0;
    this.shared.raised[session.id] = 0;
    this.tell({ kind: 'begin', session });
  }

  /**
   * A peer roamed: the worker that opened its packets knows, one that seals for it does not.
   * False where main had ordered another place before the worker knew of that: that one holds.
   */
  follow(peer: PeerId, place: Place, batch: number): boolean {
    if (((batch - (this.placedIn.get(peer) ?? batch)) | 0) < 0) return false;
    this.memoir.moved(peer, place);
    const sealer = this.members[1];
    if (sealer) this.hand(sealer, [{ kind: 'place', peer, place }]);
    return true;
  }

  /** Has every worker look at the table of slots. */
  wake(): void {
    this.post([]);
  }

  /** Returns once every worker has applied all orders given so far; usually within 0.1 ms. */
  settle(): void {
    this.post([]);
    this.awaitBatch(this.batch);
  }

  private awaitBatch(batch: number): void {
    const { header } = this.shared;
    const until = monotonic() + SETTLE_MS;
    for (let i = 0; i < this.members.length; i++) {
      for (;;) {
        const seen = Atomics.load(header, BATCH_SEEN + i);
        if (((seen - batch) | 0) >= 0) break;
        const left = until - monotonic();
        if (left <= 0) throw new Error('a data-plane worker does not answer');
        Atomics.wait(header, BATCH_SEEN + i, seen, left);
      }
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.watch);
    this.flush();
    await this.growing?.catch(() => {});
    this.halt();
    await Promise.all(this.members.map(({ exited }) => exited));
    process.off('exit', this.onExit);
    for (const { eventfd } of this.members) sys.close(eventfd);
    this.members.length = 0;
  }

  /** Also on exit: Node joins its workers, and one inside poll would hold it for ever. */
  private halt(): void {
    Atomics.store(this.shared.header, STOP, 1);
    for (const { eventfd } of this.members) writeSync(eventfd, ONE);
  }

  private flush(): void {
    if (this.queue.length === 0) return;
    const orders = this.queue;
    this.queue = [];
    this.post(orders);
  }

  private post(orders: WorkerOrder[]): void {
    this.flush();
    this.batch = (this.batch + 1) | 0;
    for (const member of this.members) this.hand(member, orders);
  }

  private hand({ worker, eventfd }: Member, orders: WorkerOrder[]): void {
    worker.postMessage({ batch: this.batch, orders } satisfies OrderBatch);
    writeSync(eventfd, ONE);
  }

  /**
   * Starts a worker and tells it what holds; resolves when it is ready. The first one is a member
   * at once, and what it is told waits for it; a later one would do twice what others do meanwhile.
   */
  private async hire(): Promise<void> {
    const { staff, module } = this;
    if (!staff || !module) throw new TypeError('the crew was not started');
    const eventfd = sys.eventfd(0, EVENTFD_FLAGS);
    if (eventfd < 0) throw new Error(`no eventfd (errno ${errno()})`);
    const start: WorkerStart = {
      worker: this.members.length,
      module,
      shared: this.shared.buffer,
      routes: staff.routes(),
      eventfd,
      tun: staff.tun.fd,
      vnet: staff.tun.vnet,
      udp: staff.tun.udp,
      mtu: this.options.mtu,
      cipher: this.options.cipher,
    };
    const worker = takeWorker();
    worker.postMessage(start);
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const ready = new Promise<void>((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'ready') {
          this.engine = { name: message.engine, reason: message.reason };
          resolve();
        }
        this.onMessage(message);
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the data-plane worker ended at its start')));
    });
    const first = this.members.length === 0;
    const member = { worker, eventfd, exited };
    if (first) this.join(member, 'both', start.routes);
    await ready;
    keepYoungSmall();
    if (!first) this.join(member, 'transmit', start.routes);
    worker.removeAllListeners('error');
    worker.once('error', (error) => this.onCrash(error));
  }

  private join(member: Member, role: Role, routes: SharedArrayBuffer): void {
    this.flush();
    const orders: WorkerOrder[] = [{ kind: 'role', role }, ...this.memoir.orders()];
    const buffer = this.staff?.routes() ?? routes;
    if (buffer !== routes) orders.push({ kind: 'routes', buffer });
    Atomics.store(this.shared.header, BATCH_SEEN + this.members.length, this.batch);
    this.members.push(member);
    this.hand(member, orders);
  }

  /** The second worker takes the TUN. */
  private async grow(): Promise<void> {
    if (this.members.length !== 1) return;
    await this.hire();
    this.assign(['receive', 'transmit']);
  }

  private assign(roles: Role[]): void {
    this.flush();
    for (const [i, member] of this.members.entries()) {
      this.hand(member, [{ kind: 'role', role: roles[i] ?? 'both' }]);
    }
  }

  /** Looks at how busy the one worker is, until a second one has come. */
  private look(): void {
    const { checks } = this.shared;
    let blocked = checks[BLOCKED_MS] ?? 0;
    let at = monotonic();
    let busyFor = 0;
    this.watch = setInterval(() => {
      const now = monotonic();
      const share = 1 - ((checks[BLOCKED_MS] ?? 0) - blocked) / (now - at);
      busyFor = share > BUSY_SHARE && this.wasActive(blocked) ? busyFor + now - at : 0;
      blocked = checks[BLOCKED_MS] ?? 0;
      at = now;
      if (busyFor < BUSY_MS || this.stopped) return;
      clearInterval(this.watch);
      this.growing = this.grow();
    }, LOOK_MS);
    this.watch.unref();
  }

  /** A worker that sits in one long poll has not noted it yet: that is not being busy. */
  private wasActive(blockedBefore: number): boolean {
    return (this.shared.checks[BLOCKED_MS] ?? 0) !== blockedBefore;
  }

  /** A bug of ours: it ends the process, and whoever supervises that starts it again. */
  private onCrash(error: Error): void {
    if (!this.stopped) throw error;
  }
}
