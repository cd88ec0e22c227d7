// The answers to initiations of members, for copies of them. A member that wants in sends the same
// initiation to all places where we may be; each copy that comes another way opens a way back, but
// none of them is worth a key agreement, and a second session would end the first.

import type { Place } from '../bytes/address.js';
import { MAC_BYTES } from '../crypto/primitives.js';
import type { Effect, Millis } from './effects.js';
import { ANSWERS_MAX, COPIES_MAX, COPY_MS, COPY_SOURCES_MAX } from './limits.js';
import { INITIATION_BYTES, MACS_BYTES } from './messages.js';
import { sameEnd } from './place.js';

type Answer = { response: Uint8Array; at: Millis; sources: Place[]; copies: number };

export class Answers {
  /** By mac1 of the initiation, oldest first. */
  private readonly kept = new Map<string, Answer>();

  keep(mac1: string, response: Uint8Array, from: Place, now: Millis): void {
    for (const [name, { at }] of this.kept) {
      if (now - at < COPY_MS && this.kept.size < ANSWERS_MAX) break;
      this.kept.delete(name);
    }
    this.kept.set(mac1, { response, at: now, sources: [from], copies: 0 });
  }

  /** True: it is a copy, and has been answered where that is due. */
  repeat(mac1: string, from: Place, now: Millis, out: Effect[]): boolean {
    const answer = this.kept.get(mac1);
    if (answer === undefined || now - answer.at >= COPY_MS) return false;
    const { sources } = answer;
    const known = sources.some((source) => sameEnd(source, from));
    if (!known && sources.length >= COPY_SOURCES_MAX) return true;
    if (!known) sources.push(from);
    if (++answer.copies > COPIES_MAX) return true;
    out.push({ kind: 'send', datagram: Uint8Array.from(answer.response), to: from });
    return true;
  }

  forget(): void {
    this.kept.clear();
  }
}

/** The mac1 of an initiation, as a name for it. */
export function mac1Of(datagram: Uint8Array): string {
  const at = INITIATION_BYTES - MACS_BYTES;
  return String.fromCharCode(...datagram.subarray(at, at + MAC_BYTES));
}
