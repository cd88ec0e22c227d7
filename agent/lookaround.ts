// The mesh as a whole, for a person who looks: this node's own paths, and what members that it has
// met say of theirs.

import { setTimeout as pause } from 'node:timers/promises';
import type { MeshPath } from './commands/context.js';
import type { NodeId } from './identity/member.js';
import type { Roll } from './mesh/ground.js';
import type { Mesh } from './mesh/mesh.js';
import type { Underlay } from './underlay.js';

const PATIENCE_MS = 700; // a round trip and a relay's; who is slower is in the next look
const STEP_MS = 20;

export type LookAroundOptions = Readonly<{
  mesh: Mesh;
  underlay: Pick<Underlay, 'tell' | 'times'>;
  roll: Roll;
  self: NodeId;
}>;

export async function lookAround(options: LookAroundOptions): Promise<MeshPath[]> {
  const { mesh, underlay, roll, self } = options;
  underlay.tell((asked, at) => asked.look(at));
  const sights = () => mesh.sights(underlay.times().now);
  for (let waited = 0; waited < PATIENCE_MS && sights().awaited > 0; waited += STEP_MS)
    await pause(STEP_MS);
  const nameOf = (node: NodeId) => roll.member(node)?.name;
  const own = [...mesh.metNodes].flatMap((to) => {
    const { class: kind, via, rttMs } = mesh.path(to);
    return kind === 'none' ? [] : [{ from: self, to, via: kind === 'relay' ? via : null, rttMs }];
  });
  return [...own, ...sights().sights].flatMap(({ from, to, via, rttMs }) => {
    const [one, other] = [nameOf(from), nameOf(to)];
    if (one === undefined || other === undefined) return []; // of no member
    const relay = via === null ? null : (nameOf(via) ?? 'somebody');
    return [{ from: one, to: other, class: via === null ? 'direct' : 'relay', via: relay, rttMs }];
  });
}
