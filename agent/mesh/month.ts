// Calendar months (UTC), for monthly quotas: days since 1970 to year and month, as in the algorithm
// "civil from days" that reckons years from March, so that leap days come last.

import type { Millis } from '../wireguard/effects.js';

const DAY_MS = 86_400_000;
const ERA_DAYS = 146_097; // 400 years
const EPOCH_DAYS = 719_468; // from 1 March of year 0 to 1 January 1970

/** Months since January of year 0, of a Unix time in milliseconds. */
export function monthOf(time: Millis): number {
  const days = Math.floor(time / DAY_MS) + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const day = days - era * ERA_DAYS;
  const year = Math.floor(
    (day - Math.floor(day / 1_460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365,
  );
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153); // 0: March
  return (era * 400 + year) * 12 + fromMarch + 2;
}
