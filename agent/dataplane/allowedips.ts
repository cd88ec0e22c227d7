// Allowed IPs (cryptokey routing, paper section 2): which peer a prefix belongs to. This is the one
// writer of the trie; trie.ts says how it lies in memory and how workers read it meanwhile.

import { addressBytes, family, formatAddress, type Prefix } from '../bytes/address.js';
import type { PeerId } from '../wireguard/effects.js';
import {
  CHILD,
  EPOCH,
  LENGTH,
  NODE_WORDS,
  PEER,
  READERS,
  READERS_MAX,
  ROOT_IPV4,
  ROOT_IPV6,
  TrieReader,
} from './trie.js';

const NEXT = 8; // of the same peer, in the order in which they were added
const PREVIOUS = 9;
const FREE = 10; // next in the list of unlinked nodes
const ROOT = 11; // of its family; in an unlinked node: the epoch of that

const NODES_MIN = 1024;

/** Where a node hangs: links are indices of words. */
type Spot = { node: number; link: number; parent: number; parentLink: number };

type Options = Readonly<{
  onChange?: () => void; // after every change of what a look-up may answer
  onMove?: (buffer: SharedArrayBuffer) => void; // the trie has outgrown its buffer
}>;

export class AllowedIps {
  private words = new Int32Array(new SharedArrayBuffer(NODES_MIN * NODE_WORDS * 4));
  private used = 1; // nodes ever taken, the header among them
  private freeFirst = 0; // the node unlinked longest ago
  private freeLast = 0;
  private count = 0;
  /** Each peer's first and last prefix. */
  private readonly ends = new Map<PeerId, { first: number; last: number }>();
  private readonly key = new Int32Array(4);
  private readonly reader: TrieReader;

