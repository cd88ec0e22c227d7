// Is this a configuration? If not: everything that is wrong with it, at once.

import * as v from 'valibot';
import { migrated } from './migrate.js';
import { crossRules } from './rules.js';
import { CONFIG_VERSION, type Config, ConfigSchema } from './schema.js';
import { bare, entryNames, entryOf, type Shape, shapeOf } from './shape.js';
import { suggestion } from './words.js';

/** `path` is dotted, list places counted from 0: `peers.2.endpoint`; empty for the whole file. */
export type Problem = Readonly<{ path: string; problem: string }>;

export type Checked = Readonly<{ config: Config } | { problems: readonly Problem[] }>;

export const PROBLEMS_MAX = 100; // nobody reads more, and a hostile file has millions
const PATH_PART_MAX = 80;

export function checkConfig(value: unknown): Checked {
  const newer = newerVersion(value);
  if (newer) return { problems: [newer] };
  const result = v.safeParse(ConfigSchema, value);
  const problems = [
    ...unknownParts(shapeOf(ConfigSchema), value, ''),
    ...(result.issues ?? []).filter((issue) => !isUnknownKey(issue)).map(problemOf),
    ...crossRules(value),
  ];
  if (result.success && problems.length === 0) return { config: result.output };
  return { problems: limited(problems) };
}

/** The same from a file's text, which may be of an older version. */
export function parseConfig(text: string): Checked {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problems: [{ path: '', problem: `is not JSON${whereInJson(text, error)}` }] };
  }
  return checkConfig(migrated(value).config);
}

/** `path: problem`, as it is printed. */
export function formatProblem({ path, problem }: Problem): string {
  return path === '' ? `configuration: ${problem}` : `${path}: ${problem}`;
}

/**
 * A file from a newer kith is not wrong; saying that each of its new keys is unknown would mislead.
 */
function newerVersion(value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null || !('version' in value)) return undefined;
  const { version } = value;
  if (typeof version !== 'number' || !(version > CONFIG_VERSION)) return undefined;
  const problem = `${version} is newer than this kith understands (${CONFIG_VERSION}): update kith`;
  return { path: 'version', problem };
}

function problemOf(issue: v.BaseIssue<unknown>): Problem {
  const path = (issue.path ?? []).map((part) => shorten(String(part.key))).join('.');
  const missing = issue.input === undefined && issue.received === 'undefined';
  if (missing) return { path, problem: 'is missing' };
  const object = issue.kind === 'schema' && issue.expected === 'Object';
  return { path, problem: object ? 'must be an object' : issue.message };
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never';
}

/** valibot stops at the first unknown key of an object, so they are looked for apart. */
function unknownParts(shape: Shape, value: unknown, path: string): Problem[] {
  const inner = bare(shape);
  const problems: Problem[] = [];
  if (inner.item && Array.isArray(value)) {
    for (const [i, one] of value.entries()) {
      if (problems.length > PROBLEMS_MAX) break;
      problems.push(...unknownParts(inner.item, one, join(path, String(i))));
    }
  } else if (inner.entries && Array.isArray(value)) {
    problems.push({ path, problem: 'must be an object' }); // valibot takes a list for one
  } else if (inner.entries && typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      if (problems.length > PROBLEMS_MAX) break;
      const entry = entryOf(inner, key);
      if (entry) problems.push(...unknownParts(entry, one, join(path, key)));
      else problems.push(unknown(path, key, entryNames(inner)));
    }
  }
  return problems;
}

function unknown(path: string, key: string, names: string[]): Problem {
  return { path: join(path, shorten(key)), problem: `is unknown${suggestion(key, names)}` };
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Keys come from outside: bounded, and nothing that moves a terminal's cursor. */
function shorten(key: string): string {
  const short = key.length > PATH_PART_MAX ? `${key.slice(0, PATH_PART_MAX)}…` : key;
  return short.replace(/\p{C}/gu, '?');
}

/** One path is named once, with the first thing that is wrong there. */
function limited(problems: readonly Problem[]): Problem[] {
  const first = new Map<string, Problem>();
  for (const problem of problems) {
    const key = problem.problem.startsWith('is unknown') ? `?${problem.path}` : problem.path;
    if (!first.has(key)) first.set(key, problem);
  }
  const all = [...first.values()];
  if (all.length <= PROBLEMS_MAX) return all;
  const more = all.length - PROBLEMS_MAX;
  return [
    ...all.slice(0, PROBLEMS_MAX),
    { path: '', problem: `and at least ${more} more problems` },
  ];
}

/** Line and column; the engine's own message is left out, because it quotes the file. */
function whereInJson(text: string, error: unknown): string {
  const at = /at position (\d+)/.exec(error instanceof Error ? error.message : '');
  const ended = text.trim() === '' ? ': it is empty' : ': it ends too early';
  if (!at) return ended;
  const before = text.slice(0, Number(at[1])).split('\n');
  return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
