// Settings of kith.json as options of UCI, OpenWrt's own store, so that LuCI and `uci` drive them:
//
//     name                 kith.node.name          what stands at the top is in the section `node`
//     listen.port          kith.listen.port
//     mesh.discovery.lan   kith.mesh_discovery.lan
//
// Lists are lists. Peers are no settings in this sense: they stay with `kith guest` and `import`.

import { type Config, ConfigSchema } from './schema.js';
import { bare, entryNames, entryOf, mayBeNull, readText, type Shape, shapeOf } from './shape.js';

/** By `section.option`; only what is not as it is without a word about it. */
export type UciSettings = Readonly<Record<string, string | readonly string[]>>;

type Leaf = Readonly<{ key: string; path: readonly string[]; shape: Shape }>;

const TOP = 'node';
const LEFT_OUT = ['version', 'peers'];

let known: ReadonlyMap<string, Leaf> | undefined;

function leaves(): ReadonlyMap<string, Leaf> {
  known ??= new Map(leavesOf(shapeOf(ConfigSchema), []).map((leaf) => [leaf.key, leaf]));
  return known;
}

function leavesOf(shape: Shape, path: readonly string[]): Leaf[] {
  return entryNames(shape).flatMap((name): Leaf[] => {
    const entry = entryOf(shape, name);
    if (!entry || (path.length === 0 && LEFT_OUT.includes(name))) return [];
    const deeper = [...path, name];
    if (bare(entry).entries) return leavesOf(entry, deeper);
    const section = path.length === 0 ? TOP : path.join('_');
    return [{ key: `${section}.${name}`, path: deeper, shape: entry }];
  });
}

/** Every setting of a configuration that differs from `defaults`, and the name. */
export function uciSettings(config: Config, defaults: Config): UciSettings {
  const settings: Record<string, string | readonly string[]> = {};
  for (const { key, path } of leaves().values()) {
    const value = valueAt(config, path);
    const same = JSON.stringify(value) === JSON.stringify(valueAt(defaults, path));
    if (value === null || (same && key !== `${TOP}.name`)) continue;
    if (Array.isArray(value) && value.length === 0) continue; // UCI has no empty lists
    settings[key] = Array.isArray(value) ? value.map(asText) : asText(value);
  }
  return settings;
}

/**
 * The configuration with what has changed in UCI from `before` to `after`; what is there no more is
 * as in `defaults` again. Values are of the right kind only if they read so: validate it.
 */
export function withUci(
  config: Config,
  before: UciSettings,
  after: UciSettings,
  defaults: Config,
): { config: Config; changed: readonly string[] } {
  let result = config;
  const changed: string[] = [];
  for (const { key, path, shape } of leaves().values()) {
    const given = after[key];
    if (isSame(before[key], given)) continue;
    const value = given === undefined ? valueAt(defaults, path) : readValue(shape, given);
    if (JSON.stringify(value) === JSON.stringify(valueAt(result, path))) continue;
    result = withValue(result, path, value) as Config;
    changed.push(path.join('.'));
  }
  return { config: result, changed };
}

/** `uci` shows a list of one as it shows a single value. */
export function isSame(a: UciSettings[string] | undefined, b: typeof a): boolean {
  const words = (value: typeof a) =>
    value === undefined ? undefined : typeof value === 'string' ? [value] : value;
  return JSON.stringify(words(a)) === JSON.stringify(words(b));
}

/** Is it a setting of ours? Others may stand in /etc/config/kith, too: `enabled`, buttons. */
export function isUciSetting(key: string): boolean {
  return leaves().has(key);
}

function readValue(shape: Shape, given: string | readonly string[]): unknown {
  const list = bare(shape).type === 'array';
  if (typeof given !== 'string') {
    const { item } = bare(shape);
    return list && item ? given.map((text) => readText(item, text)) : given.join(' ');
  }
  if (given === '' && mayBeNull(shape)) return null;
  // UCI says 0 and 1 where others say false and true.
  if (bare(shape).type === 'boolean' && /^[01]$/.test(given)) return given === '1';
  return readText(shape, given);
}

function asText(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) {
    if (typeof inner !== 'object' || inner === null) return undefined;
    inner = (inner as Record<string, unknown>)[name];
  }
  return inner;
}

function withValue(value: unknown, [name, ...rest]: readonly string[], leaf: unknown): unknown {
  if (name === undefined) return leaf;
  const record = value as Record<string, unknown>;
  return { ...record, [name]: withValue(record[name], rest, leaf) };
}
