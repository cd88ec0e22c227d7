// A world in virtual time: what is to happen lies in one queue, ordered by time and, at the same
// time, by when it was put there. One seed decides all that is left to chance, so that a run with
// the same seed is the same run to the last event.
//
//     const world = new World(seed);
//     world.after(5, () => …);
//     world.check(() => …);          // after every event; throws what is wrong
//     world.run(60_000);

import type { Times } from '../../agent/mesh/effects.js';
import { Random } from '../lab/random.js';

/** Unix time at the beginning; a node's own clock may be off from it. */
export const WALL_START = 1_800_000_000_000;
const TRACE_MAX = 200; // the last things that happened, for whoever reads a failure

type Happening = { at: number; order: number; act: () => void };

/** What failed, when, and how to see it again. */
export class Violation extends Error {
  constructor(
    readonly seed: number,
    readonly now: number,
    readonly reason: string,
    readonly trace: readonly string[],
  ) {
    super(`seed ${seed}, ${(now / 1000).toFixed(3)} s: ${reason}`);
  }
}

export class World {
  now = 0;
  events = 0;
  readonly random: Random;
  private readonly queue: Happening[] = []; // a binary heap
  private readonly checks: (() => void)[] = [];
  private readonly notes: string[] = [];
  private order = 0;
  private stamped = 0x811c9dc5;

  constructor(readonly seed: number) {
    this.random = new Random(seed);
  }

  times(skew = 0): Times {
    return { now: this.now, wall: WALL_START + this.now + skew };
  }

  /** At once is after everything that is already to happen now. */
  after(ms: number, act: () => void): void {
    this.at(this.now + Math.max(0, ms), act);
  }

  at(time: number, act: () => void): void {
    push(this.queue, { at: Math.max(time, this.now), order: this.order++, act });
  }

  /** Asked after every event. */
  check(check: () => void): void {
    this.checks.push(check);
  }

  /** A hash of all that was stamped, in its order: the same for the same seed. */
  get log(): string {
    return (this.stamped >>> 0).toString(16).padStart(8, '0');
  }

  /** This happened now; a number that tells what. */
  stamp(what: number): void {
    const time = Math.imul(Math.floor(this.now * 1_000), 0x85ebca6b);
    this.stamped = Math.imul(this.stamped ^ what ^ time, 0x01000193);
    this.stamped ^= this.stamped >>> 15;
  }

  /** One line about what just happened; kept while it is recent. */
  note(line: string): void {
    if (this.notes.length >= TRACE_MAX) this.notes.shift();
    this.notes.push(`${(this.now / 1000).toFixed(3)} ${line}`);
  }

  /** Throws a Violation that says how to replay it. */
  fail(reason: string): never {
    throw new Violation(this.seed, this.now, reason, [...this.notes]);
  }

  /** Lets `ms` pass. Throws a Violation where a check, or the code under test, failed. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let next = this.queue[0]; next && next.at <= end; next = this.queue[0]) {
      pop(this.queue);
      this.now = next.at;
      this.events++;
      try {
        next.act();
        for (const check of this.checks) check();
      } catch (error) {
        if (error instanceof Violation) throw error;
        this.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
    }
    this.now = end;
  }

  /** The same until `done`; false where `ms` passed first. */
  runUntil(done: () => boolean, ms: number, step = 50): boolean {
    for (const end = this.now + ms; !done(); ) {
      if (this.now >= end) return false;
      this.run(step);
    }
    return true;
  }
}

function before(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Happening[], item: Happening): void {
  let i = heap.push(item) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent]!;
    if (!before(item, above)) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = item;
}

function pop(heap: Happening[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}
