// One worker's WebAssembly memory (layout.ts) and the code over it (simd/).

import { MEMORY_PAGES } from './layout.js';
import { addressOf } from './syscalls.js';

/** What simd/main.ts exports; pointers are offsets into the memory, booleans are 0 or 1. */
export type DataplaneExports = Readonly<{
  setBase(address: number): void;
  setVnet(on: number): void;
  setMtu(bytes: number): void;
  setCoalescing(vnet: number, udp: number): void;
  prepareReceive(): void;
  transmit(bytes: number, now: number): number;
  resume(): number;
  transmitFrame(
    peer: number,
    via: number,
    from: number,
    bytes: number,
    pad: number,
    now: number,
  ): number;
  takeDescriptors(): number;
  buildTrains(): number;
  scan(messages: number, slot: number, now: number): number;
  finish(now: number): number;
  takeHandshakes(): number;
  takeNotes(): number;
  takeTouched(): number;
  takeWaiting(peer: number): number;
  dropWaiting(peer: number): void;
  routesChanged(): void;
  beginSession(
    session: number,
    peer: number,
    localIndex: number,
    remoteIndex: number,
    rejectAt: number,
    renewSendAt: number,
    renewReceiveAt: number,
    bare?: number,
  ): void;
  addLeg(channel: number): void;
  removeLeg(channel: number): void;
  openCircuit(
    circuit: number,
    opener: number,
    openerChannel: number,
    other: number,
    otherChannel: number,
  ): number;
  closeCircuit(circuit: number): void;
  setShare(bytesPerSecond: number, burst: number, now: number): void;
  endSession(session: number): void;
  sealBatch(table: number, first: number, count: number): void;
  openBatch(table: number, first: number, count: number): void;
  wipe(): void;
}>;

export type DataplaneImports = Readonly<{
  /** The peer that the address at `at` belongs to (4 or, v6, 16 bytes); -1: nobody. */
  route(at: number, v6: number): number;
  /** Takes `count` of the session's counters: the first, or -1 where they are used up. */
  reserve(session: number, count: number): number;
}>;

export class Memory {
  readonly wasm: DataplaneExports;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array; // the same by 32 bits: index = offset / 4
  readonly view: DataView;
  readonly base: number; // address of the first byte in this process

  constructor(module: WebAssembly.Module, imports: DataplaneImports) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.base = addressOf(this.bytes);
    const instance = new WebAssembly.Instance(module, { env: { memory, ...imports } });
    this.wasm = instance.exports as DataplaneExports;
    this.wasm.setBase(this.base);
    this.wasm.prepareReceive();
  }
}
