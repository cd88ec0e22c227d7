// A rendezvous outside of the mesh, as an MQTT broker is one: it keeps the newest sealed record of
// each node. Who has lost everybody looks there, and is read of by others; it serves nobody else,
// so that it hides no failure of the mesh. A malicious one shows old records, and altered ones.

import type { NodeId } from '../../agent/identity/member.js';
import type { SimNode } from './node.js';
import { flipped } from './nonsense.js';
import type { World } from './world.js';

const LOOK_MS = 10_000;
const OLD_MAX = 64;

export class Broker {
  isMalicious = false;
  private readonly records = new Map<NodeId, Uint8Array>();
  private readonly old: Uint8Array[] = [];

  constructor(
    private readonly world: World,
    private readonly nodes: readonly SimNode[],
    /** Who is revoked, and has not heard of it, is company to nobody. */
    private readonly belongs: (node: SimNode) => boolean,
  ) {
    this.look();
  }

  publish(node: NodeId, record: Uint8Array): void {
    const before = this.records.get(node);
    if (before !== undefined && this.old.length < OLD_MAX) this.old.push(before);
    this.records.set(node, record);
  }

  private look(): void {
    this.world.after(LOOK_MS, () => {
      this.look();
      for (const node of this.nodes) if (this.isLost(node)) this.help(node);
    });
  }

  private isLost(node: SimNode): boolean {
    if (!isOnline(node)) return false;
    return !this.nodes.some((other) => this.belongs(other) && node.mesh.isMet(other.id));
  }

  /** It reads of the others, and they of it: both have to knock. */
  private help(lost: SimNode): void {
    const { random } = this.world;
    for (const other of this.nodes) {
      if (other === lost || !isOnline(other)) continue;
      for (const [node, of] of [
        [lost, other],
        [other, lost],
      ] as const) {
        const record = this.records.get(of.id);
        if (record === undefined) continue;
        const forms = [record, flipped(record, random), this.old[random.below(OLD_MAX)] ?? record];
        const shown = this.isMalicious ? (forms[random.below(3)] ?? record) : record;
        node.tell((mesh, at) => mesh.onRecord(shown, at));
      }
    }
  }
}

function isOnline(node: SimNode): boolean {
  return node.running && !node.host.site.cut;
}
