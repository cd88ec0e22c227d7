// All about how one peer is reached: what is known of it, what is being tried, what is in use.
//
//   want, learn ──▶ no session: knock everywhere     session: probe everywhere (a burst)
//                          │                                │
//                         met ──────────────────────────▶ proven ──▶ in use ──▶ doubt ──▶ left
// A relay's channel is used as soon as it is open; a proven direct place takes over from it.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Bucket } from './bucket.js';
import { Burst } from './burst.js';
import { Choice } from './choice.js';
import { Doubt, look } from './doubt.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf } from './frame.js';
import type { Candidate, Ground, NatKind } from './ground.js';
import { placesToKnock } from './knocking.js';
import { doubtSize } from './mtu.js';
import { Outcome } from './outcome.js';
import { Prober } from './prober.js';
import { Retry } from './retry.js';
import { HANDSHAKE_BYTES, KEEPALIVE_BYTES, type Route, TRIES_MAX } from './route.js';
import { Routes } from './routes.js';
import { soonest } from './timetable.js';
import { nextUpkeep, UPKEEP_MS, unanswered } from './upkeep.js';
import { noWishes, type Wishes } from './wishes.js';

const INTEREST_MS = 30_000; // after somebody wanted it: how long it is tried without user traffic
const URGENT_MS = 5_000; // it wants us: it will go on trying, we help for a while
const KNOCK_GAP_MS = 5_000; // WireGuard's REKEY_TIMEOUT: no new initiation before
const OPEN_PATIENCE_MS = 400; // for a node that anybody reaches, before others are bothered
const TRUST_MS = 20_000; // a NAT may have forgotten a path that was silent for longer
const DOUBT_SOON_MS = 700; // then an answer is missed after 0.3 s instead of 1 s
const SIGNAL_GAP_MS = 3_000; // a probe through the relay sets a burst of ours going, not oftener
const BETTER_TRIES = 2; // where a direct path is there already: one may be lost
const CHECK_GAP_MS = 400;
const SURE_MS = 1_000; // after an answer: a peer that is seen elsewhere is still here, too
const NEVER = Number.NEGATIVE_INFINITY;

export class PeerPath {
  nat: NatKind = 'unknown';
  met = false;
  readonly routes: Routes;
  readonly choice: Choice;
  readonly retry: Retry;
  wishes: Wishes = noWishes();
  usedAt: Millis = NEVER;
  directLeftAt: Millis | null = null;
  private active = false;
  private interestUntil: Millis = NEVER; // somebody's wish, ours or theirs
  private wantedUntil: Millis = NEVER; // our own: who is sought by another does not seek him
  private knockedAt: Millis = NEVER;
  private wishAt: Millis | undefined;
  private lookAt: Millis = 0;
  private upkeepAt: Millis = 0;
  private doubt: Doubt | null = null;
  private readonly burst: Burst;
  private readonly prober: Prober;
  private readonly outcome: Outcome;
  private readonly announcements = new Bucket(8, 30_000); // lists that it, or others for it, send
  private readonly strangers = new Bucket(4, 4_000); // new places that probes come from
  private readonly sightings = new Bucket(1, 1_000);

  constructor(
    readonly node: NodeId,
    private readonly ground: Ground,
    private readonly mtuMax: number,
  ) {
    this.routes = new Routes(ground);
    this.choice = new Choice(this.routes);
    this.prober = new Prober(node, (bytes) => ground.random(bytes));
    this.burst = new Burst(this.routes, this.prober);
    this.retry = new Retry(() => (ground.random(1)[0] ?? 0) / 256);
    this.outcome = new Outcome(node);
  }

  /** Traffic, or somebody's wish, is a reason to look for a better way. */
  isBusy(now: Millis): boolean {
    return this.active || now < this.interestUntil;
  }

  private isWanted(now: Millis): boolean {
    return this.active || now < this.wantedUntil;
  }

  /** Probes are going out to places that nobody proved. */
  get bursting(): boolean {
    return this.burst.nextAt !== undefined;
  }

  // What is wanted and known

