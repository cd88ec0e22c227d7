// Older configurations become today's, one numbered step after the other. A step is never changed
// once it was released: files of that version lie on routers somewhere.

import { CONFIG_VERSION } from './schema.js';

export type Migration = Readonly<{
  from: number; // makes version `from` + 1 of it
  what: string; // for people: what is another now
  /** Gets a copy of its own. What is no good in it is left for the validation to name. */
  migrate(config: Record<string, unknown>): Record<string, unknown>;
}>;

/** In the order of their numbers, without a gap up to today's version. */
export const MIGRATIONS: readonly Migration[] = [];

/** What a file says of itself; undefined where it says nothing that counts. */
export function versionOf(config: unknown): number | undefined {
  if (typeof config !== 'object' || config === null || !('version' in config)) return undefined;
  const { version } = config;
  return typeof version === 'number' && Number.isSafeInteger(version) ? version : undefined;
}

export type Migrated = Readonly<{ config: unknown; steps: readonly Migration[] }>;

/** As it is where it is of today's version, of a newer one, or of none that a step begins at. */
export function migrated(config: unknown, migrations = MIGRATIONS): Migrated {
  const steps: Migration[] = [];
  let now = config;
  for (const step of migrations) {
    const version = versionOf(now);
    if (version === undefined || version >= CONFIG_VERSION) break;
    if (version !== step.from) continue;
    const copy = structuredClone(now) as Record<string, unknown>;
    now = { ...step.migrate(copy), version: step.from + 1 };
    steps.push(step);
  }
  return { config: now, steps };
}
