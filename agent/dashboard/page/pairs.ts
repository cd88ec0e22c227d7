// The paths of a mesh as pairs of members.

import type { MeshPath } from '../../commands/context.js';

/** One of the two ways of each pair; a direct one where they do not agree. */
export function pairsOf(paths: readonly MeshPath[]): MeshPath[] {
  const pairs = new Map<string, MeshPath>();
  for (const path of paths) {
    const key = [path.from, path.to].sort().join('\0');
    if (pairs.get(key)?.class !== 'direct') pairs.set(key, path);
  }
  return [...pairs.values()];
}
