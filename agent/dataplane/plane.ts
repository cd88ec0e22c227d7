// The main thread's side of the data plane: opens the TUN and the sockets, starts the workers,
// passes orders on and reads what they note in shared memory.

import { DeviceError } from '../wireguard/configuration.js';
import type { Millis, PeerId, Traffic } from '../wireguard/effects.js';
import { AllowedIps } from './allowedips.js';
import { CircuitTable } from './circuits.js';
import { monotonic } from './clock.js';
import { Crew, type Staff } from './crew.js';
import { DROP_REASONS, type DropReason } from './drops.js';
import type { Cipher } from './engines/engine.js';
import { PEERS_MAX, SESSIONS_MAX } from './layout.js';
import type { Metered, PlaneEvent, PlaneOrder } from './orders.js';
import { reclaim } from './reclaim.js';
import { answerBell, handshakesWaiting, takeHandshake } from './ring.js';
import {
  ALARMS,
  CHECK_FIELDS,
  CHECKED,
  DATA_RECEIVED_AT,
  RAISED_CONFIRMED,
  RAISED_STALE,
  RECEIVED_AT,
  RECEIVED_BYTES,
  RING_ENTRIES,
  ROUTES_VERSION,
  SENT_AT,
  SENT_BYTES,
  SharedMemory,
  TRAFFIC_FIELDS,
  UNACKNOWLEDGED_SINCE,
  UNANSWERED_SINCE,
  WORKERS_MAX,
} from './sharedmemory.js';
import { SlotTable } from './slots.js';
import { ENOSPC, sys } from './syscalls.js';
import { openTun, type Tun } from './tun.js';
import type { WorkerMessage } from './worker.js';

export type Offloads = Readonly<{
  tunSegmentation: boolean; // IFF_VNET_HDR with TSO, USO and checksum offload
  udpSegmentation: boolean; // UDP_SEGMENT
  udpReceive: boolean; // UDP_GRO
}>;

export type PlaneOptions = Readonly<{
  /** Up to 15 bytes; a `%d` in it is filled in by the kernel, see `interfaceName`. */
  interfaceName: string;
  mtu: number; // 576 to 65,000
  workers: 'auto' | 1 | 2;
  cipher: Cipher;
  offloads: Offloads;
  onEvent: (event: PlaneEvent) => void;
}>;

export type SlotOptions = Readonly<{
  family: 4 | 6;
  port: number; // 0: the kernel chooses
  address?: string; // bind to this one only
  fwmark: number; // 0: none
}>;

export type EngineStatus = Readonly<{
  name: string;
  reason: string; // why this engine and no other
  checked: number; // packets that noble has checked
  alarms: number;
}>;

export type PlaneCounters = Readonly<{
  drops: Record<DropReason, number>;
  engine: EngineStatus;
  workers: number;
  offloads: Offloads; // what the kernel granted
}>;

/** Being configured, shaking hands and the compiling of what turns out hot leave garbage, too. */
const SETTLING_MS = [5_000, 10_000, 20_000, 60_000] as const;

export const MTU_MIN = 576;
export const MTU_MAX = 65_000;

export class Plane {
  /** The writer's side of the allowed-IP trie, which the workers read. */
  readonly routes: AllowedIps;
  private readonly shared = new SharedMemory();
  private readonly slots: SlotTable;
  private readonly crew: Crew;
  private readonly circuits: CircuitTable;
  private serving: Promise<void> | undefined;
  private tun: Tun | undefined;
  private settling: NodeJS.Timeout[] = [];
  private stopping: Promise<void> | undefined;
  private nextHandshakes: NodeJS.Immediate | undefined;

  constructor(private readonly options: PlaneOptions) {
    const { mtu } = options;
    if (!(mtu >= MTU_MIN && mtu <= MTU_MAX)) throw new RangeError(`"mtu" is ${mtu}`);
    this.crew = new Crew(this.shared, options, (message) => this.onMessage(message));
    this.circuits = new CircuitTable(this.shared.metered);
    this.slots = new SlotTable(this.shared, options.offloads, this.crew);
    this.routes = new AllowedIps({
      onChange: () => Atomics.add(this.shared.header, ROUTES_VERSION, 1),
      onMove: (buffer) => this.crew.tell({ kind: 'routes', buffer }),
    });
  }

