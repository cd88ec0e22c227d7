// What packages and images are made from, and when.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageFailure } from '../../agent/commands/failure.js';

// The files of one version have one time, so that the same input gives the same bytes.
const TIME = Date.UTC(2026, 0, 1) / 1_000;

/** Where this runs from: a checkout, either its sources or its dist/. */
export const CHECKOUT = resolve(
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../' : '../', import.meta.url)),
);

/** Unix seconds, by https://reproducible-builds.org/specs/source-date-epoch/. Throws Failure. */
export function releaseTime(): number {
  const time = Number(process.env.SOURCE_DATE_EPOCH ?? TIME);
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw new UsageFailure('SOURCE_DATE_EPOCH is no number of seconds');
}

export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kith');
}
