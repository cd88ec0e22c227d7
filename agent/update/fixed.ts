// An agent that nobody can replace: started by hand, or installed in a way of its own. It tells
// what it runs, helps other members, and takes nothing itself.

import { type Installed, SlotFailure, type Slots, type Start } from './slots.js';

export const NO_TARGET = 'none';

export class FixedRelease implements Slots {
  readonly installed: Installed;
  readonly previous = undefined;
  readonly start: Start = { is: 'normal' };

  constructor(
    version: string,
    readonly downloadFolder: string, // never made
  ) {
    this.installed = { version, target: NO_TARGET };
  }

  room() {
    return { download: 0, release: 0, shared: true };
  }

  install(): Promise<void> {
    return Promise.reject(new SlotFailure('this agent was not started by the launcher'));
  }

  arm(): void {
    throw new SlotFailure('this agent was not started by the launcher');
  }

  async restart(): Promise<void> {}

  keep(): void {}

  giveUp(): void {}

  settle(): void {}
}
