// Pending changes of the running agent: the clock that takes them back, and the file that takes
// them back after a crash or a power failure.

import type { Changes } from '../commands/changes.js';
import type { Outcome, Store } from '../commands/context.js';
import { Failure, failureLines } from '../commands/failure.js';
import type { Config } from '../config/schema.js';
import { configText } from '../config/text.js';
import { Transaction } from '../config/transaction.js';
import type { Folder } from './folder.js';
import type { Log } from './ports.js';

type End = (end: 'confirmed' | 'taken back') => void;

export class ConfigChanges implements Changes {
  private readonly transaction = new Transaction();
  private ends: End[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly folder: Folder,
    private readonly log: Log,
  ) {}

  stop(): void {
    clearTimeout(this.timer); // the file stays: what was not confirmed is taken back at the start
  }

  pending(): number | null {
    const deadline = this.transaction.deadline();
    if (deadline === undefined) return null;
    return Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  }

  async attempt(
    change: (config: Config) => Config,
    seconds: number,
    onEnd: End = () => {},
  ): Promise<Outcome> {
    let before = this.store.read();
    const fresh = this.transaction.before === undefined;
    if (fresh) this.folder.writePending(configText(before, undefined));
    try {
      const outcome = await this.store.update((config) => {
        before = config;
        return change(config);
      });
      this.transaction.begin(before, outcome.config, performance.now(), seconds);
      this.ends.push(onEnd);
      this.watch();
      return outcome;
    } catch (error) {
      if (fresh) this.folder.clearPending();
      throw error;
    }
  }

  confirm(): boolean {
    if (!this.transaction.confirm()) return false;
    this.ended('confirmed');
    return true;
  }

  async takeBack(): Promise<Outcome | undefined> {
    const back = this.transaction.takeBack();
    if (!back) return undefined;
    const outcome = await this.store.update(back);
    this.ended('taken back');
    return outcome;
  }

  private ended(end: 'confirmed' | 'taken back'): void {
    clearTimeout(this.timer);
    this.folder.clearPending();
    for (const tell of this.ends.splice(0)) tell(end);
  }

  private watch(): void {
    clearTimeout(this.timer);
    const deadline = this.transaction.deadline();
    if (deadline === undefined) return;
    this.timer = setTimeout(() => void this.due(), Math.max(1, deadline - performance.now()));
  }

  private async due(): Promise<void> {
    if (!this.transaction.isDue(performance.now())) return this.watch();
    try {
      await this.takeBack();
      this.log('error', 'a change of the configuration was not confirmed: taken back');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      for (const line of failureLines(error)) this.log('error', line);
    }
  }
}

/**
 * To be called before the configuration is read at the start of an agent: the one before took back
 * nothing more. True where something was taken back.
 */
export function takeBackUnconfirmed(folder: Folder): boolean {
  const text = folder.readPending();
  if (text === undefined) return false;
  folder.writeConfig(text);
  folder.clearPending();
  return true;
}