  want(at: Times, out: MeshEffect[]): void {
    const { now } = at;
    this.usedAt = now;
    this.wantedUntil = now + INTEREST_MS;
    this.interestUntil = Math.max(this.interestUntil, this.wantedUntil);
    if (this.met && this.choice.direct) return;
    if (this.retry.due === undefined) this.retry.begin(now);
    if (this.nat === 'open' && this.routes.size > 0 && !this.met)
      this.wishAt ??= now + OPEN_PATIENCE_MS;
    else this.seek();
    if (!this.met) this.knock(now, KNOCK_GAP_MS, out);
    else if (!this.bursting && now - this.burst.beganAt >= 1_000) this.burst.begin(now);
  }

  learn(
    list: readonly Candidate[],
    nat: NatKind,
    urgent: boolean,
    at: Times,
    out: MeshEffect[],
  ): void {
    const { now } = at;
    if (!this.announcements.take(now)) return;
    this.usedAt = now;
    const fresh = this.remind(list, nat, now);
    if (urgent) this.interestUntil = Math.max(this.interestUntil, now + URGENT_MS);
    if (this.met && this.choice.direct) {
      if (fresh.length > 0 && this.isBusy(now)) this.burst.begin(now, BETTER_TRIES);
      return;
    }
    if (!urgent && !this.isBusy(now)) return;
    if (fresh.length > 0) this.retry.begin(now);
    if (!this.met) this.knock(now, fresh.length > 0 ? 0 : 1_000, out);
    else if (fresh.length > 0 || now - this.burst.beganAt >= 1_000) this.burst.begin(now);
  }

  /** What we know of ourselves: nothing is done about it. */
  remind(list: readonly Candidate[], nat: NatKind, now: Millis): Route[] {
    if (nat !== 'unknown') this.nat = nat;
    return this.routes.learn(list, now, (route) => this.isKept(route));
  }

  relayed(via: NodeId, place: Place | null, at: Times, out: MeshEffect[]): void {
    const { now } = at;
    if (place === null) {
      const route = this.routes.through(via);
      if (route !== undefined) this.routes.delete(route);
      if (this.isWanted(now) && !this.choice.direct) this.seek();
      return;
    }
    this.usedAt = now;
    const route = this.routes.relay(via, place, now);
    if (this.met) {
      this.prober.probe(route, now, out);
      if (!this.choice.direct && this.isBusy(now) && !this.bursting) this.burst.begin(now);
    } else if (this.isBusy(now)) {
      this.knock(now, 0, out);
    }
    if (!this.choice.direct && this.retry.due === undefined) this.retry.begin(now);
  }

  /** Somebody depends on it: is it where it was, are we where it takes us to be? */
  check(at: Times, out: MeshEffect[]): void {
    const { current } = this.choice;
    if (!this.met || current === null || at.now - current.probedAt < CHECK_GAP_MS) return;
    this.prober.probe(current, at.now, out);
  }

  onMet(met: Met, at: Times, out: MeshEffect[]): void {
    const { now } = at;
    const isNew = !this.met;
    this.met = true;
    this.usedAt = now;
    const keep = (route: Route) => this.isKept(route);
    const route = this.routes.stranger(met.from, 'met', now, keep);
    if (route !== undefined) {
      if (met.initiator) {
        route.prove(now, null, met.from);
      } else if (!route.usable) {
        route.receivedBytes += HANDSHAKE_BYTES;
        this.choice.welcome(route, now);
      }
      if (isNew || !route.proven) this.prober.probe(route, now, out);
    }
    this.choice.decide(now);
    if (!isNew) return;
    this.wishAt = undefined;
    if (!this.choice.direct) this.burst.begin(now);
    else if (this.isBusy(now)) this.burst.begin(now, BETTER_TRIES);
    if (!this.choice.direct) this.retry.begin(now);
  }

  onLost(): void {
    this.met = false;
    this.doubt = null;
    this.burst.stop();
    this.prober.clear();
    for (const route of this.routes) if (route.via === null) route.expire();
  }

