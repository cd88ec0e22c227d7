// Does an engine agree with noble on this machine? Asked at start, before the first packet.

import { Descriptors } from './descriptors.js';
import {
  AUTHENTIC,
  type Engine,
  KEY_BYTES,
  PENDING,
  REFUSED,
  TAG_BYTES,
  type Table,
} from './engine.js';
import type { Question } from './exam.js';

/** Where to test: while no packet is under way, descriptors and ROOM_BYTES at `room` are free. */
export type Bench = Readonly<{ table: Table; room: number }>;

export const ROOM_BYTES = 65_536;
export const ROOM_DESCRIPTORS = 8;

const FENCE = 0xa5; // what lies around the packets, and must lie there afterwards
const FENCE_BYTES = 64;

/** Undefined: it passed. Else what it got wrong, as the end of a sentence. Takes a few ms. */
export function selfTest(
  engine: Engine,
  exam: readonly Question[],
  bench: Bench,
): string | undefined {
  try {
    for (let i = 0; i < exam.length; i += ROOM_DESCRIPTORS) {
      const sheet = new Sheet(bench, exam.slice(i, i + ROOM_DESCRIPTORS));
      const problem = sealsRight(engine, sheet) ?? opensRight(engine, sheet);
      if (problem !== undefined) return problem;
      for (const forgery of FORGERIES) {
        const accepted = refuses(engine, sheet, forgery);
        if (accepted !== undefined) return accepted;
      }
    }
    return undefined;
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : 'unknown'}`;
  }
}

function sealsRight(engine: Engine, sheet: Sheet): string | undefined {
  sheet.lay('text');
  if (!engine.seal(0, sheet.questions.length)) return 'failed to seal';
  return sheet.compare('sealed', 'sealed wrongly');
}

function opensRight(engine: Engine, sheet: Sheet): string | undefined {
  sheet.lay('sealed');
  const last = sheet.questions.length - 1;
  sheet.packets.setState(last, REFUSED); // not pending: must be passed over
  if (!engine.open(0, last + 1)) return 'failed to open';
  if (sheet.packets.state(last) !== REFUSED) return 'opened a packet that was not pending';
  sheet.packets.setState(last, PENDING);
  if (!engine.open(last, 1)) return 'failed to open';
  const refused = sheet.questions.findIndex((_, i) => sheet.packets.state(i) !== AUTHENTIC);
  if (refused >= 0) return `refused ${sheet.bytesOf(refused)} that were authentic`;
  return sheet.compare('text', 'opened wrongly');
}

type Forgery = Readonly<{ what: string; spoil(packets: Descriptors, index: number): void }>;

// One bit each; where there is no text, the tag instead.
const FORGERIES: readonly Forgery[] = [
  { what: 'tag', spoil: (packets, i) => flip(packets.sealed(i), packets.length(i)) },
  { what: 'tag', spoil: (packets, i) => flip(packets.sealed(i), packets.length(i) + 15, 0x80) },
  { what: 'text', spoil: (packets, i) => flip(packets.sealed(i), 0) },
  { what: 'text', spoil: (packets, i) => flip(packets.sealed(i), packets.length(i) - 1, 0x80) },
  { what: 'key', spoil: (packets, i) => flip(packets.key(i), 31) },
];

function flip(bytes: Uint8Array, at: number, bit = 1): void {
  const index = Math.max(at, 0);
  bytes[index] = (bytes[index] ?? 0) ^ bit;
}

/** Every other packet is forged, so that the good ones show that states are not mixed up. */
function refuses(engine: Engine, sheet: Sheet, forgery: Forgery): string | undefined {
  sheet.lay('sealed');
  const { packets, questions } = sheet;
  for (let i = 0; i < questions.length; i += 2) forgery.spoil(packets, i);
  if (!engine.open(0, questions.length)) return 'failed to open';
  for (let i = 0; i < questions.length; i++) {
    const want = i % 2 === 0 ? REFUSED : AUTHENTIC;
    if (packets.state(i) === want) continue;
    const bytes = sheet.bytesOf(i);
    return want === REFUSED
      ? `accepted ${bytes} with a forged ${forgery.what}`
      : `refused ${bytes}`;
  }
  return sheet.fencesStand() ? undefined : 'wrote outside the packet when refusing it';
}

/** A few questions laid out in the memory, at all alignments, with fences between them. */
class Sheet {
  readonly packets: Descriptors;
  private readonly room: Uint8Array;
  private readonly clean = new Uint8Array(ROOM_BYTES);
  private readonly fence = new Uint8Array(ROOM_BYTES).fill(FENCE);
  private used = 0; // bytes of the room, the last fence too

  constructor(
    private readonly bench: Bench,
    readonly questions: readonly Question[],
  ) {
    this.packets = new Descriptors(bench.table);
    this.room = this.packets.bytes.subarray(bench.room, bench.room + ROOM_BYTES);
  }

  lay(part: 'text' | 'sealed'): void {
    const { packets, room } = this;
    room.fill(FENCE);
    let at = this.bench.room + FENCE_BYTES;
    for (const [i, question] of this.questions.entries()) {
      const key = at;
      const text = key + KEY_BYTES + FENCE_BYTES + (i % 16);
      const { counter } = question;
      packets.write(i, { text, length: question.text.length, key, counter, session: 0 });
      packets.bytes.set(question.key, key);
      packets.bytes.set(question[part], text);
      at = (text + question.text.length + TAG_BYTES + FENCE_BYTES + 15) & ~15;
    }
    this.used = at - this.bench.room;
    if (this.used > ROOM_BYTES) throw new RangeError('the exam outgrew its room');
  }

  /** Compares results, and that nothing else was written. */
  compare(part: 'text' | 'sealed', verb: string): string | undefined {
    for (const [i, question] of this.questions.entries()) {
      const got = part === 'text' ? this.packets.text(i) : this.packets.sealed(i);
      if (Buffer.compare(got, question[part]) !== 0) return `${verb}: ${this.bytesOf(i)}`;
      if (Buffer.compare(this.packets.key(i), question.key) !== 0) return 'wrote into a key';
    }
    return this.fencesStand() ? undefined : 'wrote outside the packet';
  }

  fencesStand(): boolean {
    const { clean, fence, used } = this;
    clean.set(this.room);
    for (const i of this.questions.keys()) {
      const key = this.packets.key(i).byteOffset - this.bench.room;
      const text = this.packets.text(i).byteOffset - this.bench.room;
      clean.fill(FENCE, key, key + KEY_BYTES);
      clean.fill(FENCE, text, text + this.packets.length(i) + TAG_BYTES);
    }
    return Buffer.compare(clean.subarray(0, used), fence.subarray(0, used)) === 0;
  }

  bytesOf(index: number): string {
    return `${this.packets.length(index)} bytes`;
  }
}
