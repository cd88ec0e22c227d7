// What Tab offers: commands word by word, their flags, paths of the configuration and their values,
// names of peers. All from the registry and the schema, so that what is added there is known here.

import type { Command } from '../../commands/command.js';
import { valueAt } from '../../config/path.js';
import { type Config, ConfigSchema } from '../../config/schema.js';
import { bare, entryNames, entryOf, mayBeNull, type Shape, shapeOf } from '../../config/shape.js';
import { flagName, noteOf } from '../arguments.js';

export type Sources = Readonly<{
  commands: readonly Command[];
  builtins: readonly string[];
  config: Config;
  names: readonly string[]; // of members
}>;

/** `start`: how many characters of the last word are there already. */
export type Completion = Readonly<{ typed: string; offers: readonly string[] }>;

const GLOBALS = ['--json', '--help'];

/** `before`: what stands in front of the cursor. */
export function complete(before: string, sources: Sources): Completion {
  const words = before.trimStart().split(/ +/);
  const typed = words.pop() ?? '';
  if (words[0] === 'kith') words.shift();
  const asks = words[0] === 'help' || words[0] === '?';
  if (asks) words.shift();
  const offers = [...new Set(candidates(words, typed, sources, asks))];
  return { typed, offers: offers.filter((one) => one.startsWith(typed)).sort() };
}

/** What all offers have in common beyond what was typed, and a space where there is but one. */
export function addition({ typed, offers }: Completion): string {
  const [first, ...rest] = offers;
  if (first === undefined) return '';
  let length = first.length;
  for (const one of rest) while (!one.startsWith(first.slice(0, length))) length--;
  const space = rest.length === 0 && !first.endsWith('.') ? ' ' : '';
  return first.slice(typed.length, length) + space;
}

function candidates(words: string[], typed: string, sources: Sources, asks: boolean): string[] {
  const { commands, builtins } = sources;
  const begun = words.join(' ');
  const next = commands.flatMap(({ name }) => {
    const parts = name.split(' ');
    const fits = words.every((word, i) => parts[i] === word) && parts.length > words.length;
    return fits ? [parts[words.length] ?? ''] : [];
  });
  if (words.length === 0) next.push(...builtins);
  if (asks) return next;
  const command = [...commands]
    .sort((a, b) => b.name.length - a.name.length)
    .find(({ name }) => begun === name || begun.startsWith(`${name} `));
  if (!command) return next;
  const given = words.slice(command.name.split(' ').length);
  if (typed.startsWith('-')) return [...next, ...flags(command)];
  return [...next, ...argument(command, given, typed, sources)];
}

function flags(command: Command): string[] {
  const schema = shapeOf(command.schema);
  const own = entryNames(schema).filter((key) => !command.positional.includes(key));
  const watch = command.watch ? ['--watch'] : [];
  return [...own.map((key) => `--${flagName(key)}`), ...GLOBALS, ...watch];
}

function argument(command: Command, words: string[], typed: string, sources: Sources): string[] {
  const given = words.filter((word) => !word.startsWith('--'));
  const key = command.positional[given.length];
  const shape = key === undefined ? undefined : entryOf(shapeOf(command.schema), key);
  if (!shape) return [];
  if (noteOf(shape, 'value') === 'PATH') return paths(typed, sources.config);
  if (noteOf(shape, 'value') === 'VALUE') return values(given[0] ?? '', sources.config);
  if (noteOf(shape, 'value') === 'NAME' || noteOf(shape, 'value') === 'NODE')
    return [...sources.names, ...sources.config.peers.map(({ name }) => name)];
  return choices(shape);
}

/** The settings one level deeper than what is typed; a group ends with a dot. */
function paths(typed: string, config: Config): string[] {
  const at = typed.lastIndexOf('.') + 1;
  const inside = typed.slice(0, at);
  const shape = shapeAt(inside.split('.').filter((part) => part !== ''));
  if (!shape) return [];
  if (bare(shape).item) {
    const found = valueAt(config, inside.slice(0, -1));
    const list = 'value' in found && Array.isArray(found.value) ? found.value : [];
    const names = list.flatMap((one: unknown) => nameOf(one) ?? []);
    return names.map((name) => `${inside}${name}.`);
  }
  return entryNames(shape).map((name) => {
    const entry = entryOf(shape, name);
    const group = entry && (bare(entry).entries ?? bare(entry).item?.entries);
    return `${inside}${name}${group ? '.' : ''}`;
  });
}

function nameOf(one: unknown): string | undefined {
  if (typeof one !== 'object' || one === null || !('name' in one)) return undefined;
  return typeof one.name === 'string' ? one.name : undefined;
}

function shapeAt(parts: readonly string[]): Shape | undefined {
  let shape: Shape | undefined = shapeOf(ConfigSchema);
  for (const part of parts) {
    if (!shape) return undefined;
    const { item } = bare(shape);
    shape = item ?? entryOf(shape, part);
  }
  return shape;
}

/** What may stand at a path, where that is a choice; else what stands there now. */
function values(path: string, config: Config): string[] {
  const shape = shapeAt(path.split('.'));
  if (!shape) return [];
  const some = choices(shape);
  if (some.length > 0) return some;
  const found = valueAt(config, path);
  const now = 'value' in found ? found.value : null;
  const text = typeof now === 'string' || typeof now === 'number' ? [String(now)] : [];
  return mayBeNull(shape) ? [...text, 'null'] : text;
}

function choices(shape: Shape): string[] {
  const inner = bare(shape);
  if (inner.type === 'boolean') return ['true', 'false'];
  return (inner.options ?? []).map(String);
}
