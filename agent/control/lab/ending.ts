// What ends `kith lab up`: a signal, at any moment.

import { Failure } from '../../commands/failure.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Ending {
  told = false;
  private wake: (() => void) | undefined;
  private readonly onSignal = () => {
    this.told = true;
    this.wake?.();
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
  }

  /** Throws where it was told, so that nothing more is built. */
  check(): void {
    if (this.told) throw new Failure('interrupted');
  }

  /** Resolves after a while, or when it is told. */
  within(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.told) this.wake();
    });
  }

  forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
  }
}
