// The two timers of the WireGuard paper that user packets start, section 6.5: sent and heard
// nothing for 15 s; received and sent nothing for 10 s.
//
// User packets do not pass through here, so no timer is set per packet. A worker notes in the
// peer's Traffic record since when an answer, or a keepalive, is owed, and we look at the record
// at the earliest moment at which either could be due:
//
//           active                        look every 10 s, and when something is due
//   calm ───────────▶ watching ──────┐
//    ▲                 ▲   │  ▲      │ moved, or something pending
//    │   1 s, quiet    │   │  └──────┘
//    └───────────── glancing ◀── nothing moved since the last look (the worker is told: `calm`)
//
// What begins after a look cannot be due within 10 s of it, so nothing is missed and the moments
// are exact. The glance after `calm` catches what happened between the look and the worker's ear.

import type { Millis, Traffic } from './effects.js';
import { KEEPALIVE_TIMEOUT_MS, SILENCE_MS } from './limits.js';

const GLANCE_MS = 1_000;
const OWN_KEEPALIVE_MS = 1_000; // within this after we asked for one, `sentAt` is that keepalive
const NEVER = Number.POSITIVE_INFINITY;

export type Sight = 'silent' | 'keepalive' | 'calm';

export class Watch {
  private lookAt: Millis = NEVER;
  private glanceAt: Millis = NEVER;
  private movedAt: Millis = 0; // the latest packet known

  private silentAt: Millis = NEVER; // when a new handshake is due
  private silence: Millis = 0; // the stretch of silence that was timed last
  private firedAt: Millis = 0;

  private keepaliveAt: Millis = NEVER;
  private owedSince: Millis = 0; // what keepaliveAt counts from
  private paidSince: Millis = 0; // the debt that a keepalive of ours has met
  private anotherAt: Millis = NEVER; // data came while one was pending: one more, to be sure

  private heardAt: Millis = 0; // handshake messages, which the worker's record may not know yet
  private spokeAt: Millis = 0;

  constructor(private readonly jitter: () => Millis) {}

  /** An authentic handshake message came: the silence is over. */
  heard(now: Millis): void {
    this.heardAt = now;
    this.silentAt = NEVER;
  }

  /** A handshake message went out: no keepalive is owed. */
  spoke(now: Millis): void {
    this.spokeAt = now;
    this.keepaliveAt = NEVER;
    this.anotherAt = NEVER;
  }

  /** The last sign of life either way that we know of. */
  lastTraversal(traffic: Traffic): Millis {
    return Math.max(traffic.sentAt, traffic.receivedAt, this.heardAt, this.spokeAt);
  }

  stop(): void {
    this.lookAt = this.glanceAt = NEVER;
    this.silentAt = this.keepaliveAt = this.anotherAt = NEVER;
  }

  /** A pending keepalive makes no sense any more: nobody is there. */
  giveUp(): void {
    this.keepaliveAt = this.anotherAt = NEVER;
  }

  deadline(): Millis {
    return Math.min(this.lookAt, this.glanceAt, this.silentAt, this.keepaliveAt, this.anotherAt);
  }

  /** To be called on `active`, and at the deadline. */
  look(now: Millis, traffic: Traffic): Sight[] {
    const sights: Sight[] = [];
    if (this.isSilent(now, traffic)) sights.push('silent');
    if (this.owesKeepalive(now, traffic)) sights.push('keepalive');

    const latest = Math.max(traffic.sentAt, traffic.receivedAt);
    const moved = latest > this.movedAt;
    this.movedAt = latest;
    const pending = Math.min(this.silentAt, this.keepaliveAt, this.anotherAt) < NEVER;
    const glanced = now >= this.glanceAt;
    this.glanceAt = NEVER;
    if (moved || pending || sights.length > 0) {
      this.lookAt = now + KEEPALIVE_TIMEOUT_MS;
    } else {
      this.lookAt = NEVER;
      if (!glanced) {
        this.glanceAt = now + GLANCE_MS;
        sights.push('calm');
      }
    }
    return sights;
  }

  private isSilent(now: Millis, { unansweredSince, sentAt }: Traffic): boolean {
    const since = unansweredSince > this.heardAt ? unansweredSince : 0;
    if (since === 0) {
      this.silentAt = NEVER;
    } else if (since !== this.silence) {
      this.silentAt = since + SILENCE_MS + this.jitter();
    } else if (this.silentAt === NEVER && sentAt > this.firedAt) {
      // the same silence, but more was sent since the handshake that it led to
      this.silentAt = sentAt + SILENCE_MS + this.jitter();
    }
    this.silence = since;
    if (now < this.silentAt) return false;
    this.silentAt = NEVER;
    this.firedAt = now;
    return true;
  }

  private owesKeepalive(now: Millis, traffic: Traffic): boolean {
    const { unacknowledgedSince, dataReceivedAt, sentAt } = traffic;
    const since = unacknowledgedSince > this.spokeAt ? unacknowledgedSince : 0;
    if (since === 0 || since === this.paidSince) {
      this.keepaliveAt = NEVER;
    } else {
      this.keepaliveAt = since + KEEPALIVE_TIMEOUT_MS;
      this.owedSince = since;
    }
    const paidAt = this.anotherAt - KEEPALIVE_TIMEOUT_MS;
    if (this.anotherAt < NEVER && sentAt > paidAt + OWN_KEEPALIVE_MS) this.anotherAt = NEVER;

    if (now < Math.min(this.keepaliveAt, this.anotherAt)) return false;
    const timedSince = now >= this.keepaliveAt ? this.owedSince : paidAt;
    this.anotherAt = dataReceivedAt > timedSince ? now + KEEPALIVE_TIMEOUT_MS : NEVER;
    this.keepaliveAt = NEVER;
    this.paidSince = since;
    return true;
  }
}
