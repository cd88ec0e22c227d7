// A rendezvous outside of the mesh, as an MQTT broker is one: it keeps the newest sealed record of
// each node. Who has lost everybody looks there; nobody else does, so that it hides no failure of
// the mesh itself. A malicious one shows old records, and altered ones.

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
      for (const node of this.nodes) if (this.isLost(node)) this.show(node);
    });
  }

  private isLost(node: SimNode): boolean {
    const isOnline = node.running && !node.host.site.cut;
    return isOnline && !this.nodes.some(({ id }) => node.mesh.isMet(id));
  }

  private show(node: SimNode): void {
    const { random } = this.world;
    for (const [owner, record] of this.records) {
      if (owner === node.id) continue;
      const forms = [record, flipped(record, random), this.old[random.below(OLD_MAX)] ?? record];
      const shown = this.isMalicious ? (forms[random.below(3)] ?? record) : record;
      node.tell((mesh, at) => mesh.onRecord(shown, at));
    }
  }
}
