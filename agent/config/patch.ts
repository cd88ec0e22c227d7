// Changing a configuration by a JSON merge patch (RFC 7396): what the patch names is set, lists are
// replaced whole. `null` sets what may be null to null, and anything else back to its default.

import type { Changed } from './path.js';
import { type Config, ConfigSchema } from './schema.js';
import { entryNames, entryOf, isPrivileged, mayBeNull, type Shape, shapeOf } from './shape.js';
import { checkConfig } from './validate.js';

/** The patched configuration, or everything that is wrong with it. The patch may be anything. */
export function patchedConfig(config: Config, patch: unknown): Changed {
  if (!isObject(patch))
    return { problems: [{ path: '', problem: 'the patch must be an object of settings' }] };
  return checkConfig(merge(shapeOf(ConfigSchema), config, patch));
}

/** Changed settings that the schema marks as privileged, by path. */
export function privilegedPaths(before: Config, after: Config): string[] {
  const paths: string[] = [];
  findPrivileged(shapeOf(ConfigSchema), before, after, '', paths);
  return paths;
}

/** Goes no deeper than the schema does, so that a hostile patch costs no more than its size. */
function merge(shape: Shape, target: unknown, patch: Record<string, unknown>): unknown {
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    const entry = entryOf(shape, key);
    if (value === null && !(entry && mayBeNull(entry))) merged.delete(key);
    else if (entry && entryNames(entry).length > 0 && isObject(value))
      merged.set(key, merge(entry, merged.get(key), value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged); // defines `__proto__` as a plain field, which is unknown
}

function findPrivileged(
  shape: Shape,
  before: unknown,
  after: unknown,
  path: string,
  paths: string[],
): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (isPrivileged(shape)) {
    paths.push(path);
    return;
  }
  for (const name of entryNames(shape)) {
    const entry = entryOf(shape, name);
    const [one, other] = [before, after].map((side) => (isObject(side) ? side[name] : undefined));
    if (entry) findPrivileged(entry, one, other, path === '' ? name : `${path}.${name}`, paths);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
