// The newest record seen of each node, by its `seq`: who hands out an older one again, by mistake
// or to lead us astray, is not heard.

import type { NodeId } from '../identity/member.js';

/** Nodes remembered; the one not heard of for longest is forgotten first. */
const NODES_MAX = 4_096;

export class Newest {
  private readonly seqs = new Map<NodeId, number>();

  /** As new as any before? Then it is remembered. */
  accept(node: NodeId, seq: number): boolean {
    if (seq < (this.seqs.get(node) ?? 0)) return false;
    this.seqs.delete(node);
    this.seqs.set(node, seq);
    if (this.seqs.size > NODES_MAX) {
      for (const oldest of this.seqs.keys()) {
        this.seqs.delete(oldest);
        break;
      }
    }
    return true;
  }

  forget(node: NodeId): void {
    this.seqs.delete(node);
  }
}