  onProbe(frame: FrameOf<'probe'>, from: Place, bytes: number, at: Times, out: MeshEffect[]): void {
    const { now } = at;
    let route = this.routes.at(from);
    if (route === undefined && from.channel === 0) {
      if (!this.strangers.take(now)) return;
      route = this.routes.stranger(from, 'seen', now, (other) => this.isKept(other));
      if (route === undefined) return;
    }
    this.prober.answer(frame, from, bytes, route, now, out);
    if (!this.met) return;
    if (route?.via === null && !route.proven && now - route.probedAt >= 200) {
      this.prober.probe(route, now, out);
    }
    // It looks for a direct way just now: both at once is what opens NATs.
    const signal = from.channel !== 0 && !this.choice.direct;
    if (signal && now - this.burst.beganAt >= SIGNAL_GAP_MS) this.burst.begin(now);
  }

  onProbeAck(frame: FrameOf<'probe-ack'>, from: Place, at: Times): void {
    const { now } = at;
    const asked = this.prober.redeem(frame, from, now);
    if (asked === undefined || !this.routes.has(asked.route)) return;
    const { doubt } = this;
    if (doubt === null) return;
    if (doubt.route !== asked.route) doubt.onAnswered(asked.route, asked.sentAt);
    else if (asked.sentAt >= doubt.since) {
      this.doubt = null;
      doubtSize(asked.route, now);
    }
  }

  onSeen(place: Place, at: Times, out: MeshEffect[]): void {
    const { now } = at;
    if (!this.met || !this.sightings.take(now)) return;
    const known = this.routes.seen(place, now);
    const isProven = known?.proven === true && now - known.provenAt < TRUST_MS;
    const { current } = this.choice;
    // Still where it was? Silence would not tell, for its packets keep coming from elsewhere.
    const sure = isProven || place.channel !== 0 ? SURE_MS : 0; // it may be its second way
    const isSure = current !== null && now - current.provenAt < sure;
    if (current?.via === null && this.doubt === null && !isSure)
      this.doubt = new Doubt(current, now - 1_000, now);
    if (isProven || place.channel !== 0) return;
    const route = this.routes.stranger(place, 'seen', now, (other) => this.isKept(other));
    if (route === undefined) return;
    if (!route.proven) route.receivedBytes += KEEPALIVE_BYTES;
    this.prober.probe(route, now, out);
  }

  // Traffic

  onActive(at: Times, out: MeshEffect[]): void {
    const { now } = at;
    this.active = true;
    this.usedAt = now;
    this.lookAt = now;
    if (!this.met) return;
    const { current } = this.choice;
    if (!this.choice.direct && this.retry.due === undefined) this.retry.begin(now);
    if (current === null) {
      this.seek();
      if (!this.bursting) this.burst.begin(now);
      return;
    }
    const heardAt = Math.max(current.provenAt, this.ground.traffic(this.node).receivedAt);
    if (now - heardAt < TRUST_MS || this.doubt !== null) return;
    this.prober.probe(current, now, out);
    this.doubt = new Doubt(current, now - DOUBT_SOON_MS, now);
  }

  onCalm(): void {
    this.active = false;
    this.doubt = null;
  }

  /** We are elsewhere: nothing that was proven is. */
  onMoved(at: Times, out: MeshEffect[]): void {
    const { now } = at;
    const { current } = this.choice;
    this.prober.clear();
    this.doubt = null;
    for (const route of this.routes) if (route.via === null) route.expire();
    this.choice.decide(now);
    if (!this.met) return;
    if (current !== null) this.prober.probe(current, now, out);
    this.retry.begin(now);
    this.burst.begin(now, this.isBusy(now) ? TRIES_MAX : BETTER_TRIES);
    if (this.isBusy(now)) this.seek();
  }

  tick(at: Times, out: MeshEffect[]): void {
    const { now } = at;
    if (this.wishAt !== undefined && this.wishAt <= now) {
      this.wishAt = undefined;
      if (!this.met) this.seek();
    }
    this.burst.step(now, out);
    if (this.doubt !== null) this.stepDoubt(this.doubt, now, out);
    if (this.active && this.met && this.lookAt <= now) this.watch(now);
    if (this.isRetrying(now) && (this.retry.due ?? now + 1) <= now) this.again(now, out);
    if (this.active && this.met && this.upkeepAt <= now) this.keepUp(now, out);
  }

