// Where datagrams go, as the workers' memory has it: in the row of each peer, and in rows of their
// own for copies and for what goes out elsewhere just once.

import type { Place } from '../bytes/address.js';
import { CHANNEL_TYPE } from '../wireguard/channel.js';
import type { PeerId } from '../wireguard/effects.js';
import {
  PEER_BYTES,
  PEER_CHANNEL,
  PEER_CHANNEL_HEADER,
  PEER_FLAGS,
  PEER_NAME_LENGTH,
  PEER_PINNED,
  PEER_SECOND,
  PEER_SINGLE,
  PEER_SLOT,
  PEER_SOURCE,
  PEERS,
  PLACES,
  SECONDS_MAX,
} from './layout.js';
import type { Memory } from './memory.js';
import { writeName, writeSource } from './sockaddr.js';

const ONCE = PLACES + SECONDS_MAX * PEER_BYTES;

export class Places {
  private readonly seconds = new Map<PeerId, number>(); // row
  private readonly free = Array.from({ length: SECONDS_MAX }, (_, i) => PLACES + i * PEER_BYTES);

  constructor(private readonly memory: Memory) {}

  set(peer: PeerId, place: Place | null): void {
    this.write(PEERS + peer * PEER_BYTES, place);
  }

  /** Where there is no room for more, there are no copies: they are a help, not a promise. */
  setSecond(peer: PeerId, place: Place | null): void {
    const row = place === null ? undefined : (this.seconds.get(peer) ?? this.free.pop());
    const before = this.seconds.get(peer);
    if (before !== undefined && row === undefined) {
      this.seconds.delete(peer);
      this.free.push(before);
    }
    this.memory.words[(PEERS + peer * PEER_BYTES + PEER_SECOND) >> 2] = row ?? 0;
    if (row === undefined) return;
    this.seconds.set(peer, row);
    this.write(row, place);
  }

  /** The row of a place that counts for the next datagram only; 0: none is given. */
  once(place: Place | undefined): number {
    if (place === undefined) return 0;
    this.write(ONCE, place);
    return ONCE;
  }

  private write(row: number, place: Place | null): void {
    const { bytes, words } = this.memory;
    const flags = row + PEER_FLAGS;
    bytes[flags] = (bytes[flags] ?? 0) & ~(PEER_SINGLE | PEER_PINNED);
    words[(row + PEER_CHANNEL_HEADER) >> 2] = CHANNEL_TYPE;
    words[(row + PEER_CHANNEL) >> 2] = place?.channel ?? 0;
    if (place === null) {
      bytes[row + PEER_NAME_LENGTH] = 0;
      return;
    }
    if (place.channel !== 0) this.memory.wasm.addLeg(place.channel); // the answers come by it
    bytes[row + PEER_NAME_LENGTH] = writeName(bytes, row, place.endpoint);
    bytes[row + PEER_SLOT] = place.slot;
    if (place.source === null) return;
    writeSource(bytes, row + PEER_SOURCE, place.source);
    bytes[flags] = (bytes[flags] ?? 0) | PEER_PINNED;
  }
}
