// Applies main's orders to one worker's tables.

import type { Notice, Session } from '../wireguard/effects.js';
import type { NumberedCircuit } from './circuits.js';
import type { Gate } from './gate.js';
import {
  PEER_BYTES,
  PEER_EXISTS,
  PEER_FLAGS,
  PEER_FRAME_SESSION,
  PEER_MEMBER,
  PEER_NAME_LENGTH,
  PEER_ROAMS,
  PEER_SESSION,
  PEER_SINGLE,
  PEER_WAITING,
  PEER_WANTED,
  PEERS,
  SESSION_BARE,
  SESSION_BYTES,
  SESSION_FLAGS,
  SESSIONS,
} from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import type { PlaneOrder } from './orders.js';
import { Places } from './places.js';
import { sendRaw } from './raw.js';
import { KEY_PAIR_BYTES, type SharedMemory } from './sharedmemory.js';
import type { Transmitter } from './transmitter.js';
import type { TrieReader } from './trie.js';

/** `both` with one worker; else one polls the TUN, the other the sockets. */
export type Role = 'both' | 'transmit' | 'receive';

/** A session as it crosses between threads: its keys lie in shared memory. */
export type KeylessSession = Omit<Session, 'sendKey' | 'receiveKey'>;

/** What main does itself, or says in other words. */
type ElsewhereKind =
  | 'begin'
  | 'heard'
  | 'spoke'
  | 'calm'
  | 'circuit'
  | 'circuit-gone'
  | Notice['kind'];

export type WorkerOrder =
  | Exclude<PlaneOrder, { kind: ElsewhereKind }>
  | NumberedCircuit
  | Readonly<{ kind: 'circuit-gone'; number: number }>
  | Readonly<{ kind: 'begin'; session: KeylessSession }>
  | Readonly<{ kind: 'role'; role: Role }>
  | Readonly<{ kind: 'routes'; buffer: SharedArrayBuffer }>;

export class Clerk {
  role: Role = 'both';
  private readonly places: Places;

  constructor(
    private readonly memory: Memory,
    private readonly shared: SharedMemory,
    private readonly ledger: Ledger,
    private readonly transmitter: Transmitter,
    private readonly gate: Gate,
    private readonly routes: TrieReader,
    private readonly onBegin: (session: number) => void,
  ) {
    this.places = new Places(memory);
  }

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
        this.places.set(order.peer, order.place);
        if (order.second !== undefined) this.places.setSecond(order.peer, order.second);
        this.release(order.peer, now);
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
        memory.wasm.addLeg(order.channel);
        return;
      case 'leg-gone':
        memory.wasm.removeLeg(order.channel);
        return;
      case 'circuit':
        memory.wasm.openCircuit(
          order.number,
          order.opener,
          order.openerChannel,
          order.other,
          order.otherChannel,
        );
        return;
      case 'circuit-gone':
        memory.wasm.closeCircuit(order.number);
        return;
      case 'share':
        memory.wasm.setShare(order.bytesPerSecond, order.burst, now);
        return;
      default:
        this.sendOne(order, now);
    }
  }

  /** What leads to a datagram is for whoever sends; the answer to it, for whoever receives. */
  private sendOne(
    order: Extract<WorkerOrder, { kind: 'send' | 'frame' | 'keepalive' }>,
    now: number,
  ): void {
    const { memory, shared, ledger, transmitter } = this;
    const to = order.kind === 'send' ? order.to : order.at;
    if (to !== undefined && to.channel !== 0) memory.wasm.addLeg(to.channel);
    if (this.role === 'receive') return;
    if (order.kind === 'send') {
      sendRaw(memory, shared, ledger, order.datagram, order.to);
      return;
    }
    const via = this.places.once(order.at);
    if (order.kind === 'keepalive') transmitter.frame(order.peer, NOTHING, now, via);
    else transmitter.frame(order.peer, order.frame, now, via, order.pad ?? 0);
  }

  private peerRow(peer: number): number {
    return PEERS + peer * PEER_BYTES;
  }

  private clearPeer(peer: number): void {
    this.memory.wasm.dropWaiting(peer);
    this.places.setSecond(peer, null);
    this.memory.bytes.fill(0, this.peerRow(peer), this.peerRow(peer + 1));
    this.ledger.settle(0);
  }

  private flag(peer: number, set: number, clear: number): void {
    const at = this.peerRow(peer) + PEER_FLAGS;
    this.memory.bytes[at] = ((this.memory.bytes[at] ?? 0) & ~clear) | set;
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
      session.bare ? 1 : 0,
    );
    this.onBegin(session.id);
    this.flag(session.peer, 0, PEER_SINGLE); // the path may be another by now
  }

  private use(peer: number, session: number | null, now: number): void {
    const row = this.peerRow(peer);
    const { words } = this.memory;
    const flags = session === null ? 0 : (words[sessionFlags(session)] ?? 0);
    const bare = (flags & SESSION_BARE) !== 0; // user packets wait for another one
    words[(row + PEER_FRAME_SESSION) >> 2] = session === null ? 0 : session + 1;
    words[(row + PEER_SESSION) >> 2] = session === null || bare ? 0 : session + 1;
    if (session === null || bare) return;
    this.flag(peer, 0, PEER_WANTED);
    this.release(peer, now);
  }

  /** A session and a place: nothing has to wait any longer. */
  private release(peer: number, now: number): void {
    const row = this.peerRow(peer);
    const { bytes, words } = this.memory;
    const ready = words[(row + PEER_SESSION) >> 2] !== 0 && bytes[row + PEER_NAME_LENGTH] !== 0;
    if (!ready) return;
    this.flag(peer, 0, PEER_WANTED);
    if (words[(row + PEER_WAITING) >> 2] !== 0) this.transmitter.release(peer, now);
  }
}

/** The word of a session's flags. */
function sessionFlags(session: number): number {
  return (SESSIONS + session * SESSION_BYTES + SESSION_FLAGS) >> 2;
}

const NOTHING = new Uint8Array(0);
