// A path under traffic that nothing comes back on: is it dead? It is asked twice a second, packets
// go by a second path too, and when it has been silent for three seconds it is left.
//
//   0 s           1.0 s          1.5 s             3.0 s
//   unanswered    probes begin,  another relay     left
//                 second path    is asked for
//
// Sooner, where another path of the same class has answered meanwhile: the peer has moved.

import type { Millis, Traffic } from '../wireguard/effects.js';
import type { Route } from './route.js';

export const SILENT_MS = 1_000; // an answer that takes longer is of no use to a person
export const LEAVE_MS = 3_000;
const PROBE_MS = 500;
const FAIR_MS = 100;
const FAIR_RTTS = 2;
const HELP_STEP = 2; // the first probe may only be slow; asking for a relay costs others
const LOOK_MS = 1_000; // silence cannot be longer than that when it is found

export type Verdict = 'wait' | 'ask' | 'help' | 'leave';

export class Doubt {
  private stepAt: Millis;
  private steps = 0;
  private givenUntil: Millis; // how long its answer is waited for once another one answered
  private rivalled = false;

  /** `since`: when the silence began; at least two seconds are left to answer in. */
  constructor(
    readonly route: Route,
    readonly since: Millis,
    now: Millis,
  ) {
    this.stepAt = Math.max(now, since + SILENT_MS);
    this.givenUntil = this.stepAt + FAIR_MS + FAIR_RTTS * (route.rttMs ?? 0);
  }

  get nextAt(): Millis {
    return this.rivalled ? Math.min(this.stepAt, this.givenUntil) : this.stepAt;
  }

  /** Another path answered a probe that was sent at `sentAt`. */
  onAnswered(other: Route, sentAt: Millis): void {
    if (sentAt >= this.since && (other.via === null) === (this.route.via === null)) {
      this.rivalled = true;
    }
  }

  /** Packets go by a second path too. */
  get doubled(): boolean {
    return this.steps > 0;
  }

  /** `ask`: probe now. `help`: and look for other ways. */
  step(now: Millis): Verdict {
    if (now >= this.since + LEAVE_MS) return 'leave';
    if (this.rivalled && this.steps > 0 && now >= this.givenUntil) return 'leave';
    if (now < this.stepAt) return 'wait';
    this.steps++;
    this.stepAt = Math.min(now + PROBE_MS, this.since + LEAVE_MS);
    return this.steps >= HELP_STEP ? 'help' : 'ask';
  }
}

/** What the workers' notes say: since when there is silence (if so), and when to look again. */
export function look(traffic: Traffic, now: Millis): { since: Millis | null; lookAt: Millis } {
  const { unansweredSince } = traffic;
  // One and the same sum decides and is the moment to come back: rounded otherwise, the moment may
  // have come when the silence is not long enough yet, and we would look again and again at once.
  const silentAt = unansweredSince + SILENT_MS;
  const silent = unansweredSince > 0 && now >= silentAt;
  const soon = unansweredSince > 0 && !silent ? silentAt : now + LOOK_MS;
  const since = silent ? Math.max(unansweredSince, now - SILENT_MS) : null;
  return { since, lookAt: Math.min(soon, now + LOOK_MS) };
}
