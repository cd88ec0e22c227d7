// TAI64N timestamps of our initiations (WireGuard paper, section 5.1), for a router whose clock
// may be wrong at boot, or set back: a peer refuses an initiation that is not newer than the last.
//
//   0         8         12        seconds since 1970 TAI, plus 2^62; then nanoseconds, with their
//   +---------+---------+         low 24 bits zero so that they tell nothing of how long our
//   | seconds | nanos   |         computations took; big-endian, so that bytes compare like time
//   +---------+---------+
//     u64       u32
//
// A ceiling is persisted ahead of use: no timestamp above it was ever sent. The next boot starts
// at the later of clock and ceiling, and from there time only goes forward, by the monotonic clock
// where the wall clock stands behind. A clock far above the ceiling may be nonsense that would
// lock us out once it is corrected, so it counts only once it is synchronised.

import type { Millis } from './effects.js';
import { CEILING_AHEAD_S, CEILING_MARGIN_S, CLOCK_LEAP_S } from './limits.js';

export const TIMESTAMP_BYTES = 12;

const TAI_LEAP_S = 10; // TAI minus UTC in 1972, which every implementation takes as it is
const TAI64_HIGH = 0x40000000; // 2^62 in the high word
const NANOS_STEP = 2 ** 24; // 16.8 ms
const NANOS = 1e9;

type Moment = Readonly<{ seconds: number; nanos: number }>;

export class TimestampClock {
  private readonly floor: Millis; // Unix time below which nothing is given out
  private readonly hasPast: boolean; // without one there is nothing to measure a leap by
  private last: Readonly<{ time: Millis; at: Millis }> | undefined;
  private lastMoment: Moment = { seconds: 0, nanos: 0 };
  private used = false;
  private synchronised = false;

  /** `ceiling`: Unix seconds, as persisted by an earlier run; undefined: there was none. */
  constructor(private ceiling?: number) {
    this.floor = (ceiling ?? 0) * 1_000;
    this.hasPast = ceiling !== undefined;
  }

  /** The wall clock is right: from now on it counts wherever it is ahead. */
  trust(): void {
    this.synchronised = true;
  }

  /**
   * The next timestamp, later than all before. Where `ceiling` comes with it, that is to be
   * persisted before the timestamp is sent. `wall` is Unix time in milliseconds.
   */
  next(now: Millis, wall: Millis): { timestamp: Uint8Array; ceiling: number | undefined } {
    const time = this.time(now, wall);
    this.last = { time, at: now };
    this.lastMoment = later(momentOf(time), this.lastMoment);
    this.used = true;
    const timestamp = write(this.lastMoment);
    const { seconds } = this.lastMoment;
    if (this.ceiling !== undefined && seconds + CEILING_MARGIN_S <= this.ceiling) {
      return { timestamp, ceiling: undefined };
    }
    this.ceiling = seconds + CEILING_AHEAD_S;
    return { timestamp, ceiling: this.ceiling };
  }

  /** At a clean end: the lowest ceiling that is true; undefined where none was used up. */
  lowest(): number | undefined {
    return this.used ? this.lastMoment.seconds + 1 : undefined;
  }

  private time(now: Millis, wall: Millis): Millis {
    const { last, ceiling } = this;
    const least = last === undefined ? this.floor : last.time + Math.max(0, now - last.at);
    const leaps = this.hasPast && wall > ((ceiling ?? 0) + CLOCK_LEAP_S) * 1_000;
    return leaps && !this.synchronised ? least : Math.max(least, wall);
  }
}

/** Whether `a` is later than `b`; both are timestamps of 12 bytes. */
export function isLater(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < TIMESTAMP_BYTES; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function momentOf(time: Millis): Moment {
  const seconds = Math.floor(time / 1_000);
  const nanos = Math.floor((time - seconds * 1_000) * 1e6);
  return { seconds, nanos: nanos - (nanos % NANOS_STEP) };
}

/** `moment`, or the first one after `last` where that is later. */
function later(moment: Moment, last: Moment): Moment {
  const isNew =
    moment.seconds > last.seconds || (moment.seconds === last.seconds && moment.nanos > last.nanos);
  if (isNew) return moment;
  const nanos = last.nanos + NANOS_STEP;
  return nanos < NANOS ? { seconds: last.seconds, nanos } : { seconds: last.seconds + 1, nanos: 0 };
}

function write({ seconds, nanos }: Moment): Uint8Array {
  const timestamp = new Uint8Array(TIMESTAMP_BYTES);
  const view = new DataView(timestamp.buffer);
  const tai = seconds + TAI_LEAP_S;
  view.setUint32(0, TAI64_HIGH + Math.floor(tai / 2 ** 32));
  view.setUint32(4, tai >>> 0);
  view.setUint32(8, nanos);
  return timestamp;
}
