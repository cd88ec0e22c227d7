// A configuration as the text of kith.json: what says something, in the schema's order.

import { type Config, ConfigSchema } from './schema.js';
import { bare, entryNames, entryOf, type Shape, shapeOf } from './shape.js';

/**
 * Settings that have their default value are left out, so that a later default may be better; but
 * what `before` (the parsed file, if there was one) spelled out stays spelled out.
 */
export function configText(config: Config, before: unknown): string {
  return `${JSON.stringify(sparse(shapeOf(ConfigSchema), config, before), null, 2)}\n`;
}

function sparse(shape: Shape, value: unknown, before: unknown): unknown {
  if (!bare(shape).entries || typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const name of entryNames(shape)) {
    const entry = entryOf(shape, name);
    const one = field(value, name);
    if (!entry || one === undefined) continue;
    const written = field(before, name);
    const inner = sparse(entry, one, written);
    if (written !== undefined || !isDefault(entry, inner)) kept[name] = inner;
  }
  return kept;
}

function isDefault(entry: Shape, value: unknown): boolean {
  return entry.default !== undefined && JSON.stringify(value) === JSON.stringify(entry.default);
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
