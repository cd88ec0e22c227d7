// How large a packet may be on a path: asked by padded probes that may not be fragmented, from the
// largest down, because most often the largest gets through and then one probe is all it takes.

import type { Millis } from '../wireguard/effects.js';
import { MTU_FLOOR, type Route } from './route.js';

export const CHANNEL_HEADER = 8; // what a relay channel adds to each datagram
const TRIES = 2; // a size that is lost twice is too large for now

// Links with 1,500 bytes under IPv6 and IPv4, PPPoE (1,492), LTE and tunnels in tunnels.
const SIZES = [1_440, 1_420, 1_412, 1_380, 1_340, 1_300];

/** The size to try next, in bytes inside the tunnel; undefined: nothing is left to be asked. */
export function nextSize(route: Route, largest: number): number | undefined {
  if (route.mtuSteps === null) {
    const room = largest - (route.via === null ? 0 : CHANNEL_HEADER);
    const sizes = SIZES.map((size) => size - (route.via === null ? 0 : CHANNEL_HEADER));
    route.mtuSteps = [room, ...sizes.filter((size) => size < room)].filter(
      (size) => size > MTU_FLOOR,
    );
    route.mtuTries = 0;
  }
  const size = route.mtuSteps[0];
  return size === undefined || size <= route.mtu ? undefined : size;
}

/** That size went out; after the second time without an answer the next smaller one is tried. */
export function onSizeSent(route: Route): void {
  if (++route.mtuTries < TRIES) return;
  route.mtuTries = 0;
  route.mtuSteps?.shift();
}

/** An answer to a probe of that many bytes came: everything up to it fits. */
export function onSizeProven(route: Route, bytes: number): void {
  if (bytes >= route.mtu) route.mtuCheck = 0;
  if (bytes <= route.mtu) return;
  route.mtu = bytes;
  if (route.mtuSteps !== null) route.mtuSteps = route.mtuSteps.filter((size) => size > bytes);
}

const CHECK_GAP_MS = 30_000; // a stream that nobody answers falls silent each second

/** Small packets get through after a silence: do large ones still? */
export function doubtSize(route: Route, now: Millis): void {
  if (route.mtu === MTU_FLOOR || now - route.mtuCheckedAt < CHECK_GAP_MS) return;
  route.mtuCheckedAt = now;
  route.mtuCheck = TRIES + 1;
}

/** The next step of such a check: a size to probe, or undefined, and then the floor holds again. */
export function nextCheck(route: Route): number | undefined {
  if (--route.mtuCheck > 0) return route.mtu;
  route.mtu = MTU_FLOOR;
  route.mtuSteps = null;
  return undefined;
}
