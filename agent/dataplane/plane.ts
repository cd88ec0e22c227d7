// The main thread's side of the data plane: opens the TUN and the sockets, starts the workers,
// passes orders on and reads what they note in shared memory.

import type { Millis, PeerId, Traffic } from '../wireguard/effects.js';
import type { AllowedIps } from './allowedips.js';
import type { DropReason } from './drops.js';
import type { PlaneEvent, PlaneOrder } from './orders.js';

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
  cipher: 'auto' | 'noble' | 'simd' | 'openssl';
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

export declare class Plane {
  /** The writer's side of the allowed-IP trie, which the workers read. */
  readonly routes: AllowedIps;

  constructor(options: PlaneOptions);

  /** As the kernel named it; known once started. */
  get interfaceName(): string;

  /** Rejects with an Error whose message is fit for a person. */
  start(): Promise<void>;

  /** Never hangs, may be called twice. */
  stop(): Promise<void>;

  /** Throws DeviceError with the errno of the call that failed (98 where the port is taken). */
  openSlot(slot: number, options: SlotOptions): { port: number };
  closeSlot(slot: number): void; // one that is not open: nothing happens
  setMark(fwmark: number): void; // on every open slot

  order(order: PlaneOrder): void;
  traffic(peer: PeerId): Traffic;

  /** Arms the `active` event of this peer again. */
  calm(peer: PeerId): void;

  /** Handshake datagrams that main has not taken yet, 0 to 64. */
  handshakesWaiting(): number;

  counters(): PlaneCounters;

  /** CLOCK_MONOTONIC in milliseconds, the same in all threads. */
  now(): Millis;
}
