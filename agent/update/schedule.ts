// When the machine of updates looks for announcements, and when it tries again what failed.

const LOOK_MS = 6 * 3_600_000; // a release is no emergency; `kith update check` looks at once
const FIRST_LOOK_MS = 120_000; // paths to the others are there by then
const SPREAD = 0.2; // a household that starts together does not ask together
const AGAIN_LEAST_MS = 60_000;
const AGAIN_MOST_MS = 3_600_000;
const DOUBLINGS_MAX = 10;

export class Schedule {
  private looking = false;
  private lookAt: number;
  private againAt = Infinity;
  private tries = 0;

  constructor(
    private readonly random: () => number, // from 0 to 1
    now: number,
  ) {
    this.lookAt = now + FIRST_LOOK_MS * (1 + random());
  }

  lookSoon(now: number): void {
    this.lookAt = now;
  }

  /** True once when it is time; then `looked` is to be called. */
  lookDue(now: number): boolean {
    if (this.looking || now < this.lookAt) return false;
    this.looking = true;
    return true;
  }

  looked(now: number): void {
    this.looking = false;
    this.lookAt = now + LOOK_MS * (1 + SPREAD * this.random());
  }

  /** `final`: there is no use in trying again. */
  failed(final: boolean, now: number): void {
    const wait = Math.min(AGAIN_MOST_MS, AGAIN_LEAST_MS * 2 ** this.tries);
    this.tries = Math.min(DOUBLINGS_MAX, this.tries + 1);
    this.againAt = final ? Infinity : now + wait * (1 + SPREAD * this.random());
  }

  /** Something has changed: what failed may go well now. */
  afresh(): void {
    this.tries = 0;
    this.againAt = Infinity;
  }

  /** True once when it is time. */
  againDue(now: number): boolean {
    if (now < this.againAt) return false;
    this.againAt = Infinity;
    return true;
  }

  get waitsToTry(): boolean {
    return this.againAt !== Infinity;
  }

  get deadline(): number {
    return Math.min(this.looking ? Infinity : this.lookAt, this.againAt);
  }
}
