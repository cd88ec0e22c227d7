// Changes of the configuration that come over the broker. What would cut the broker off is taken
// back by itself unless the connection stands again within its time.

import type { Changes } from '../../commands/changes.js';
import type { KeyFile, Outcome, Store } from '../../commands/context.js';
import { Failure } from '../../commands/failure.js';
import type { Config } from '../../config/schema.js';
import { guardChange, type Standing } from './permission.js';

const NOT_YET = 'not yet: first the broker has to be reached by what was changed';

export type AfarOptions = Readonly<{
  changes: Changes;
  config(): Config['mqtt'];
}>;

/** `pending`: seconds until it is taken back; absent where it is there to stay. */
export type AfarOutcome = Outcome & Readonly<{ pending?: number }>;

/** The settings that the connection is made of; another value means another connection. */
export function connectionOf({ mqtt }: Config): string {
  const { enabled, url, username, passwordFile, caFile, certificateFile, keyFile, baseTopic } =
    mqtt;
  const files = [passwordFile, caFile, certificateFile, keyFile];
  return JSON.stringify([enabled, url, username, files, baseTopic]);
}

export class AfarChanges {
  private awaitsLink = false;
  private awaitsPerson = false;

  constructor(private readonly options: AfarOptions) {}

  /** As a command sees the store: whatever way it takes, what is privileged does not change. */
  store(store: Store, standing: Standing, onEnd: (kept: boolean) => void): Store {
    return {
      read: () => store.read(),
      check: (change) => store.check(this.guarded(change, standing)),
      update: (change, keys) => this.update(store, change, standing, undefined, onEnd, keys),
      previous: () => store.previous(),
      publicKey: () => store.publicKey(),
    };
  }

  /** As a command sees pending changes: the asker confirms, and nothing privileged changes. */
  pendingChanges(standing: Standing): Changes {
    const { changes } = this.options;
    return {
      pending: () => changes.pending(),
      attempt: (change, seconds, onEnd = () => {}) => {
        this.awaitsPerson = true;
        return changes.attempt(this.guarded(change, standing), seconds, (end) => {
          this.awaitsPerson = false;
          onEnd(end);
        });
      },
      confirm: () => {
        // Else whoever takes the broker away could say at once that it is good.
        if (this.awaitsLink && standing === 'anybody') throw new Failure(NOT_YET);
        return changes.confirm();
      },
      takeBack: () => changes.takeBack(),
    };
  }

  /** `confirm`: seconds, where the asker wants to say himself that it is good. Throws Failure. */
  async update(
    store: Store,
    change: (config: Config) => Config,
    standing: Standing,
    confirm: number | undefined,
    onEnd: (kept: boolean) => void,
    keys: readonly KeyFile[] = [],
  ): Promise<AfarOutcome> {
    const guarded = this.guarded(change, standing);
    const after = store.check(guarded); // what is wrong is said before anything is begun
    const touches = connectionOf(store.read()) !== connectionOf(after);
    if (!touches && confirm === undefined) return store.update(guarded, keys);
    const { changes } = this.options;
    const pending = confirm ?? this.options.config().confirmSeconds;
    const [link, person] = [this.awaitsLink, this.awaitsPerson];
    this.awaitsLink ||= touches;
    this.awaitsPerson ||= confirm !== undefined;
    try {
      const outcome = await changes.attempt(guarded, pending, (end) => {
        this.awaitsLink = false;
        this.awaitsPerson = false;
        onEnd(end === 'confirmed');
      });
      return { ...outcome, pending };
    } catch (error) {
      this.awaitsLink = link;
      this.awaitsPerson = person;
      throw error;
    }
  }

  /** A connection made by the changed settings stands, and the broker lets us do what we need. */
  linkStands(): void {
    if (!this.awaitsLink) return;
    this.awaitsLink = false;
    if (!this.awaitsPerson) this.options.changes.confirm();
  }

  private guarded(change: (config: Config) => Config, standing: Standing) {
    return (before: Config): Config => {
      const after = change(before);
      guardChange(before, after, this.options.config(), standing);
      return after;
    };
  }
}