  constructor(private readonly options: Options = {}) {
    this.words[EPOCH] = 1;
    this.reader = new TrieReader(this.buffer, READERS_MAX - 1);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  /** How many prefixes there are. */
  get size(): number {
    return this.count;
  }

  /** Moves the prefix where another peer had it. */
  add(prefix: Prefix, peer: PeerId): void {
    if (!Number.isInteger(peer) || peer < 0) throw new RangeError(`"peer" is ${peer}`);
    const root = this.aim(prefix);
    this.reserve();
    const node = this.findOrInsert(root, prefix.length, peer);
    const before = this.get(node, PEER) - 1;
    if (before === peer && this.isListed(node, peer)) return;
    if (before !== peer) this.unlist(node, before);
    else this.count++;
    this.enlist(node, peer);
    Atomics.store(this.words, node * NODE_WORDS + PEER, peer + 1);
    this.options.onChange?.();
  }

  /** False where this peer does not have it. */
  remove(prefix: Prefix, peer: PeerId): boolean {
    const spot = this.find(this.aim(prefix), prefix.length);
    if (spot.node === 0 || this.get(spot.node, PEER) !== peer + 1) return false;
    this.forget(spot, peer);
    this.options.onChange?.();
    return true;
  }

  removePeer(peer: PeerId): void {
    if (!this.ends.has(peer)) return;
    for (let ends = this.ends.get(peer); ends; ends = this.ends.get(peer)) {
      const row = ends.first * NODE_WORDS;
      this.key.set(this.words.subarray(row, row + 4));
      const root = this.get(ends.first, ROOT);
      this.forget(this.find(root, this.get(ends.first, LENGTH)), peer);
    }
    this.options.onChange?.();
  }

  /** The peer of the longest prefix over the address. */
  lookup(address: string): PeerId | undefined {
    const peer = this.reader.lookup(addressBytes(address), 0, family(address) === 6);
    return peer < 0 ? undefined : peer;
  }

  /** The longest prefix that has all of this one in it, and whose it is. */
  over(prefix: Prefix): Readonly<{ peer: PeerId; length: number }> | undefined {
    let found: { peer: PeerId; length: number } | undefined;
    let link = this.aim(prefix);
    for (;;) {
      const node = this.words[link] ?? 0;
      const here = node === 0 ? 0 : this.get(node, LENGTH);
      if (node === 0 || here > prefix.length || this.commonBits(node, here) < here) return found;
      const peer = this.get(node, PEER) - 1;
      if (peer >= 0) found = { peer, length: here };
      if (here === prefix.length) return found;
      link = node * NODE_WORDS + CHILD + bit(this.key, here);
    }
  }

  /** A peer's prefixes, in the order in which they were added. */
  list(peer: PeerId): Prefix[] {
    const prefixes: Prefix[] = [];
    for (let node = this.ends.get(peer)?.first ?? 0; node !== 0; node = this.get(node, NEXT)) {
      prefixes.push(this.prefixOf(node));
    }
    return prefixes;
  }

  /** Puts the prefix's bits into `key`; returns the root of its family. */
  private aim({ address, length }: Prefix): number {
    const bytes = addressBytes(address);
    if (!Number.isInteger(length) || length < 0 || length > bytes.length * 8) {
      throw new RangeError(`"prefix" has length ${length}`);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let i = 0; i < 4; i++) {
      const word = 4 * i < bytes.length ? view.getInt32(4 * i) : 0;
      this.key[i] = word & maskOf(length - 32 * i);
    }
    return bytes.length === 4 ? ROOT_IPV4 : ROOT_IPV6;
  }

  private findOrInsert(root: number, length: number, peer: PeerId): number {
    let link = root;
    for (;;) {
      const node = this.words[link] ?? 0;
      if (node === 0) return this.publish(link, this.take(root, length, peer + 1));
      const here = this.get(node, LENGTH);
      const common = this.commonBits(node, Math.min(here, length));
      if (common === here && here === length) return this.mark(node, peer);
      if (common === here) {
        link = node * NODE_WORDS + CHILD + bit(this.key, here);
      } else if (common === length) {
        const above = this.take(root, length, peer + 1);
        this.set(above, CHILD + this.nodeBit(node, length), node);
        return this.publish(link, above);
      } else {
        const leaf = this.take(root, length, peer + 1);
        const fork = this.take(root, common, 0);
        this.set(fork, CHILD + bit(this.key, common), leaf);
        this.set(fork, CHILD + this.nodeBit(node, common), node);
        this.publish(link, fork);
        return leaf;
      }
    }
  }

  private publish(link: number, node: number): number {
    Atomics.store(this.words, link, node);
    return node;
  }

  /** A fork that stood there without a peer is a prefix from now on. */
  private mark(node: number, peer: PeerId): number {
    if (this.get(node, PEER) === 0) Atomics.store(this.words, node * NODE_WORDS + PEER, peer + 1);
    return node;
  }

  private find(root: number, length: number): Spot {
    const spot: Spot = { node: 0, link: root, parent: 0, parentLink: 0 };
    for (;;) {
      const node = this.words[spot.link] ?? 0;
      const here = node === 0 ? 0 : this.get(node, LENGTH);
      if (node === 0 || here > length || this.commonBits(node, here) < here) return spot;
      if (here === length) return { ...spot, node };
      spot.parent = node;
      spot.parentLink = spot.link;
      spot.link = node * NODE_WORDS + CHILD + bit(this.key, here);
    }
  }

  /** Takes the prefix from its peer, and what is no longer needed out of the trie. */
  private forget({ node, link, parent, parentLink }: Spot, peer: PeerId): void {
    this.unlist(node, peer);
    this.count--;
    Atomics.store(this.words, node * NODE_WORDS + PEER, 0);
    const left = this.get(node, CHILD);
    const right = this.get(node, CHILD + 1);
    if (left !== 0 && right !== 0) return;
    this.publish(link, left || right);
    this.free(node);
    if (left !== 0 || right !== 0 || parent === 0 || this.get(parent, PEER) !== 0) return;
    this.publish(parentLink, this.get(parent, CHILD) || this.get(parent, CHILD + 1));
    this.free(parent);
  }

  private enlist(node: number, peer: PeerId): void {
    const ends = this.ends.get(peer);
    this.set(node, NEXT, 0);
    this.set(node, PREVIOUS, ends?.last ?? 0);
    if (ends) {
      this.set(ends.last, NEXT, node);
      ends.last = node;
    } else {
      this.ends.set(peer, { first: node, last: node });
    }
  }

  private unlist(node: number, peer: PeerId): void {
    const ends = this.ends.get(peer);
    if (!ends) return;
    const next = this.get(node, NEXT);
    const previous = this.get(node, PREVIOUS);
    if (next !== 0) this.set(next, PREVIOUS, previous);
    else ends.last = previous;
    if (previous !== 0) this.set(previous, NEXT, next);
    else ends.first = next;
    if (ends.first === 0) this.ends.delete(peer);
    this.set(node, NEXT, 0);
    this.set(node, PREVIOUS, 0);
  }

  private isListed(node: number, peer: PeerId): boolean {
    return this.get(node, PREVIOUS) !== 0 || this.ends.get(peer)?.first === node;
  }

  private take(root: number, length: number, peer: number): number {
    let node = this.freeFirst;
    if (node !== 0 && this.isSafe(this.get(node, ROOT))) {
      this.freeFirst = this.get(node, FREE);
      if (this.freeFirst === 0) this.freeLast = 0;
    } else {
      node = this.used++;
    }
    const row = node * NODE_WORDS;
    this.words.fill(0, row, row + NODE_WORDS);
    for (let i = 0; i < 4; i++) this.words[row + i] = (this.key[i] ?? 0) & maskOf(length - 32 * i);
    this.set(node, LENGTH, length);
    this.set(node, PEER, peer);
    this.set(node, ROOT, root);
    return node;
  }

  private free(node: number): void {
    const epoch = this.words[EPOCH] ?? 0;
    this.set(node, ROOT, epoch);
    this.set(node, FREE, 0);
    if (this.freeLast !== 0) this.set(this.freeLast, FREE, node);
    else this.freeFirst = node;
    this.freeLast = node;
    Atomics.store(this.words, EPOCH, epoch + 1);
  }

  /** Whether every reader began after that epoch. */
  private isSafe(epoch: number): boolean {
    for (let i = 0; i < READERS_MAX; i++) {
      const reading = Atomics.load(this.words, READERS + i);
      if (reading !== 0 && reading <= epoch) return false;
    }
    return true;
  }

  /** Makes sure that two nodes can be taken. */
  private reserve(): void {
    const nodes = this.words.length / NODE_WORDS;
    if (this.used + 2 <= nodes) return;
    const larger = new Int32Array(new SharedArrayBuffer(2 * nodes * NODE_WORDS * 4));
    larger.set(this.words);
    larger.fill(0, READERS, READERS + READERS_MAX); // nobody reads there yet
    this.words = larger;
    this.reader.move(this.buffer);
    this.options.onMove?.(this.buffer);
  }

  private commonBits(node: number, most: number): number {
    for (let at = 0; at < most; at += 32) {
      const word = at >>> 5;
      const differ = this.get(node, word) ^ (this.key[word] ?? 0);
      if (differ !== 0) return Math.min(most, at + Math.clz32(differ));
    }
    return most;
  }

  private nodeBit(node: number, at: number): number {
    return (this.get(node, at >>> 5) >>> (31 - (at & 31))) & 1;
  }

  private prefixOf(node: number): Prefix {
    const view = new DataView(new ArrayBuffer(16));
    for (let i = 0; i < 4; i++) view.setInt32(4 * i, this.get(node, i));
    const bytes = new Uint8Array(view.buffer, 0, this.get(node, ROOT) === ROOT_IPV4 ? 4 : 16);
    return { address: formatAddress(bytes), length: this.get(node, LENGTH) };
  }

  private get(node: number, word: number): number {
    return this.words[node * NODE_WORDS + word] ?? 0;
  }

  private set(node: number, word: number, value: number): void {
    this.words[node * NODE_WORDS + word] = value;
  }
}

/** The first `bits` bits of a word, none below 0 and all from 32 on. */
function maskOf(bits: number): number {
  if (bits >= 32) return -1;
  return bits <= 0 ? 0 : ~(-1 >>> bits);
}

function bit(key: Int32Array, at: number): number {
  return ((key[at >>> 5] ?? 0) >>> (31 - (at & 31))) & 1;
}
