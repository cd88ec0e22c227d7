// The up to three sessions of one peer, and which of them is in use (WireGuard paper, 6.1 and 6.3).
//
//   as initiator                             as responder
//   response came: current ─▶ previous       response sent: next is new, the older next ends,
//   (or next, if there is one, ─▶ previous)
//   new ─▶ current                           first message with it: current ─▶ previous,
//                                                                   next ─▶ current
//
// The responder's new session opens at once but seals only once it is confirmed: before, the
// initiator may not have it yet. Until then `previous` stays, other than elsewhere: after crossing
// handshakes it may be the very session that the initiator still seals with.

import type { Place } from '../bytes/address.js';
import type { Millis, SessionId } from './effects.js';
import { FALLBACK_MS } from './limits.js';

/** How a session with a member came about. */
export type Origin = Readonly<{
  initiator: boolean; // the handshake was ours
  from: Place; // where their part of it came from
  hash: Uint8Array;
  zero: boolean; // made without a pre-shared key
  at: Millis;
}>;

export type SessionEntry = Readonly<{
  id: SessionId;
  localIndex: number;
  rejectAt: Millis;
  origin?: Origin; // of members only
}>;

/** What tells whether two handshakes crossed. */
export type Crossing = Readonly<{
  isHigher: boolean; // our key
  initiatedAt: Millis; // our last initiation
  now: Millis;
}>;

export class Sessions {
  previous: SessionEntry | undefined;
  current: SessionEntry | undefined;
  next: SessionEntry | undefined;

  /** All methods return what has ended by them. */
  begunAsInitiator(session: SessionEntry): SessionEntry[] {
    const { previous, current, next } = this;
    this.previous = next ?? current;
    this.current = session;
    this.next = undefined;
    return present([previous, next === undefined ? undefined : current]);
  }

  /**
   * Ours. Of two members that begin at once, the session begun by the lower key is to be used: the
   * higher one knows both and decides, the lower one follows what it hears.
   */
  begunBetweenMembers(
    session: SessionEntry,
    crossing: Crossing,
  ): { ended: SessionEntry[]; used: boolean } {
    if (session.origin === undefined) {
      return { ended: this.begunAsInitiator(session), used: true };
    }
    const { isHigher, initiatedAt, now } = crossing;
    const { zero } = session.origin;
    const crossed = (other: SessionEntry | undefined) =>
      isHigher &&
      other?.origin?.initiator === false &&
      other.origin.at >= initiatedAt &&
      (zero || !other.origin.zero); // else ours is the one that was waited for
    if (crossed(this.current)) return { ended: this.begunAside(session), used: false };
    const age = now - (this.next?.origin?.at ?? now);
    const ended = age < FALLBACK_MS ? [] : this.forgetNext();
    if (crossed(this.next)) ended.push(...this.begunBeside(session));
    else ended.push(...this.begunAsInitiator(session));
    return { ended, used: true };
  }

  /** Ours crossed theirs, which waits for its confirmation and is the one to be used then. */
  private begunBeside(session: SessionEntry): SessionEntry[] {
    const { previous, current } = this;
    this.previous = current;
    this.current = session;
    return present([previous]);
  }

  /** Ours crossed theirs, which is in use and stays so: ours only opens. */
  private begunAside(session: SessionEntry): SessionEntry[] {
    const { previous } = this;
    this.previous = session;
    return present([previous]);
  }

  begunAsResponder(session: SessionEntry): SessionEntry[] {
    const { next } = this;
    this.next = session;
    return present([next]);
  }

  /** Undefined where it is not the one that waits for its confirmation. */
  confirmed(id: SessionId): SessionEntry[] | undefined {
    const { previous, current, next } = this;
    if (next?.id !== id) return undefined;
    this.previous = current;
    this.current = next;
    this.next = undefined;
    return present([previous]);
  }

  /** The one that waits for its confirmation waits in vain. */
  private forgetNext(): SessionEntry[] {
    const { next } = this;
    this.next = undefined;
    return present([next]);
  }

  expired(now: Millis): SessionEntry[] {
    const past = (session: SessionEntry | undefined) =>
      session !== undefined && now >= session.rejectAt;
    const ended = present([this.previous, this.current, this.next].filter(past));
    if (past(this.previous)) this.previous = undefined;
    if (past(this.current)) this.current = undefined;
    if (past(this.next)) this.next = undefined;
    return ended;
  }

  ended(): SessionEntry[] {
    const all = present([this.previous, this.current, this.next]);
    this.previous = this.current = this.next = undefined;
    return all;
  }

  /** When the first of them is past its life; Infinity where there is none. */
  firstRejectAt(): Millis {
    const all = present([this.previous, this.current, this.next]);
    return Math.min(...all.map(({ rejectAt }) => rejectAt));
  }
}

function present(sessions: (SessionEntry | undefined)[]): SessionEntry[] {
  return sessions.filter((session) => session !== undefined);
}
