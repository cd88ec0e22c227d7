// Probes that wait for their answer. A token was sent to one place only and is taken back once, so
// that it proves that place and no other, and proves nothing a second time.

import type { Millis } from '../wireguard/effects.js';
import type { Route } from './route.js';

export const TOKEN_BYTES = 8;
const TOKENS_MAX = 128; // 16 candidates, 5 times each, and then some; the oldest give way
const ANSWER_MS_MAX = 5_000; // no path that one would use is slower

export type Asked = Readonly<{ route: Route; sentAt: Millis; bytes: number }>;

export class Tokens {
  private readonly asked = new Map<string, Asked>();

  constructor(private readonly random: (bytes: number) => Uint8Array) {}

  issue(route: Route, bytes: number, now: Millis): Uint8Array {
    const token = this.random(TOKEN_BYTES);
    this.asked.set(text(token), { route, sentAt: now, bytes });
    if (this.asked.size > TOKENS_MAX) {
      for (const oldest of this.asked.keys()) {
        this.asked.delete(oldest);
        break;
      }
    }
    return token;
  }

  /** What the answer is about; undefined: never asked, answered already, or too late. */
  redeem(token: Uint8Array, now: Millis): Asked | undefined {
    const name = text(token);
    const asked = this.asked.get(name);
    if (asked === undefined) return undefined;
    this.asked.delete(name);
    return now - asked.sentAt <= ANSWER_MS_MAX ? asked : undefined;
  }

  /** What was asked before counts no more: the session, or our own place, is another. */
  clear(): void {
    this.asked.clear();
  }

  get size(): number {
    return this.asked.size;
  }
}

function text(token: Uint8Array): string {
  return String.fromCharCode(...token);
}
