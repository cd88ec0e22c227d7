// Applies main's orders to one worker's tables.

import type { Place } from '../bytes/address.js';
import type { Notice, Session } from '../wireguard/effects.js';
import type { Gate } from './gate.js';
import {
  PEER_BYTES,
  PEER_EXISTS,
  PEER_FLAGS,
  PEER_MEMBER,
  PEER_NAME_LENGTH,
  PEER_PINNED,
  PEER_ROAMS,
  PEER_SESSION,
  PEER_SINGLE,
  PEER_SLOT,
  PEER_SOURCE,
  PEER_WANTED,
  PEERS,
  SESSION_BYTES,
  SESSIONS,
} from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import type { PlaneOrder } from './orders.js';
import { sendRaw } from './raw.js';
import { KEY_PAIR_BYTES, type SharedMemory } from './sharedmemory.js';
import { writeName, writeSource } from './sockaddr.js';
import type { Transmitter } from './transmitter.js';
import type { TrieReader } from './trie.js';

/** `both` with one worker; else one polls the TUN, the other the sockets. */
export type Role = 'both' | 'transmit' | 'receive';

/** A session as it crosses between threads: its keys lie in shared memory. */
export type KeylessSession = Omit<Session, 'sendKey' | 'receiveKey'>;

export type WorkerOrder =
  | Exclude<PlaneOrder, { kind: 'begin' | 'heard' | 'spoke' | 'calm' | Notice['kind'] }>
  | Readonly<{ kind: 'begin'; session: KeylessSession }>
  | Readonly<{ kind: 'role'; role: Role }>
  | Readonly<{ kind: 'routes'; buffer: SharedArrayBuffer }>;

export class Clerk {
  role: Role = 'both';

  constructor(
    private readonly memory: Memory,
    private readonly shared: SharedMemory,
    private readonly ledger: Ledger,
    private readonly transmitter: Transmitter,
    private readonly gate: Gate,
    private readonly routes: TrieReader,
    private readonly onBegin: (session: number) => void,
  ) {}

  apply(order: WorkerOrder, now: number): void {
    const { memory } = this;
    switch (order.kind) {
      case 'peer':
        this.clearPeer(order.peer); // routes overtake orders: a packet may wait here already
        this.flag(order.peer, PEER_EXISTS | (order.roams ? PEER_ROAMS : 0), 0);
        return;
      case 'peer-gone':
        this.clearPeer(order.peer);
        return;
      case 'member':
        if (order.member) {
          this.flag(order.peer, PEER_MEMBER, PEER_ROAMS);
          return;
        }
        this.flag(order.peer, PEER_ROAMS, PEER_MEMBER);
        return;
      case 'place':
        this.setPlace(order.peer, order.place);
        return;
      case 'begin':
        this.begin(order.session);
        return;
      case 'end':
        memory.wasm.endSession(order.session);
        return;
      case 'use':
        this.use(order.peer, order.session, now);
        return;
      case 'drop-waiting':
        memory.wasm.dropWaiting(order.peer);
        this.flag(order.peer, 0, PEER_WANTED);
        this.ledger.settle(0);
        return;
      case 'mtu':
        memory.wasm.setMtu(order.mtu);
        return;
      case 'identity':
        this.gate.setIdentity(order.publicKey);
        return;
      case 'role':
        this.role = order.role;
        return;
      case 'routes':
        this.routes.move(order.buffer);
        memory.wasm.routesChanged();
        return;
      case 'leg':
      case 'leg-gone':
      case 'circuit':
      case 'circuit-gone':
      case 'share':
        return;
      default:
        // What leads to a datagram is for whoever sends.
        if (this.role !== 'receive') this.sendOne(order, now);
    }
  }

  private sendOne(
    order: Extract<WorkerOrder, { kind: 'send' | 'frame' | 'keepalive' }>,
    now: number,
  ): void {
    const { memory, shared, ledger, transmitter } = this;
    if (order.kind === 'send') sendRaw(memory, shared, ledger, order.datagram, order.to);
    else transmitter.frame(order.peer, order.kind === 'frame' ? order.frame : NOTHING, now);
  }

  private peerRow(peer: number): number {
    return PEERS + peer * PEER_BYTES;
  }

  private clearPeer(peer: number): void {
    this.memory.wasm.dropWaiting(peer);
    this.memory.bytes.fill(0, this.peerRow(peer), this.peerRow(peer + 1));
    this.ledger.settle(0);
  }

  private flag(peer: number, set: number, clear: number): void {
    const at = this.peerRow(peer) + PEER_FLAGS;
    this.memory.bytes[at] = ((this.memory.bytes[at] ?? 0) & ~clear) | set;
  }

  private setPlace(peer: number, place: Place | null): void {
    const { bytes } = this.memory;
    const row = this.peerRow(peer);
    this.flag(peer, 0, PEER_SINGLE | PEER_PINNED);
    if (place === null) {
      bytes[row + PEER_NAME_LENGTH] = 0;
      return;
    }
    bytes[row + PEER_NAME_LENGTH] = writeName(bytes, row, place.endpoint);
    bytes[row + PEER_SLOT] = place.slot;
    if (place.source === null) return;
    writeSource(bytes, row + PEER_SOURCE, place.source);
    this.flag(peer, PEER_PINNED, 0);
  }

  private begin(session: KeylessSession): void {
    const { memory, shared } = this;
    const keys = session.id * KEY_PAIR_BYTES;
    memory.wasm.endSession(session.id);
    memory.bytes.set(
      shared.keys.subarray(keys, keys + KEY_PAIR_BYTES),
      SESSIONS + session.id * SESSION_BYTES,
    );
    memory.wasm.beginSession(
      session.id,
      session.peer,
      session.localIndex,
      session.remoteIndex,
      session.rejectAt,
      session.renewSendAt,
      session.renewReceiveAt,
    );
    this.onBegin(session.id);
    this.flag(session.peer, 0, PEER_SINGLE); // the path may be another by now
  }

  private use(peer: number, session: number | null, now: number): void {
    const row = this.peerRow(peer);
    this.memory.words[(row + PEER_SESSION) >> 2] = session === null ? 0 : session + 1;
    if (session === null) return;
    this.flag(peer, 0, PEER_WANTED);
    this.transmitter.release(peer, now);
  }
}

const NOTHING = new Uint8Array(0);
