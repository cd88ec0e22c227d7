// Noble as the judge of a faster engine, packet by packet.
//
// Noble repeats the first packet of every key in each length class and direction, and from then on
// one packet in 4,096. Of an authentic packet the engine must also refuse a copy with one bit
// flipped. At the first disagreement the whole batch is dropped, noble serves until restart, and an
// alarm goes up.
//
// The checked packet is the last one of a run that the engine works on in one go, so what is judged
// is the engine as it works. All buffers are made once.

import { Descriptors } from './descriptors.js';
import {
  AUTHENTIC,
  type Engine,
  type EngineName,
  PENDING,
  REFUSED,
  SESSIONS_MAX,
  TAG_BYTES,
  type Table,
  TEXT_BYTES_MAX,
} from './engine.js';
import { NobleEngine, nobleOpen, nobleSeal } from './noble.js';

/** One packet in this many is checked whatever came before; each direction counts for itself. */
export const CHECK_EVERY = 4_096;

/**
 * Of packets that the engine refused, without the above, noble repeats one in this many: who floods
 * us with forgeries must not get noble's slowness for it.
 */
export const REFUSAL_CHECK_EVERY = 64;

/** Which engine was caught, and what it did, as the end of a sentence. */
export type Alarm = (engine: EngineName, reason: string) => void;

/**
 * A packet's length class, 0 to 25: the text's bytes in powers of two, and whether the last block
 * of 16 is whole. Engines switch between code for short and long texts, and treat a broken block
 * apart; within a class they do the same things, only more or less often.
 */
export function lengthClass(length: number): number {
  return 2 * (32 - Math.clz32(length >>> 4)) + ((length & 15) === 0 ? 0 : 1);
}

/** What was checked in one direction. */
class Progress {
  private readonly classes = new Uint32Array(SESSIONS_MAX); // a bit per length class
  private left = CHECK_EVERY; // packets until the next check that is due anyway
  refusals = 0;

  begin(session: number): void {
    this.classes[session % SESSIONS_MAX] = 0;
  }

  /** Counts a packet; true if it is the one in CHECK_EVERY. */
  isTurn(): boolean {
    if (--this.left > 0) return false;
    this.left = CHECK_EVERY;
    return true;
  }

  isFirst(session: number, length: number): boolean {
    return ((this.classes[session % SESSIONS_MAX] ?? 0) & (1 << lengthClass(length))) === 0;
  }

  mark(session: number, length: number): void {
    const index = session % SESSIONS_MAX;
    this.classes[index] = (this.classes[index] ?? 0) | (1 << lengthClass(length));
  }
}

export class Judge implements Engine {
  /** How often noble has repeated a packet, and how often it did not agree. */
  checked = 0;
  alarms = 0;

  private serving: Engine;
  private readonly noble: Engine;
  private readonly packets: Descriptors;
  private readonly sealing = new Progress();
  private readonly opening = new Progress();
  private readonly before = new Uint8Array(TEXT_BYTES_MAX + TAG_BYTES); // the packet as it came
  private readonly answer = new Uint8Array(TEXT_BYTES_MAX + TAG_BYTES); // noble's

  /** Noble itself is not judged. */
  constructor(
    table: Table,
    engine: Engine,
    private readonly alarm: Alarm,
  ) {
    this.serving = engine;
    this.noble = engine.name === 'noble' ? engine : new NobleEngine(table);
    this.packets = new Descriptors(table);
  }

  /** The engine that serves now. */
  get name(): EngineName {
    return this.serving.name;
  }

  /** A session slot has got new keys. */
  begin(session: number): void {
    this.sealing.begin(session);
    this.opening.begin(session);
  }

  seal(first: number, count: number): boolean {
    const { serving, packets, sealing } = this;
    if (serving === this.noble) return serving.seal(first, count);
    const end = first + count;
    let from = first;
    for (let i = first; i < end; i++) {
      const turn = sealing.isTurn();
      if (!turn && !sealing.isFirst(packets.session(i), packets.length(i))) continue;
      const problem = this.sealChecked(from, i);
      if (problem !== undefined) return this.fall(problem);
      from = i + 1;
    }
    return from === end || ask(serving, 'seal', from, end) || this.fall('failed to seal');
  }

