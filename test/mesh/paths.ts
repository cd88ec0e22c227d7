// Scenes for the stories about paths.

import { Nat, type NatType } from './nattable.js';
import type { PathNode } from './pathnode.js';
import { PathWorld } from './pathworld.js';

export type Scene = Readonly<{
  world: PathWorld;
  relay: PathNode; // the first of the public nodes
  a: PathNode;
  b: PathNode;
}>;

/** Two homes and public nodes that track and relay; the homes are met with those. */
export function homes(left: NatType | null, right: NatType | null, relays = 1): Scene {
  const world = new PathWorld();
  for (let i = 0; i < relays; i++) {
    world.add({ lan: `198.51.100.${i + 1}`, nat: null }, ['relay', 'tracker']);
  }
  const home = (i: number, type: NatType | null) =>
    type === null
      ? world.add({ lan: `203.0.113.${i}`, nat: null })
      : world.add({ lan: `192.168.${i}.2`, nat: new Nat(`203.0.113.${i}`, type) });
  const a = home(1, left);
  const b = home(2, right);
  for (const node of [a, b]) node.joinTrackers();
  world.run(1_000);
  return { world, relay: world.nodes[0] as PathNode, a, b };
}

/** The longest time between two packets of a stream that arrived, in milliseconds. */
export function longestGap(got: ReadonlyMap<number, number>, from: number, until: number): number {
  const moments = [...got.values()].filter((at) => at >= from && at <= until).sort((x, y) => x - y);
  let gap = 0;
  for (const [i, at] of [...moments, until].entries()) {
    gap = Math.max(gap, at - (i === 0 ? from : (moments[i - 1] ?? from)));
  }
  return gap;
}
