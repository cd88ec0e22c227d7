// Range-based set reconciliation: two sorted sets of ids are made the same with a number of bytes
// close to their difference.
//
//   one side     all ids in a few ranges, each with its fingerprint
//   other side   same fingerprint: nothing to say;  few ids here: the ids themselves;
//                else the range is cut into smaller ones, each with its fingerprint
//   one side     the same for what came back; where ids came: sends what they lack, asks for
//                what it lacks itself
//
// Ids are hashes, so ranges are cut evenly between their bounds and not at ids: bounds stay short.

import { compareBytes } from '../bytes/cbor.js';
import type { IdSet } from '../identity/idset.js';
import type { StatementId } from '../identity/member.js';
import { PRINT_BYTES } from './fields.js';
import type { Range } from './frame.js';

export const CUTS = 4; // ranges out of one; 2 take twice as long for the same bytes, 8 cost more
export const FEW = 1; // so many ids are said at once: one has 32 bytes, a fingerprint 8
export const ANSWER_RANGES_MAX = 512; // 7 KiB; what lies beyond is for the next time
export const ANSWER_IDS_MAX = 2_048; // that one answer makes us send or ask for

export type Answer = Readonly<{
  /** To the other side; empty where nothing is left to compare. */
  ranges: readonly Range[];
  send: readonly StatementId[]; // they lack these
  fetch: readonly StatementId[]; // we lack these
}>;

const NOTHING = new Uint8Array(0); // as a bound: the very start, or the very end

/** What the side that begins says. */
export function opening(set: IdSet): readonly Range[] {
  const said = new Said();
  compare(set, NOTHING, NOTHING, said);
  return said.ranges;
}

/** What to do about ranges of the other side. Ranges out of order end it there. */
export function answer(set: IdSet, ranges: readonly Range[]): Answer {
  const said = new Said();
  const send: StatementId[] = [];
  const fetch: StatementId[] = [];
  let from: Uint8Array = NOTHING;
  for (const [i, { end, fingerprint, ids }] of ranges.entries()) {
    const last = end.length === 0;
    if (last ? i < ranges.length - 1 : compareBytes(end, from) <= 0) break;
    if (said.ranges.length >= ANSWER_RANGES_MAX || send.length + fetch.length >= ANSWER_IDS_MAX) {
      break;
    }
    if (ids !== undefined) {
      difference(set, from, end, ids, send, fetch);
      said.skip(end);
    } else if (fingerprint === undefined || same(set, from, end, fingerprint)) {
      said.skip(end);
    } else {
      compare(set, from, end, said);
    }
    from = end;
  }
  return { ranges: said.ranges, send, fetch };
}

/** Ranges of an answer; those with nothing to say are one, and are left out at the end. */
class Said {
  readonly ranges: Range[] = [];
  private skipped: Uint8Array | undefined;

  skip(end: Uint8Array): void {
    this.skipped = end;
  }

  say(range: Range): void {
    if (this.skipped !== undefined) this.ranges.push({ end: this.skipped });
    this.skipped = undefined;
    this.ranges.push(range);
  }
}

/** Our side of a range in which the sets are not the same. */
function compare(set: IdSet, from: Uint8Array, to: Uint8Array, said: Said): void {
  const bounds = set.countIn(from, to) > FEW ? cuts(from, to) : [];
  if (bounds.length === 0) {
    said.say({ end: to, ids: set.ids(from, to, ANSWER_IDS_MAX) });
    return;
  }
  let start = from;
  for (const end of [...bounds, to]) {
    if (set.countIn(start, end) <= FEW) said.say({ end, ids: set.ids(start, end) });
    else said.say({ end, fingerprint: print(set, start, end) });
    start = end;
  }
}

function difference(
  set: IdSet,
  from: Uint8Array,
  to: Uint8Array,
  theirs: readonly StatementId[],
  send: StatementId[],
  fetch: StatementId[],
): void {
  const known = new Set(theirs);
  // At most so many are not theirs that there is room for.
  const room = ANSWER_IDS_MAX - send.length - fetch.length;
  for (const id of set.ids(from, to, room + known.size)) if (!known.has(id)) send.push(id);
  for (const id of known) if (!set.has(id)) fetch.push(id);
}

function same(set: IdSet, from: Uint8Array, to: Uint8Array, fingerprint: Uint8Array): boolean {
  return compareBytes(print(set, from, to), fingerprint) === 0;
}

function print(set: IdSet, from: Uint8Array, to: Uint8Array): Uint8Array {
  return set.fingerprint(from, to).subarray(0, PRINT_BYTES);
}

const BOUND_BYTES = 6; // 48 bits, which a number holds exactly; nobody's ids agree in so many
const WHOLE = 2 ** (8 * BOUND_BYTES);

/** Bounds that cut a range into CUTS; fewer, or none, where it is too narrow. */
function cuts(from: Uint8Array, to: Uint8Array): Uint8Array[] {
  const low = numberOf(from);
  const high = to.length === 0 ? WHOLE : numberOf(to);
  const bounds: Uint8Array[] = [];
  for (let i = 1; i < CUTS; i++) {
    const bound = boundOf(Math.floor(low + ((high - low) * i) / CUTS));
    if (compareBytes(bound, bounds.at(-1) ?? from) <= 0) continue;
    if (to.length === 0 || compareBytes(bound, to) < 0) bounds.push(bound);
  }
  return bounds;
}

function numberOf(bound: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < BOUND_BYTES; i++) value = 256 * value + (bound[i] ?? 0);
  return value;
}

/** Without zeros at the end, which a bound does not need. */
function boundOf(value: number): Uint8Array {
  const bytes = new Uint8Array(BOUND_BYTES);
  let rest = value;
  for (let i = BOUND_BYTES - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  let length = BOUND_BYTES;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return bytes.slice(0, length);
}
