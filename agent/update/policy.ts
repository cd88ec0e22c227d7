// Whether a release that was announced may be taken here.

import type { SignedManifest, Target } from './manifest.js';
import type { Installed } from './slots.js';
import { compareVersions } from './version.js';

/** What a node remembers of updates, across restarts. */
export type Memory = Readonly<{
  /** The newest manifest that was taken, as it was signed. */
  manifest: Uint8Array | null;
  /** Nothing older than this may be installed. */
  floor: string | null;
  /** A release that came back: not tried again by itself. */
  failed: Readonly<{ version: string; reason: string }> | null;
}>;

export const EMPTY: Memory = { manifest: null, floor: null, failed: null };

/** A release that may be taken, and what of it is for this machine. */
export type Offer = Readonly<{ manifest: SignedManifest; target: Target }>;

export type Judged = Readonly<
  | { verdict: 'take'; target: Target }
  | { verdict: 'nothing-new' }
  | { verdict: 'refuse'; reason: string } // for people
>;

/** `newest` is the manifest held so far. */
export function judge(
  manifest: SignedManifest,
  installed: Installed,
  channel: string,
  floor: string | null,
  newest: SignedManifest | undefined,
): Judged {
  const { version, issued, targets } = manifest;
  const refuse = (reason: string): Judged => ({ verdict: 'refuse', reason });
  if (manifest.channel !== channel)
    return refuse(`it is of the channel ${manifest.channel}, not ${channel}`);
  if (newest && newest.channel === channel && issued < newest.issued)
    return refuse(`it is older than the announcement of ${newest.version}`);
  const age = compareVersions(version, installed.version);
  if (age === 0) return { verdict: 'nothing-new' };
  if (age < 0) return refuse(`${version} is older than ${installed.version}, which runs here`);
  if (floor !== null && compareVersions(version, floor) < 0)
    return refuse(`${version} is older than ${floor}, the oldest that may be installed`);
  const target = targets.find((one) => one.target === installed.target);
  if (!target) return refuse(`there is no ${version} for ${installed.target}`);
  return { verdict: 'take', target };
}

/** The higher of the floor so far and the one that a manifest sets. */
export function raisedFloor(floor: string | null, minimum: string | null): string | null {
  if (floor === null || minimum === null) return minimum ?? floor;
  return compareVersions(minimum, floor) > 0 ? minimum : floor;
}

/** Space that is lacking to fetch and to lay down a release, in bytes; 0: there is enough. */
export function lackingSpace(
  target: Target,
  held: number, // of the archive, here already
  room: Readonly<{ download: number; release: number; shared: boolean }>,
): number {
  const archive = Math.max(0, target.size - held);
  if (room.shared) return Math.max(0, archive + target.unpacked + SPARE_BYTES - room.download);
  const lacking = [archive + SPARE_BYTES - room.download, target.unpacked - room.release];
  return Math.max(0, ...lacking);
}

const SPARE_BYTES = 1_048_576; // the state folder may lie on the same flash, and must go on

/** Minutes of the day in `02:00-05:00`; the end may lie behind midnight. */
export function inWindow(window: string | null, minute: number): boolean {
  const [, a, b, c, d] = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(window ?? '') ?? [];
  if (a === undefined) return true;
  const [from, to] = [60 * Number(a) + Number(b), 60 * Number(c) + Number(d)];
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}
