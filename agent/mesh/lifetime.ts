// How long our NAT keeps a mapping open while nothing is sent: asked of a tracker, step by step.
//
//   echo {after: 45} ─▶ tracker      then we keep silent toward it; it speaks 45 s later
//   heard in time: we may be silent for 45 s, try the next step; not heard: stay below it
//
// Lifetimes fall off at 10, 30, 60 and 120 s in practice (facts, and RFC 4787 REQ-5 asks for 120).

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';

/** Silences that are tried. The first needs no proof; WireGuard's session renewal ends the list. */
export const SILENCES_MS = [25_000, 45_000, 70_000, 110_000] as const;

/** The answer may be late by this much: latency, and a tracker that looks once per second. */
export const ECHO_GRACE_MS = 4_000;

/** A silence counts although it began this much late: with what else was on its way just then. */
const SLACK_MS = 2_000;

/** A step that failed is tried again after this: loss may have been the reason. */
const AGAIN_MS = 3_600_000;

/** What is proven is proven again after this: a NAT's habits change with its load. */
const RENEW_MS = 1_800_000;

export class Lifetime {
  private proven = 0; // index of the longest silence that may be kept
  private doubtful = false; // a longer one has just failed: is this one still good?
  private nextAt: Millis = 0;
  /** One at a time, toward one tracker. */
  private trial: Readonly<{ tracker: NodeId; ms: Millis; since: Millis }> | undefined;

  /** Between two packets to a tracker, at most. */
  get intervalMs(): Millis {
    return SILENCES_MS[this.proven] ?? SILENCES_MS[0];
  }

  /** The silence to try now; undefined: none. */
  wanted(now: Millis): Millis | undefined {
    if (now < this.nextAt) return undefined;
    const longer = this.doubtful ? undefined : SILENCES_MS[this.proven + 1];
    return longer ?? SILENCES_MS[this.proven];
  }

  /** The silence that may begin now, so that it is over before `until`. */
  fitting(now: Millis, until: Millis): Millis | undefined {
    const ms = this.trial === undefined ? this.wanted(now) : undefined;
    return ms === undefined || now + ms + ECHO_GRACE_MS > until ? undefined : ms;
  }

  begin(tracker: NodeId, ms: Millis, now: Millis): void {
    this.trial = { tracker, ms, since: now };
  }

  isTrying(tracker: NodeId): boolean {
    return this.trial?.tracker === tracker;
  }

  /** Whatever happened says nothing about the NAT. */
  give(tracker: NodeId): void {
    if (this.isTrying(tracker)) this.trial = undefined;
  }

  /**
   * The tracker spoke. Was it after our silence, and was it one? Nothing was sent to it since
   * `quietSince`. `asked`: it had to be asked again, so that its NAT was closed, or it slow.
   */
  spoke(tracker: NodeId, asked: boolean, quietSince: Millis, now: Millis): void {
    const { trial } = this;
    if (trial?.tracker !== tracker) return;
    this.trial = undefined;
    if (asked) this.missed(trial.ms, now);
    else if (now - Math.max(trial.since, quietSince) >= trial.ms - SLACK_MS) {
      this.heard(trial.ms, now);
    }
  }

  heard(silenceMs: Millis, now: Millis): void {
    this.proven = Math.max(this.proven, index(silenceMs));
    if (this.doubtful) this.nextAt = now + AGAIN_MS;
    else if (this.proven === SILENCES_MS.length - 1) this.nextAt = now + RENEW_MS;
    this.doubtful = false;
  }

  missed(silenceMs: Millis, now: Millis): void {
    this.proven = Math.max(0, Math.min(this.proven, index(silenceMs) - 1));
    this.doubtful = this.proven > 0;
    if (!this.doubtful) this.nextAt = now + AGAIN_MS;
  }

  /** Another NAT, or another mapping: nothing is proven. */
  reset(now: Millis): void {
    this.proven = 0;
    this.doubtful = false;
    this.nextAt = now;
  }
}

function index(silenceMs: Millis): number {
  return (SILENCES_MS as readonly Millis[]).indexOf(silenceMs);
}
