// Which trackers serve a node: highest random weight hashing (Thaler and Ravishankar, 1998).
//
// Everybody who knows the same trackers names the same ones for a node, without asking; each
// tracker is named equally often; one that comes or goes concerns only the nodes it serves.
//
//   weight(tracker, node) = mix(words(seed, tracker), words(seed, node)); the highest serve
//
// The mixing is fast, not cryptographic. A stronger one would help nobody: with any hash, whoever
// may choose his key tries a few thousand until the weight suits him. An admin who sees that sets
// another seed, and all is dealt anew.

import { equalBytes } from '@noble/ciphers/utils.js';
import type { NodeId } from '../identity/member.js';

/** So many are ranked and remembered for a node: those that serve, and those who stand in. */
export const RANKED_MAX = 12;

/** Rankings remembered at once; the least recently used goes. */
const CACHED_MAX = 64;

type Ranking = { readonly words: Words; readonly nodes: NodeId[]; readonly weights: number[] };
type Words = readonly [first: number, second: number];

export class Rendezvous {
  /** Grows whenever trackers come or go, and with a new seed. */
  version = 0;
  private readonly trackers: NodeId[] = [];
  private words = new Uint32Array(16); // two for each tracker
  private readonly cached = new Map<NodeId, Ranking>();

  constructor(private seed: Uint8Array) {}

  get size(): number {
    return this.trackers.length;
  }

  has(tracker: NodeId): boolean {
    return this.trackers.includes(tracker);
  }

  add(tracker: NodeId): void {
    if (this.has(tracker)) return;
    this.version++;
    const index = this.trackers.push(tracker) - 1;
    if (2 * index >= this.words.length) {
      const wider = new Uint32Array(2 * this.words.length);
      wider.set(this.words);
      this.words = wider;
    }
    this.words.set(wordsOf(this.seed, tracker), 2 * index);
    for (const [node, ranking] of this.cached) this.consider(node, ranking, index);
  }

  remove(tracker: NodeId): void {
    const index = this.trackers.indexOf(tracker);
    if (index < 0) return;
    this.version++;
    const last = this.trackers.length - 1;
    this.trackers[index] = this.trackers[last] as NodeId;
    this.trackers.pop();
    this.words.copyWithin(2 * index, 2 * last, 2 * last + 2);
    for (const [node, ranking] of this.cached) {
      if (ranking.nodes.includes(tracker)) this.cached.delete(node);
    }
  }

  /** All is dealt anew; nothing happens where the seed is the same. */
  reseed(seed: Uint8Array): void {
    if (equalBytes(seed, this.seed)) return;
    this.seed = seed;
    this.version++;
    this.cached.clear();
    for (const [i, tracker] of this.trackers.entries()) {
      this.words.set(wordsOf(seed, tracker), 2 * i);
    }
  }

  /** The trackers of a node, best first, at most RANKED_MAX; it is never its own. */
  rank(node: NodeId): readonly NodeId[] {
    const found = this.cached.get(node);
    if (found !== undefined) {
      this.cached.delete(node); // the map's order is the order of use
      this.cached.set(node, found);
      return found.nodes;
    }
    const ranking = { words: wordsOf(this.seed, node), nodes: [], weights: [] };
    for (let i = 0; i < this.trackers.length; i++) this.consider(node, ranking, i);
    this.cached.set(node, ranking);
    if (this.cached.size > CACHED_MAX) {
      for (const oldest of this.cached.keys()) {
        this.cached.delete(oldest);
        break;
      }
    }
    return ranking.nodes;
  }

  /** Puts the tracker into the ranking where it belongs, if it does. */
  private consider(node: NodeId, { words, nodes, weights }: Ranking, index: number): void {
    const first = this.words[2 * index] as number;
    const second = this.words[2 * index + 1] as number;
    const weight = mix(mix(first ^ words[0]) + (second ^ words[1]));
    let at = weights.length;
    if (at === RANKED_MAX && weight < (weights[at - 1] as number)) return;
    const tracker = this.trackers[index] as NodeId;
    if (tracker === node) return;
    while (at > 0 && precedes(weight, tracker, weights[at - 1], nodes[at - 1])) at--;
    if (at === RANKED_MAX) return;
    weights.splice(at, 0, weight);
    nodes.splice(at, 0, tracker);
    if (nodes.length > RANKED_MAX) {
      weights.pop();
      nodes.pop();
    }
  }
}

/** The higher weight first; of equal ones the lower key, so that everybody says the same. */
function precedes(weight: number, tracker: NodeId, other = 0, otherTracker: NodeId = ''): boolean {
  return weight > other || (weight === other && tracker < otherTracker);
}

/** 64 bits of seed and key, as two words. */
function wordsOf(seed: Uint8Array, key: NodeId): Words {
  let first = 0x9e3779b9;
  let second = 0x85ebca6b;
  for (const byte of seed) first = mix(first + byte);
  for (let i = 0; i < key.length; i++) {
    const letter = key.charCodeAt(i);
    first = Math.imul(first ^ letter, 0x01000193);
    second = Math.imul(second + letter, 0x5bd1e995) ^ (second >>> 15);
  }
  return [mix(first), mix(second ^ first)];
}

/** Every bit of the 32 goes into every other (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Who goes first where only so many can be kept: the same everywhere, for the same seed. */
export function standing(seed: Uint8Array, node: NodeId): number {
  const [first, second] = wordsOf(seed, node);
  return mix(first ^ mix(second));
}
