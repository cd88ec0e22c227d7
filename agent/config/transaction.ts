// A change that takes itself back unless somebody says in time that it is good (commit-confirm of
// JunOS). What others changed meanwhile stays: only what this change touched goes back.

import { type Config, ConfigSchema } from './schema.js';
import { entryNames, entryOf, type Shape, shapeOf } from './shape.js';

export const CONFIRM_SECONDS_MAX = 3600; // longer, and nobody knows any more that it is pending

type Pending = Readonly<{ before: Config; after: Config; deadline: number }>;

/** Times are milliseconds of one clock that never goes back. */
export class Transaction {
  private pending: Pending | undefined;

  /** A further change while one is pending joins it: both are taken back, to before the first. */
  begin(before: Config, after: Config, now: number, seconds: number): void {
    const first = this.pending?.before ?? before;
    this.pending = { before: first, after, deadline: now + 1000 * seconds };
  }

  /** False where nothing was pending. */
  confirm(): boolean {
    const was = this.pending !== undefined;
    this.pending = undefined;
    return was;
  }

  /** Ends the transaction: what makes of the configuration as it is now the one to go back to. */
  takeBack(): ((current: Config) => Config) | undefined {
    const { pending } = this;
    this.pending = undefined;
    return pending && ((current) => takenBack(pending.before, pending.after, current));
  }

  isDue(now: number): boolean {
    return this.pending !== undefined && now >= this.pending.deadline;
  }

  deadline(): number | undefined {
    return this.pending?.deadline;
  }

  /** What a state folder must hold for the change to be taken back after a crash. */
  get before(): Config | undefined {
    return this.pending?.before;
  }
}

/** `current` with everything that differs between `before` and `after` as it was `before`. */
export function takenBack(before: Config, after: Config, current: Config): Config {
  return back(shapeOf(ConfigSchema), before, after, current) as Config; // of the same shape
}

function back(shape: Shape, before: unknown, after: unknown, current: unknown): unknown {
  if (JSON.stringify(before) === JSON.stringify(after)) return current;
  const names = entryNames(shape);
  if (names.length === 0) return before;
  const sides = [before, after, current] as Record<string, unknown>[];
  return Object.fromEntries(
    names.map((name) => {
      const [one, other, now] = sides.map((side) => side[name]);
      return [name, back(entryOf(shape, name) ?? shape, one, other, now)];
    }),
  );
}
