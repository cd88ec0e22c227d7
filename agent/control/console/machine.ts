// Machine mode: for programs that set a node up over its serial port. It is entered by
//
//     ESC _ k i t h ESC \          1b 5f 6b 69 74 68 1b 5c
//
// (an application program command, ECMA-48 8.3.2: terminals ignore it) at any time, and answered by
// a frame. Frames are CBOR (agent/bytes/cbor.ts: the deterministic form alone) in SLIP (slip.ts):
//
//   hello     {"kith": version, "name": text, "login": true where a PIN is wanted first}
//   request   {"id": integer | text, "command": text, ? "arguments": {text: any}}
//   answer    {"id": …, "result": any, ? "notes": [text]}
//   failure   {"id": …, "error": text, ? "problems": [{"path": text, "problem": text}]}
//
// Commands and arguments are those of the registry, as over MQTT; further `login` with
// {"pin": text}, and `leave`, which goes back to the shell, as does silence. Numbers that are no
// integers are written as decimal text, for CBOR of this form has none. Requests are run one after
// the other; what is no request is counted and not answered.

import { type Cbor, decode, encode } from '../../bytes/cbor.js';
import { encodeSlip, SlipReader } from './slip.js';

export const MACHINE = 'kith'; // of the APC
const ENTRY = Buffer.from(`\x1b_${MACHINE}\x1b\\`);
const WAITING_MAX = 16; // requests: a tool that sends more without listening is told so
const ANSWER_MAX = 1024 * 1024; // bytes: a minute and a half at 115200
const ID_MAX = 64;

export type Request = Readonly<{
  id: number | string;
  command: string;
  given: Readonly<Record<string, unknown>>;
}>;

export type Answer = Readonly<
  { result: unknown; notes?: readonly string[] } | { error: string; problems?: readonly unknown[] }
>;

export type MachineOptions = Readonly<{
  hello: Readonly<{ kith: string; name: string; login: boolean }>;
  /** Never rejects. */
  run(request: Request): Promise<Answer>;
  write(bytes: Uint8Array): void;
}>;

export class MachineMode {
  private readonly reader = new SlipReader();
  private readonly waiting: Request[] = [];
  private running = false;
  private ignored = 0;

  constructor(private readonly options: MachineOptions) {
    this.send({ ...options.hello });
  }

  /** Frames that were no requests. */
  get dropped(): number {
    return this.ignored + this.reader.dropped;
  }

  /** Never throws. True where there was a request in it. */
  read(piece: Uint8Array): boolean {
    let any = false;
    this.reader.read(piece, (frame) => {
      const request = requestOf(decode(frame));
      if (!request) {
        this.ignored++;
        return;
      }
      any = true;
      if (this.waiting.length >= WAITING_MAX)
        return this.answer(request, { error: 'too many requests wait for their answers' });
      this.waiting.push(request);
      if (!this.running) void this.work();
    });
    return any;
  }

  private async work(): Promise<void> {
    this.running = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift())
      this.answer(next, await this.options.run(next));
    this.running = false;
  }

  private answer({ id }: Request, answer: Answer): void {
    if (!this.send({ id, ...answer }))
      this.send({ id, error: 'the result is too large, or too deep, for this way' });
  }

  private send(value: unknown): boolean {
    const bytes = encoded(value);
    if (bytes === undefined || bytes.length > ANSWER_MAX) return false;
    this.options.write(encodeSlip(bytes));
    return true;
  }
}

/**
 * Looks for the sequence that enters machine mode in the midst of it: the tool before died without
 * a word, and the next one begins anew.
 */
export class EntryWatch {
  private matched = 0;

  /** Where the sequence ends in this piece; -1 where it does not. */
  endIn(piece: Uint8Array): number {
    for (const [i, byte] of piece.entries()) {
      if (byte === ENTRY[this.matched]) this.matched++;
      else if (this.matched === 7 && byte === ENTRY[1])
        this.matched = 2; // ESC \ was ESC _
      else this.matched = byte === ENTRY[0] ? 1 : 0;
      if (this.matched < ENTRY.length) continue;
      this.matched = 0;
      return i + 1;
    }
    return -1;
  }
}

/** Undefined where it is no request. */
export function requestOf(value: Cbor | undefined): Request | undefined {
  if (!(value instanceof Map)) return undefined;
  const map: ReadonlyMap<number | string, Cbor> = value;
  const [id, command] = [map.get('id'), map.get('command')];
  const given = plain(map.get('arguments') ?? new Map());
  if (typeof id !== 'number' && (typeof id !== 'string' || id.length > ID_MAX)) return undefined;
  if (typeof command !== 'string' || command.length > ID_MAX) return undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  return { id, command, given: given as Record<string, unknown> };
}

/** Maps to objects; byte strings stay what no argument is. */
function plain(value: Cbor): unknown {
  if (value instanceof Map) {
    const map: ReadonlyMap<number | string, Cbor> = value;
    return Object.fromEntries([...map].map(([key, one]) => [String(key), plain(one)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

function encoded(value: unknown): Uint8Array | undefined {
  try {
    return encode(cborOf(value));
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Plain data to what can be written; what is undefined is left out. */
function cborOf(value: unknown): Cbor {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : String(value);
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'boolean' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(cborOf);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return new Map(entries.map(([key, one]) => [key, cborOf(one)]));
}

/** Half a character, which no bytes spell, is replaced. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
