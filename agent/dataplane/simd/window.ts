// The sliding window against replays (RFC 6479): 8,192 bits in a ring of 64-bit words, of which
// the newest word may be partly in the future, so that 8,128 counters behind the newest pass.

import { WINDOW_BYTES, WINDOWS } from '../layout';

const WORDS: u64 = WINDOW_BYTES >> 3;
const BEHIND_MAX: u64 = (WORDS - 1) << 6;

/** Last counter that may be used, whatever its place in the window (paper, section 5.4.6). */
const COUNTER_MAX: u64 = <u64>0xffffffffffffffff - (1 << 13) - 1;

// @ts-ignore: decorator
@inline
function word(session: u32, counter: u64): usize {
  const ring = <usize>WINDOWS + session * WINDOW_BYTES;
  return ring + (<usize>((counter >> 6) & (WORDS - 1)) << 3);
}

/** `next`: one more than the greatest counter that was accepted. */
// @ts-ignore: decorator
@inline
export function fresh(session: u32, next: u64, counter: u64): bool {
  if (counter > COUNTER_MAX) return false;
  if (counter >= next) return true;
  if (next - 1 - counter >= BEHIND_MAX) return false;
  return !(load<u64>(word(session, counter)) & (<u64>1 << (counter & 63)));
}

/** Notes a fresh counter; returns the new `next`. */
// @ts-ignore: decorator
@inline
export function accept(session: u32, next: u64, counter: u64): u64 {
  if (counter >= next) {
    const from = next ? (next - 1) >> 6 : 0;
    let steps = (counter >> 6) - from;
    if (steps > WORDS) steps = WORDS;
    for (let i: u64 = 1; i <= steps; i++) store<u64>(word(session, (from + i) << 6), 0);
    next = counter + 1;
  }
  const at = word(session, counter);
  store<u64>(at, load<u64>(at) | (<u64>1 << (counter & 63)));
  return next;
}