  open(first: number, count: number): boolean {
    const { serving, packets, opening } = this;
    if (serving === this.noble) return serving.open(first, count);
    const end = first + count;
    let from = first;
    for (let i = first; i < end; i++) {
      if (packets.state(i) !== PENDING) continue;
      const turn = opening.isTurn();
      if (!turn && !opening.isFirst(packets.session(i), packets.length(i))) continue;
      const problem = this.openChecked(from, i, turn);
      if (problem !== undefined) return this.refuseAll(first, end, problem);
      from = i + 1;
    }
    if (from === end || ask(serving, 'open', from, end)) return true;
    return this.refuseAll(first, end, 'failed to open');
  }

  close(): void {
    this.serving.close();
    this.noble.close();
    this.before.fill(0);
    this.answer.fill(0);
  }

  /** Seals `from` to `i`, and `i` by noble too. Undefined: they agree. */
  private sealChecked(from: number, i: number): string | undefined {
    const { packets } = this;
    const length = packets.length(i);
    const before = this.before.subarray(0, length);
    const answer = this.answer.subarray(0, length + TAG_BYTES);
    before.set(packets.text(i));
    if (!ask(this.serving, 'seal', from, i + 1)) return 'failed to seal';
    nobleSeal(packets.key(i), packets.nonce(i), before, answer);
    this.checked++;
    this.sealing.mark(packets.session(i), length);
    return equal(packets.sealed(i), answer) ? undefined : `sealed ${length} bytes wrongly`;
  }

  /** Opens `from` to `i`, and `i` by noble too. Undefined: they agree. */
  private openChecked(from: number, i: number, turn: boolean): string | undefined {
    const { packets, opening } = this;
    const length = packets.length(i);
    const before = this.before.subarray(0, length + TAG_BYTES);
    const answer = this.answer.subarray(0, length);
    before.set(packets.sealed(i));
    if (!ask(this.serving, 'open', from, i + 1)) return 'failed to open';

    const refused = packets.state(i) === REFUSED;
    if (refused && !turn && ++opening.refusals % REFUSAL_CHECK_EVERY !== 0) return undefined;
    const good = nobleOpen(packets.key(i), packets.nonce(i), before, answer);
    this.checked++;
    if (refused) return good ? `refused ${length} bytes that were authentic` : undefined;
    if (!good) return `accepted a forgery of ${length} bytes`;
    if (packets.state(i) !== AUTHENTIC) return 'left a packet unopened';
    if (!equal(packets.text(i), answer)) return `opened ${length} bytes wrongly`;
    opening.mark(packets.session(i), length);
    return this.acceptsFlipped(i, before, answer) ? `accepted a flipped bit` : undefined;
  }

  /** Has the engine open the packet again with one bit flipped; then puts the text back. */
  private acceptsFlipped(i: number, before: Uint8Array, answer: Uint8Array): boolean {
    const { packets } = this;
    const bit = Math.imul(this.checked, 0x9e37_79b1) >>> 0; // spread over all bits, tag included
    const at = (bit >>> 3) % before.length;
    const sealed = packets.sealed(i);
    sealed.set(before);
    sealed[at] = (sealed[at] ?? 0) ^ (1 << (bit & 7));
    packets.setState(i, PENDING);
    const done = ask(this.serving, 'open', i, i + 1);
    const refused = done && packets.state(i) === REFUSED;
    sealed.set(answer);
    packets.setState(i, AUTHENTIC);
    return !refused;
  }

  private refuseAll(first: number, end: number, problem: string): false {
    for (let i = first; i < end; i++) this.packets.setState(i, REFUSED);
    return this.fall(problem);
  }

  /** Noble takes over until restart. */
  private fall(problem: string): false {
    const fallen = this.serving;
    this.serving = this.noble;
    this.alarms++;
    this.alarm(fallen.name, problem);
    try {
      fallen.close();
    } catch {
      // What is as broken as that cannot be tidied up either.
    }
    return false;
  }
}

/** An engine that throws has failed. */
function ask(engine: Engine, what: 'seal' | 'open', from: number, end: number): boolean {
  try {
    return engine[what](from, end - from);
  } catch {
    return false;
  }
}

/** Not in constant time: whoever sees how long it takes sees the packets too. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
