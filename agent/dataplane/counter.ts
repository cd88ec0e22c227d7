// The send counters of all sessions: one number each, which every worker takes its batches from.

import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES } from '../wireguard/limits.js';

export class SendCounters {
  constructor(
    private readonly counters: Uint32Array, // shared; one per session
    private readonly onRenew: (session: number) => void, // at the batch that takes the 2^31st
  ) {}

  /**
   * Takes `count` numbers and returns the first; they are spent, used or not. -1: the session's
   * messages are used up (section 6.1 of the paper: reject after messages).
   */
  take(session: number, count: number): number {
    // Several workers may pass this line at once: the limit leaves room for their batches.
    if (Atomics.load(this.counters, session) + count > REJECT_AFTER_MESSAGES) return -1;
    const first = Atomics.add(this.counters, session, count);
    if (first < REKEY_AFTER_MESSAGES && first + count >= REKEY_AFTER_MESSAGES) {
      this.onRenew(session);
    }
    return first;
  }
}