  /** As the kernel named it; known once started. */
  get interfaceName(): string {
    return this.tun?.name ?? this.options.interfaceName;
  }

  /** The TUN's file descriptor, once started; for LinkWatch. */
  get tunFd(): number {
    return this.tun?.fd ?? -1;
  }

  /**
   * Creates the interface and takes orders from then on; they are carried out, and packets move,
   * once `ready` has resolved. Both reject with an Error whose message is fit for a person.
   */
  async start(): Promise<void> {
    const { interfaceName, mtu, offloads } = this.options;
    if (this.tun) throw new TypeError('the plane was started before');
    this.tun = openTun(interfaceName, mtu, offloads);
    this.serving = this.staff({ tun: this.tun, routes: () => this.routes.buffer });
    this.serving.catch(() => {}); // whoever wants to know asks `ready`
  }

  ready(): Promise<void> {
    if (!this.serving) throw new TypeError('the plane was not started');
    return this.serving;
  }

  private async staff(staff: Staff): Promise<void> {
    try {
      await this.crew.start(staff);
      this.settling = SETTLING_MS.map((after) => setTimeout(reclaim, after).unref());
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.stopping) this.settling.forEach(clearTimeout);
  }

  /** Never hangs, may be called twice. */
  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  /** Throws DeviceError with the errno of the call that failed (98 where the port is taken). */
  openSlot(slot: number, options: SlotOptions): { port: number } {
    return this.slots.open(slot, options);
  }

  /** One that is not open: nothing happens. */
  closeSlot(slot: number): void {
    this.slots.close(slot);
  }

  /** On every open slot. */
  setMark(fwmark: number): void {
    this.slots.setMark(fwmark);
  }

  order(order: PlaneOrder): void {
    if ('peer' in order) demandRow('peer', order.peer, PEERS_MAX);
    const { traffic, armed } = this.shared;
    switch (order.kind) {
      case 'heard':
        traffic[order.peer * TRAFFIC_FIELDS + UNANSWERED_SINCE] = 0;
        return;
      case 'spoke':
        traffic[order.peer * TRAFFIC_FIELDS + UNACKNOWLEDGED_SINCE] = 0;
        return;
      case 'calm':
        this.calm(order.peer);
        return;
      case 'circuit':
        this.openCircuit(order);
        return;
      case 'circuit-gone':
        this.closeCircuit(order.channel);
        return;
      case 'peer-gone':
        // Its row may be another's soon, whom the channels are none of.
        for (const channel of this.circuits.of(order.peer)) this.closeCircuit(channel);
        this.crew.tell(order);
        return;
      case 'met':
      case 'lost':
      case 'porch':
        return; // the mesh's
      case 'peer':
        traffic.fill(0, order.peer * TRAFFIC_FIELDS, (order.peer + 1) * TRAFFIC_FIELDS);
        Atomics.store(armed, order.peer, 1);
        this.crew.tell(order);
        return;
      case 'begin':
        demandRow('session', order.session.id, SESSIONS_MAX);
        this.crew.begin(order.session);
        return;
      default:
        this.crew.tell(order);
        return;
    }
  }

  private openCircuit(order: Extract<PlaneOrder, { kind: 'circuit' }>): void {
    demandRow('opener', order.opener, PEERS_MAX);
    demandRow('other', order.other, PEERS_MAX);
    const circuit = this.circuits.add(order);
    if (circuit !== undefined) this.crew.tell(circuit);
  }

  private closeCircuit(channel: number): void {
    const number = this.circuits.remove(channel);
    if (number !== undefined) this.crew.tell({ kind: 'circuit-gone', number });
  }

  /** What the open circuits have carried; of one that could not be opened there is nothing. */
  metered(): Metered[] {
    return this.circuits.read();
  }

