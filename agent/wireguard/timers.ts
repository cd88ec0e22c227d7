// All timers of one peer (WireGuard paper, section 6), as moments; Infinity is "not set". This
// decides what is due; Peer does it.

import type { Millis, Traffic } from './effects.js';
import { REKEY_ATTEMPT_TIME_MS, REKEY_JITTER_MS_MAX, REKEY_TIMEOUT_MS, ZERO_MS } from './limits.js';
import { type Sight, Watch } from './watch.js';

const NEVER = Number.POSITIVE_INFINITY;

/** `retry`: the initiation again; `give-up`: no more of them; `zero`: wipe all keys. */
export type Due = Sight | 'retry' | 'give-up' | 'zero';

export class Timers {
  readonly watch: Watch;
  private retryAt: Millis = NEVER;
  private attemptsUntil: Millis = 0;
  private handshakeSentAt: Millis = Number.NEGATIVE_INFINITY; // either kind of message
  private zeroAt: Millis = NEVER;
  private persistentAt: Millis = NEVER;
  private persistentMs: Millis = 0; // 0: off

  /** `random(n)`: a whole number from 0 up to and with n. */
  constructor(private readonly random: (max: number) => number) {
    this.watch = new Watch(() => this.jitter());
  }

  /** Somebody needs a session: initiations are tried for another 90 s from now. */
  handshakeWanted(now: Millis): void {
    this.attemptsUntil = now + REKEY_ATTEMPT_TIME_MS;
  }

  /** True where the last handshake message is 5 s old; else the initiation is put off till then. */
  mayInitiate(now: Millis): boolean {
    const at = this.handshakeSentAt + REKEY_TIMEOUT_MS;
    if (now >= at) return true;
    if (this.retryAt === NEVER) this.retryAt = at;
    return false;
  }

  initiationSent(now: Millis): void {
    this.spoke(now);
    this.retryAt = now + REKEY_TIMEOUT_MS + this.jitter();
  }

  /** An initiation goes out again and again by itself, see Membership: no retry of ours. */
  knocked(now: Millis): void {
    this.spoke(now);
    this.retryAt = NEVER;
    if (this.zeroAt === NEVER) this.zeroAt = now + ZERO_MS; // what may be left of it
  }

  responseSent(now: Millis): void {
    this.spoke(now);
    this.sessionDerived(now);
  }

  /** An authentic handshake message came. */
  heard(now: Millis): void {
    this.watch.heard(now);
    this.armPersistent(now);
  }

  sessionDerived(now: Millis): void {
    this.zeroAt = now + ZERO_MS;
  }

  /** A session is in use that both sides have. */
  handshakeComplete(): void {
    this.retryAt = NEVER;
  }

  /** The peer may be asked again at once (its key or ours is new). */
  forgetHandshakes(): void {
    this.retryAt = NEVER;
    this.handshakeSentAt = Number.NEGATIVE_INFINITY;
  }

  setPersistent(seconds: number, now: Millis): void {
    this.persistentMs = seconds * 1_000;
    this.persistentAt = NEVER;
    this.armPersistent(now);
  }

  armPersistent(now: Millis): void {
    this.persistentAt = this.persistentMs > 0 ? now + this.persistentMs : NEVER;
  }

  stop(): void {
    this.watch.stop();
    this.forgetHandshakes();
    this.zeroAt = this.persistentAt = NEVER;
  }

  deadline(): Millis {
    return Math.min(this.watch.deadline(), this.retryAt, this.zeroAt, this.persistentAt);
  }

  due(now: Millis, traffic: Traffic): Due[] {
    const due: Due[] = [];
    if (now >= this.zeroAt) {
      this.zeroAt = NEVER;
      due.push('zero');
    }
    if (now >= this.retryAt) due.push(this.retry(now));
    if (now >= this.watch.deadline()) due.push(...this.watch.look(now, traffic));
    if (now >= this.persistentAt && this.owesPersistent(now, traffic)) due.push('keepalive');
    return due;
  }

  private retry(now: Millis): Due {
    this.retryAt = NEVER;
    if (now < this.attemptsUntil) return 'retry';
    this.watch.giveUp();
    if (this.zeroAt === NEVER) this.zeroAt = now + ZERO_MS; // residue of a partial exchange
    return 'give-up';
  }

  /** Anything authenticated, either way, puts the persistent keepalive off. */
  private owesPersistent(now: Millis, traffic: Traffic): boolean {
    const dueAt = this.watch.lastTraversal(traffic) + this.persistentMs;
    const owes = now >= dueAt;
    this.persistentAt = owes ? now + this.persistentMs : dueAt;
    return owes;
  }

  private spoke(now: Millis): void {
    this.handshakeSentAt = now;
    this.watch.spoke(now);
    this.armPersistent(now);
  }

  private jitter(): Millis {
    return this.random(REKEY_JITTER_MS_MAX);
  }
}
