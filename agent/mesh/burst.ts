// Probes to all unproven places at once, several times in short order: both sides do it at the same
// time, so that each one's NAT has seen a packet go out when the other's comes in.

import type { Millis } from '../wireguard/effects.js';
import { Bucket } from './bucket.js';
import type { MeshEffect } from './effects.js';
import { PROBE_PAD, type Prober, TUNNEL_BYTES } from './prober.js';
import { type Route, TRIES_MAX } from './route.js';
import type { Routes } from './routes.js';

const GAP_MS = 250;

export class Burst {
  nextAt: Millis | undefined;
  beganAt: Millis = Number.NEGATIVE_INFINITY;
  private tries = TRIES_MAX;
  /** Four bursts at 16 places; a peer that names others all the time makes us send no more. */
  private readonly budget = new Bucket(320, 30_000);

  constructor(
    private readonly routes: Routes,
    private readonly prober: Prober,
  ) {}

  /** From now on; the first step is the next call of `step`. */
  begin(now: Millis, tries = TRIES_MAX): void {
    this.tries = tries;
    this.beganAt = now;
    this.nextAt = now;
    for (const route of this.routes) if (!route.proven) route.sent = 0;
  }

  stop(): void {
    this.nextAt = undefined;
  }

  step(now: Millis, out: MeshEffect[]): void {
    if (this.nextAt === undefined || now < this.nextAt) return;
    const left = [...this.routes].filter((route) => this.isTried(route));
    left.sort((a, b) => Number(b.lan) - Number(a.lan));
    for (const route of left) if (this.budget.take(now)) this.prober.probe(route, now, out);
    this.nextAt = left.some((route) => this.isTried(route)) ? now + GAP_MS : undefined;
  }

  private isTried(route: Route): boolean {
    if (route.proven || route.via !== null || route.sent >= this.tries) return false;
    return route.allows(PROBE_PAD + TUNNEL_BYTES);
  }
}