  traffic(peer: PeerId): Traffic {
    demandRow('peer', peer, PEERS_MAX);
    const field = (index: number) => this.shared.traffic[peer * TRAFFIC_FIELDS + index] ?? 0;
    return {
      unansweredSince: field(UNANSWERED_SINCE),
      unacknowledgedSince: field(UNACKNOWLEDGED_SINCE),
      dataReceivedAt: field(DATA_RECEIVED_AT),
      receivedAt: field(RECEIVED_AT),
      sentAt: field(SENT_AT),
      receivedBytes: field(RECEIVED_BYTES),
      sentBytes: field(SENT_BYTES),
    };
  }

  /** Arms the `active` event of this peer again. */
  calm(peer: PeerId): void {
    Atomics.store(this.shared.armed, peer, 1);
  }

  /** Handshake datagrams that main has not taken yet, 0 to 64. */
  handshakesWaiting(): number {
    return handshakesWaiting(this.shared);
  }

  counters(): PlaneCounters {
    const { drops, checks } = this.shared;
    const all = DROP_REASONS.length;
    const sum = (values: Float64Array, stride: number, at: number) => {
      let total = 0;
      for (let worker = 0; worker < WORKERS_MAX; worker++) {
        total += values[worker * stride + at] ?? 0;
      }
      return total;
    };
    return {
      drops: Object.fromEntries(
        DROP_REASONS.map((reason, i) => [reason, sum(drops, all, i)]),
      ) as Record<DropReason, number>,
      engine: {
        ...this.crew.engine,
        checked: sum(checks, CHECK_FIELDS, CHECKED),
        alarms: sum(checks, CHECK_FIELDS, ALARMS),
      },
      workers: this.crew.size,
      offloads: { tunSegmentation: this.tun?.vnet ?? false, ...this.slots.granted() },
    };
  }

  /** CLOCK_MONOTONIC in milliseconds, the same in all threads. */
  now(): Millis {
    return monotonic();
  }

  private onMessage(message: WorkerMessage): void {
    if (this.stopping) return;
    if (message.kind === 'roamed') {
      if (!this.crew.follow(message.peer, message.place, message.batch)) return;
    }
    if (message.kind === 'bell') this.takeHandshakes();
    else if (message.kind !== 'ready' && !this.isPast(message)) this.options.onEvent(message);
  }

  /** Of a session that has ended since, whose number may be another's by now (see Crew.begin). */
  private isPast(event: PlaneEvent): boolean {
    const { raised } = this.shared;
    if (event.kind === 'stale') return ((raised[event.session] ?? 0) & RAISED_STALE) === 0;
    if (event.kind === 'confirmed') return ((raised[event.session] ?? 0) & RAISED_CONFIRMED) === 0;
    return false;
  }

  /** A ring full at most, then timers and everybody else have their turn: a flood has no end. */
  private takeHandshakes(): void {
    if (this.nextHandshakes !== undefined) return;
    answerBell(this.shared);
    for (let i = 0; i < RING_ENTRIES; i++) {
      const next = takeHandshake(this.shared);
      if (next === undefined) return;
      this.options.onEvent({ kind: 'handshake', ...next });
    }
    if (this.handshakesWaiting() === 0) return;
    this.nextHandshakes = setImmediate(() => {
      this.nextHandshakes = undefined;
      if (!this.stopping) this.takeHandshakes();
    });
  }

  private async close(): Promise<void> {
    this.settling.forEach(clearTimeout);
    await this.crew.stop();
    this.slots.closeAll();
    if (this.tun) sys.close(this.tun.fd);
    this.shared.keys.fill(0);
  }
}

/** Whoever configures more peers than there are rows is told so; the rest are our own mistakes. */
function demandRow(name: string, row: number, rows: number): void {
  if (Number.isInteger(row) && row >= 0 && row < rows) return;
  if (row >= rows) throw new DeviceError(`there is no room for more than ${rows} ${name}s`, ENOSPC);
  throw new RangeError(`"${name}" is ${row}, not 0 to ${rows - 1}`);
}
