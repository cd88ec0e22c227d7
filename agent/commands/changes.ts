// Changes of the configuration that take themselves back unless they are confirmed: for whoever
// changes a node from afar and may cut himself off by it.

import type { Config } from '../config/schema.js';
import type { Outcome } from './context.js';

export interface Changes {
  /** Seconds until the pending change is taken back; null where none is pending. */
  pending(): number | null;
  /**
   * As Store.update, and taken back after `seconds`. A further one joins what is pending. `onEnd`
   * hears once what became of it.
   */
  attempt(
    change: (config: Config) => Config,
    seconds: number,
    onEnd?: (end: 'confirmed' | 'taken back') => void,
  ): Promise<Outcome>;
  /** False where nothing was pending. */
  confirm(): boolean;
  /** Takes back what is pending, now. Undefined where nothing was. Throws Failure. */
  takeBack(): Promise<Outcome | undefined>;
}
