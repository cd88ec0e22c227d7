// Reading and changing a configuration by path: `listen.port`, `peers.0.endpoint`, and, because
// people know names and not places, `peers.phone.endpoint`.

import { type Config, ConfigSchema } from './schema.js';
import { applyOf, bare, entryNames, entryOf, readText, type Shape, shapeOf } from './shape.js';
import { checkConfig, type Problem } from './validate.js';
import { suggestion } from './words.js';

export type Found = Readonly<{ value: unknown } | { problem: Problem }>;
export type Changed = Readonly<{ config: Config } | { problems: readonly Problem[] }>;

/** What stands at a path; the empty path is the whole configuration. */
export function valueAt(config: Config, path: string): Found {
  let value: unknown = config;
  let shape = shapeOf(ConfigSchema);
  const walked: string[] = [];
  for (const part of split(path)) {
    const step = descend(shape, value, part, walked);
    if ('problem' in step) return step;
    if (step.place === undefined) return missing(walked, part, value);
    value = (value as Record<string | number, unknown>)[step.place];
    shape = step.shape;
    walked.push(part);
  }
  return { value };
}

/**
 * The configuration with the value that `text` spells at `path`, checked as a whole. A peer that
 * does not exist yet is appended when it is given whole: `peers.cabin {"publicKey": …}`.
 */
export function withValueAt(config: Config, path: string, text: string): Changed {
  const parts = split(path);
  if (parts.length === 0) return { problems: [{ path: '', problem: 'which setting?' }] };
  const copy: unknown = structuredClone(config);
  let holder = copy as Record<string | number, unknown>;
  let shape = shapeOf(ConfigSchema);
  const walked: string[] = [];
  for (const [i, part] of parts.entries()) {
    const step = descend(shape, holder, part, walked);
    if ('problem' in step) return { problems: [step.problem] };
    const last = i === parts.length - 1;
    if (last) {
      put(holder, step, part, readText(step.shape, text));
      return checkConfig(copy);
    }
    const next = step.place === undefined ? undefined : holder[step.place];
    walked.push(part);
    if (step.place === undefined)
      return { problems: [missing(walked.slice(0, -1), part, holder).problem] };
    if (typeof next !== 'object' || next === null)
      return { problems: [{ path: parts.join('.'), problem: 'has no settings inside' }] };
    holder = next as Record<string | number, unknown>;
    shape = step.shape;
  }
  throw new RangeError('"path" has no parts');
}

/** The paths whose change only a restart brings about. */
export function restartPaths(before: Config, after: Config): string[] {
  const paths: string[] = [];
  compare(shapeOf(ConfigSchema), before, after, '', paths);
  return paths;
}

function compare(shape: Shape, before: unknown, after: unknown, path: string, paths: string[]) {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  const apply = applyOf(shape);
  if (apply === 'restart') paths.push(path);
  if (apply !== undefined) return;
  for (const name of entryNames(shape)) {
    const entry = entryOf(shape, name);
    const pair = [before, after].map((side) => (side as Record<string, unknown>)[name]);
    if (entry) compare(entry, pair[0], pair[1], path === '' ? name : `${path}.${name}`, paths);
  }
}

type Step = Readonly<{ shape: Shape; place: string | number | undefined }>;

/** One part of a path: a field of an object, or a place or a name in a list of named things. */
function descend(
  shape: Shape,
  value: unknown,
  part: string,
  walked: readonly string[],
): Step | { problem: Problem } {
  const inner = bare(shape);
  if (inner.item && Array.isArray(value)) return { shape: inner.item, place: placeOf(value, part) };
  const entry = entryOf(inner, part);
  if (entry) return { shape: entry, place: part };
  const names = entryNames(inner);
  const path = [...walked, part].join('.');
  if (names.length === 0) return { problem: { path, problem: 'has no settings inside' } };
  return { problem: { path, problem: `is unknown${suggestion(part, names)}` } };
}

function placeOf(list: readonly unknown[], part: string): number | undefined {
  const named = list.findIndex(
    (one) => typeof one === 'object' && one !== null && 'name' in one && one.name === part,
  );
  if (named >= 0) return named;
  const place = /^\d{1,6}$/.test(part) ? Number(part) : -1;
  return place >= 0 && place < list.length ? place : undefined;
}

function put(holder: Record<string | number, unknown>, step: Step, part: string, value: unknown) {
  if (step.place !== undefined) {
    holder[step.place] = value;
  } else if (Array.isArray(holder)) {
    const named = typeof value === 'object' && value !== null && entryOf(step.shape, 'name');
    holder.push(named && !/^\d+$/.test(part) ? { name: part, ...value } : value);
  }
}

function missing(walked: readonly string[], part: string, value: unknown): { problem: Problem } {
  const names = (Array.isArray(value) ? value : []).flatMap((one: unknown) =>
    typeof one === 'object' && one !== null && 'name' in one ? [String(one.name)] : [],
  );
  const path = [...walked, part].join('.');
  return { problem: { path, problem: `there is none${suggestion(part, names)}` } };
}

function split(path: string): string[] {
  return path === '' ? [] : path.split('.');
}
