// What is asked about paths while there is traffic and nothing is wrong: never more than one probe
// in three seconds, and none that would tell nothing new.

import type { Millis } from '../wireguard/effects.js';
import { nextCheck, nextSize, onSizeSent } from './mtu.js';
import { PROBE_PAD } from './prober.js';
import type { Route } from './route.js';
import type { Routes } from './routes.js';

export const UPKEEP_MS = 3_000;
const RTT_MS = 15_000; // how often the path in use is measured
const SURVEY_MS = 60_000; // how often each other way is looked at
const GOOD_RTT_MS = 5; // no other path could be better by as much as would be worth a move

export function nextUpkeep(
  routes: Routes,
  current: Route | null,
  mtuMax: number,
  now: Millis,
): { route: Route; pad: number } | null {
  if (current === null) return null;
  const rtt = { route: current, pad: PROBE_PAD };
  if (current.rttMs === null && now - current.probedAt >= UPKEEP_MS) return rtt;
  if (current.mtuCheck > 0) {
    const pad = nextCheck(current);
    if (pad !== undefined) return { route: current, pad };
  }
  const size = current.usable ? nextSize(current, mtuMax) : undefined;
  if (size !== undefined) {
    onSizeSent(current);
    return { route: current, pad: size };
  }
  if (now - Math.max(current.provenAt, current.probedAt) >= RTT_MS) return rtt;
  return survey(routes, current, now);
}

/**
 * The path in use, where it was asked and has not answered. What we hear may come by another way,
 * so that silence would never tell: a relay may pass on theirs, and drop ours.
 */
export function unanswered(current: Route | null, now: Millis): Route | null {
  if (current === null || now - current.probedAt < UPKEEP_MS) return null;
  return current.probedAt - current.provenAt >= RTT_MS ? current : null;
}

function survey(routes: Routes, current: Route, now: Millis): { route: Route; pad: number } | null {
  if (current.via === null && current.rttMs !== null && current.rttMs <= GOOD_RTT_MS) return null;
  for (const route of routes) {
    if (route === current || !route.usable || now - route.probedAt < SURVEY_MS) continue;
    if (current.via === null && route.via !== null) continue; // no better, and it costs others
    return { route, pad: PROBE_PAD };
  }
  return null;
}