  deadline(now: Millis): Millis | undefined {
    const moments = [this.wishAt, this.burst.nextAt, this.doubt?.nextAt, this.choice.deadline(now)];
    if (this.active && this.met) moments.push(this.lookAt, this.upkeepAt);
    if (this.isRetrying(now)) moments.push(this.retry.due);
    return soonest(moments);
  }

  /** After every event: what it comes to. */
  settle(at: Times, out: MeshEffect[]): void {
    const { now } = at;
    const before = this.choice.current;
    if (this.choice.decide(now)) {
      if (this.choice.direct) this.retry.stop();
      else if (before !== null && before.via === null) this.directLeftAt = now;
    }
    if (this.doubt !== null && this.doubt.route !== this.choice.current) this.doubt = null;
    if (this.burst.nextAt !== undefined && this.choice.current?.lan) this.burst.stop();
    this.burst.step(now, out);
    const second = this.doubt?.doubled ? (this.choice.nextBest()?.place ?? null) : null;
    this.outcome.tell(this.choice, second, out);
  }

  private isRetrying(now: Millis): boolean {
    if (this.met && this.choice.direct) return false;
    return this.active || Math.max(now, this.retry.due ?? now) < this.interestUntil;
  }

  private isKept(route: Route): boolean {
    return route === this.choice.current || route === this.doubt?.route;
  }

  private seek(): void {
    this.wishes.find = true;
    this.wishes.relay = true;
  }

  private watch(now: Millis): void {
    const { since, lookAt } = look(this.ground.traffic(this.node), now);
    this.lookAt = lookAt;
    const { current } = this.choice;
    if (since === null || current === null || this.doubt !== null) return;
    this.doubt = new Doubt(current, since, now);
  }

  private stepDoubt(doubt: Doubt, now: Millis, out: MeshEffect[]): void {
    const verdict = doubt.step(now);
    if (verdict === 'wait') return;
    if (verdict === 'leave') {
      this.leave(doubt.route, now, out);
      return;
    }
    this.prober.probe(doubt.route, now, out);
    const next = this.choice.nextBest();
    if (next !== null) this.prober.probe(next, now, out);
    // A relay takes nothing from where it does not know us; if we were moved, it must hear so.
    this.wishes.check = next?.via ?? doubt.route.via;
    if (verdict === 'ask') return;
    if (doubt.route.via !== null) this.wishes.suspect = doubt.route.via;
    else if (next === null || next.via === null) this.wishes.relay = true;
  }

  private leave(route: Route, now: Millis, out: MeshEffect[]): void {
    route.leave(now);
    this.doubt = null;
    this.choice.decide(now);
    if (this.choice.direct) return;
    this.retry.begin(now);
    this.burst.begin(now);
    this.seek();
    // It may have lost the session, and then it answers no probe.
    if (this.choice.current === null) this.knock(now, KNOCK_GAP_MS, out);
  }

  private again(now: Millis, out: MeshEffect[]): void {
    this.retry.next(now);
    const { current } = this.choice;
    if (!this.met || current === null) {
      if (this.isWanted(now)) this.seek();
      this.knock(now, KNOCK_GAP_MS, out);
    }
    if (!this.met) return;
    if (this.retry.tries >= 2 && this.isWanted(now)) this.wishes.find = true;
    if (current !== null) this.prober.probe(current, now, out); // tells it to try just now
    this.burst.begin(now);
  }

  private keepUp(now: Millis, out: MeshEffect[]): void {
    this.upkeepAt = now + UPKEEP_MS;
    if (this.doubt !== null || this.bursting) return;
    const silent = unanswered(this.choice.current, now);
    const step = nextUpkeep(this.routes, this.choice.current, this.mtuMax, now);
    if (silent !== null) this.doubt = new Doubt(silent, now - 1_000, now);
    else if (step !== null) this.prober.probe(step.route, now, out, step.pad);
  }

  /** The same initiation to everything known: channels, then what was proven, then the LAN. */
  private knock(now: Millis, gap: Millis, out: MeshEffect[]): void {
    if (now - this.knockedAt < gap) return;
    const places = placesToKnock(this.routes);
    if (places.length === 0) return;
    this.knockedAt = now;
    out.push({ kind: 'knock', node: this.node, places });
  }
}
