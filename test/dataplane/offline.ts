// A worker's memory without a worker: no TUN, no sockets. What would cross the wire is read out of
// the structures that the kernel would have read, and written where the kernel would have written.

import { readFileSync } from 'node:fs';
import { asset } from '../../agent/dataplane/assets.js';
import * as L from '../../agent/dataplane/layout.js';
import { Memory } from '../../agent/dataplane/memory.js';
import { sealedWith } from './twin.js';

export type Train = Readonly<{ datagrams: Buffer[]; slot: number; peer: number; name: Buffer }>;
export type Written = Readonly<{ header: Buffer; packet: Buffer }>;
export type Note = Readonly<{ kind: number; id: number; pointer: number; length: number }>;

const module = new WebAssembly.Module(readFileSync(asset('dataplane.wasm')));

export const SEND_KEY = Buffer.alloc(32, 1);
export const RECEIVE_KEY = Buffer.alloc(32, 2);

export class Offline {
  readonly memory: Memory;
  readonly counters = new Map<number, number>();
  /** Which peer an address (hex) belongs to; without an entry, peer 0's. */
  readonly owners = new Map<string, number>();
  lookups = 0;
  private vnet = true;

  constructor(options: { vnet?: boolean; udp?: boolean; mtu?: number; gso?: boolean } = {}) {
    this.memory = new Memory(module, {
      route: (at, v6) => {
        this.lookups++;
        const address = Buffer.from(this.memory.bytes.slice(at, at + (v6 ? 16 : 4)));
        return this.owners.get(address.toString('hex')) ?? 0;
      },
      reserve: (session, count) => {
        const first = this.counters.get(session) ?? 0;
        if (first + count > 2 ** 32 - 2 ** 24) return -1;
        this.counters.set(session, first + count);
        return first;
      },
    });
    const { vnet = true, udp = true, mtu = 1420, gso = true } = options;
    this.vnet = vnet;
    this.memory.wasm.setVnet(vnet ? 1 : 0);
    this.memory.wasm.setCoalescing(vnet ? 1 : 0, udp ? 1 : 0);
    this.memory.wasm.setMtu(mtu);
    this.memory.bytes.fill(gso ? 1 : 0, L.SLOT_GSO, L.SLOT_GSO + 40);
  }

  /** Peer with a place (192.0.2.x, port 51820, slot 0) and a session in use that never ends. */
  peer(peer: number, session = peer, flags = L.PEER_EXISTS, swapped = false): void {
    const row = L.PEERS + peer * L.PEER_BYTES;
    this.memory.bytes.set([2, 0, 0xca, 0x6c, 192, 0, 2, peer], row);
    this.memory.bytes[row + L.PEER_NAME_LENGTH] = 16;
    this.memory.bytes[row + L.PEER_FLAGS] = flags;
    this.begin(session, peer, Number.POSITIVE_INFINITY, swapped);
    this.use(peer, session);
  }

  begin(
    session: number,
    peer: number,
    rejectAt: number,
    swapped = false,
    renew = Number.POSITIVE_INFINITY,
  ): void {
    const row = L.SESSIONS + session * L.SESSION_BYTES;
    this.memory.bytes.set(swapped ? RECEIVE_KEY : SEND_KEY, row);
    this.memory.bytes.set(swapped ? SEND_KEY : RECEIVE_KEY, row + 32);
    this.memory.wasm.beginSession(
      session,
      peer,
      1000 + session,
      1000 + session,
      rejectAt,
      renew,
      renew,
    );
  }

  use(peer: number, session: number | null): void {
    const row = L.PEERS + peer * L.PEER_BYTES;
    const value = session === null ? 0 : session + 1;
    this.memory.words[(row + L.PEER_SESSION) >> 2] = value;
    this.memory.words[(row + L.PEER_FRAME_SESSION) >> 2] = value;
  }

  /** One TUN read all the way; the trains it made, pauses included. */
  transmit(read: Uint8Array, now = 0): Train[] {
    this.memory.bytes.set(read, L.TUN_READ);
    const trains: Train[] = [];
    let state = this.memory.wasm.transmit(read.length, now);
    while (state === 1) {
      trains.push(...this.trains());
      state = this.memory.wasm.resume();
    }
    return trains;
  }

