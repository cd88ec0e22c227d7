// Who may drive the node from the page: whoever knew the password lately.
//
// A login is a random token in the page's own storage, not a cookie: cookies would go to every
// other server on the same host as well. Guessing costs time, per network that guesses; the
// password has 100 bits, so this keeps the log and the processor calm rather than the door shut.

import { equal } from '../../crypto/primitives.js';
import { wipe } from '../../crypto/secret.js';

export const LOGIN_MS = 12 * 3_600_000; // a working day, and the agent's restart ends it anyway
export const LOGINS_MAX = 32; // pages of one home; the oldest goes
export const FREE_TRIES = 5; // somebody mistypes
export const WAIT_MS_MAX = 60_000;
export const GUESSERS_MAX = 256; // networks remembered; all further ones share one entry
const FORGET_MS = 15 * 60_000;
const TOKEN_BYTES = 24;

type Guesser = { tries: number; until: number; forgetAt: number };

export type LoginsOptions = Readonly<{
  /** As it stands in its file now; wiped after use. */
  password(): Uint8Array;
  random(bytes: number): Uint8Array;
}>;

export class Logins {
  private readonly tokens = new Map<string, number>(); // when it ends, oldest first
  private readonly guessers = new Map<string, Guesser>();

  constructor(private readonly options: LoginsOptions) {}

  /** A token, or the milliseconds until the next try counts. `now` in milliseconds, monotonic. */
  login(given: string, from: string, now: number): { token: string } | { waitMs: number } {
    const guesser = this.guesser(from, now);
    if (guesser.until > now) return { waitMs: guesser.until - now };
    const [mine, theirs] = [this.options.password(), Buffer.from(given.trim())];
    const right = mine.length > 0 && equal(mine, theirs);
    wipe(mine, theirs);
    if (!right) {
      guesser.tries++;
      guesser.forgetAt = now + FORGET_MS;
      const over = guesser.tries - FREE_TRIES;
      const waitMs = over < 0 ? 0 : Math.min(WAIT_MS_MAX, 1_000 * 2 ** over);
      guesser.until = now + waitMs;
      return { waitMs };
    }
    this.guessers.delete(networkOf(from));
    const token = Buffer.from(this.options.random(TOKEN_BYTES)).toString('base64url');
    const [oldest] = this.tokens.keys();
    if (this.tokens.size >= LOGINS_MAX && oldest !== undefined) this.tokens.delete(oldest);
    this.tokens.set(token, now + LOGIN_MS);
    return { token };
  }

  /** A map's lookup tells nothing useful of 192 random bits. */
  holds(token: string, now: number): boolean {
    const until = this.tokens.get(token);
    if (until !== undefined && until > now) return true;
    this.tokens.delete(token);
    return false;
  }

  logout(token: string): void {
    this.tokens.delete(token);
  }

  private guesser(from: string, now: number): Guesser {
    for (const [network, { forgetAt }] of this.guessers)
      if (forgetAt <= now) this.guessers.delete(network);
    const own = networkOf(from);
    const key = this.guessers.has(own) || this.guessers.size < GUESSERS_MAX ? own : '';
    const guesser = this.guessers.get(key) ?? { tries: 0, until: 0, forgetAt: now + FORGET_MS };
    this.guessers.set(key, guesser);
    return guesser;
  }
}

/** An IPv4 address, or the /64 of an IPv6 address: within it addresses cost nothing. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
