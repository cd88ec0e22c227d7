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

import type { Millis, SessionId } from './effects.js';

export type SessionEntry = Readonly<{ id: SessionId; localIndex: number; rejectAt: Millis }>;

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