  /** Seals and takes what has been framed, as the kernel would see it. */
  trains(): Train[] {
    const { wasm, bytes, view, base } = this.memory;
    const descriptors = wasm.takeDescriptors();
    wasm.sealBatch(L.DESCRIPTORS, 0, descriptors);
    const count = wasm.buildTrains();
    wasm.takeTouched();
    return Array.from({ length: count }, (_, i) => {
      const message = L.SEND_MESSAGES + i * L.MMSGHDR_BYTES;
      const u64 = (at: number) => Number(view.getBigUint64(at, true));
      const vectors = u64(message + 16) - base;
      const parts = Array.from({ length: u64(message + 24) }, (_, v) => {
        const at = u64(vectors + 16 * v) - base;
        return Buffer.from(bytes.slice(at, at + u64(vectors + 16 * v + 8)));
      });
      const data = Buffer.concat(parts);
      const segment = this.segmentSize(u64(message + 32) - base, u64(message + 40)) || data.length;
      const datagrams: Buffer[] = [];
      for (let at = 0; at < data.length; at += segment)
        datagrams.push(data.subarray(at, at + segment));
      const name = u64(message) - base;
      const train = (L.TRAINS + i * L.TRAIN_BYTES) >> 2;
      return {
        datagrams,
        slot: this.memory.words[train + 6]!,
        peer: (this.memory.words[train]! - L.PEERS) / L.PEER_BYTES,
        name: Buffer.from(bytes.slice(name, name + view.getUint32(message + 8, true))),
      };
    });
  }

  /** Puts messages (each a GRO train) where recvmmsg would, and takes what goes to the TUN. */
  receive(
    messages: readonly Readonly<{ data: Uint8Array; segment?: number; name?: Uint8Array }>[],
    now = 0,
  ) {
    const { wasm, bytes, view } = this.memory;
    const written: Written[] = [];
    let opened = 0;
    for (let first = 0; first < messages.length; first += L.RECEIVE_MESSAGES_MAX) {
      const batch = messages.slice(first, first + L.RECEIVE_MESSAGES_MAX);
      batch.forEach(({ data, segment = 0, name }, i) => {
        const message = L.RECEIVE_MESSAGES + i * L.MMSGHDR_BYTES;
        const control = L.RECEIVE_CONTROLS + i * L.RECEIVE_CONTROL_BYTES;
        bytes.set(data, L.RECEIVE_BUFFERS + i * L.RECEIVE_BUFFER_BYTES);
        bytes.set(name ?? [2, 0, 0xca, 0x6c, 192, 0, 2, 0, 0, 0, 0, 0], L.RECEIVE_NAMES + 32 * i);
        view.setUint32(message + 56, data.length, true);
        view.setBigUint64(message + 40, segment ? 24n : 0n, true);
        view.setBigUint64(control, 20n, true);
        view.setUint32(control + 8, 17, true);
        view.setUint32(control + 12, 104, true);
        view.setUint32(control + 16, segment, true);
      });
      const count = wasm.scan(batch.length, 0, now);
      opened += count;
      wasm.openBatch(L.DESCRIPTORS, 0, count);
      const entries = wasm.finish(now);
      wasm.takeTouched();
      for (let i = 0; i < entries; i++) written.push(this.entry(i));
    }
    return { written, opened };
  }

  notes(): Note[] {
    const { words } = this.memory;
    return Array.from({ length: this.memory.wasm.takeNotes() }, (_, i) => {
      const [kind = 0, id = 0, pointer = 0, length = 0] = words.subarray((L.NOTES >> 2) + 4 * i);
      return { kind, id, pointer, length };
    });
  }

  drops(reason: number): number {
    return this.memory.words[(L.COUNTS >> 2) + 1 + reason]!;
  }

  /** What a peer with our receive key would send. */
  fromPeer(text: Uint8Array, counter: number, session = 0): Buffer {
    const header = Buffer.alloc(16);
    header[0] = 4;
    header.writeUInt32LE(1000 + session, 4);
    header.writeBigUInt64LE(BigInt(counter), 8);
    return Buffer.concat([header, sealedWith(RECEIVE_KEY, counter, text)]);
  }

  private segmentSize(control: number, length: number): number {
    const { view } = this.memory;
    for (let at = control; length > 0 && at < control + length; ) {
      const bytes = Number(view.getBigUint64(at, true));
      if (view.getUint32(at + 8, true) === 17) return view.getUint16(at + 16, true);
      at += (bytes + 7) & ~7;
    }
    return 0;
  }

  private entry(i: number): Written {
    const { bytes, view, words, base } = this.memory;
    const word = (L.ENTRIES + i * L.ENTRY_BYTES + 24) >> 2;
    const parts = Array.from({ length: words[word + 1]! }, (_, v) => {
      const vector = words[word]! + 16 * v;
      const at = Number(view.getBigUint64(vector, true)) - base;
      return Buffer.from(bytes.slice(at, at + Number(view.getBigUint64(vector + 8, true))));
    });
    const whole = Buffer.concat(parts);
    const split = this.vnet ? 10 : 0;
    return { header: whole.subarray(0, split), packet: whole.subarray(split) };
  }
}
