// Configurations to test with.

import type { Config } from '../../agent/config/schema.js';
import { checkConfig, formatProblem } from '../../agent/config/validate.js';

export const KEY_A = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
export const KEY_B = 'TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=';
export const KEY_C = 'gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=';

/** A configuration with everything in it that `parts` does not say otherwise. */
export function config(parts: object = {}): Config {
  const checked = checkConfig({ version: 1, name: 'cabin', ...parts });
  if ('config' in checked) return checked.config;
  throw new Error(checked.problems.map(formatProblem).join('\n'));
}

/** The problems of a configuration, as they are printed. */
export function problems(value: unknown): string[] {
  const checked = checkConfig(value);
  return 'problems' in checked ? checked.problems.map(formatProblem) : [];
}
