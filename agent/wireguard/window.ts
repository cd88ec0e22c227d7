// The sliding window against replays (RFC 6479), for counters below 2^53: a ring of 32-bit words of
// which the newest may be partly in the future, so that 2,016 counters behind the newest pass.

const WORDS = 64;
const BEHIND_MAX = (WORDS - 1) * 32;

export class ReplayWindow {
  private readonly ring = new Uint32Array(WORDS);
  private next = 0; // one more than the greatest counter that was accepted

  /** False for one that came before, or is too old to tell. */
  accept(counter: number): boolean {
    if (counter < this.next && this.next - 1 - counter >= BEHIND_MAX) return false;
    const word = Math.floor(counter / 32);
    const newest = Math.floor((this.next - 1) / 32); // -1 before the first
    for (let at = Math.max(newest + 1, word - WORDS + 1); at <= word; at++) {
      this.ring[at % WORDS] = 0;
    }
    const bit = 1 << (counter % 32);
    const seen = this.ring[word % WORDS] ?? 0;
    if ((seen & bit) !== 0) return false;
    this.ring[word % WORDS] = seen | bit;
    this.next = Math.max(this.next, counter + 1);
    return true;
  }
}
