// Which of two ways to a peer is the better one. A small gain is no reason to move: two paths that
// are nearly equal would otherwise take turns, and each turn reorders packets.

export type Standing = Readonly<{
  via: string | null; // a relay
  lan: boolean;
  rttMs: number | null; // null: not measured yet
}>;

export const GAIN_PERCENT = 10;
export const GAIN_MS = 5;

/** True where packets should move from `present` to `other`. */
export function isBetter(other: Standing, present: Standing): boolean {
  if ((other.via === null) !== (present.via === null)) return other.via === null;
  // On the LAN, unless that is a detour: a private address may lie behind another tunnel.
  if (other.lan !== present.lan)
    return other.lan ? !isFaster(present, other) : isFaster(other, present);
  return isFaster(other, present);
}

function isFaster(a: Standing, b: Standing): boolean {
  if (a.rttMs === null || b.rttMs === null) return false;
  const gain = b.rttMs - a.rttMs;
  return gain >= GAIN_MS && gain >= (b.rttMs * GAIN_PERCENT) / 100;
}

/** For a first choice, where there is nothing to stay with: best first. */
export function order(a: Standing, b: Standing): number {
  if ((a.via === null) !== (b.via === null)) return a.via === null ? -1 : 1;
  if (a.lan !== b.lan) return a.lan ? -1 : 1;
  return (a.rttMs ?? Number.MAX_VALUE) - (b.rttMs ?? Number.MAX_VALUE);
}
