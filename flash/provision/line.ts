// The far end of machine mode (agent/control/console/machine.ts): a program that sets a router up
// asks, over any line of bytes, and is answered.

import { type Cbor, decode, encode } from '../../agent/bytes/cbor.js';
import { Failure } from '../../agent/commands/failure.js';
import { MACHINE } from '../../agent/control/console/machine.js';
import { encodeSlip, SlipReader } from '../../agent/control/console/slip.js';

const ENTER = Buffer.from(`\x1b_${MACHINE}\x1b\\`);
const ENTER_MS = 1_500; // between two attempts: a router that boots hears none of them
const ANSWER_BYTES_MAX = 1024 * 1024;

export type Hello = Readonly<{ kith: string; name: string; login: boolean }>;

type Waiting = Readonly<{
  id: number | 'hello';
  resolve(frame: Plain): void;
  reject(why: Error): void;
}>;
type Plain = Readonly<Record<string, unknown>>;

/** One request at a time. Everything rejects with Failure, and so does an end of the line. */
export class RouterLine {
  private readonly reader = new SlipReader(ANSWER_BYTES_MAX);
  private waiting: Waiting | undefined;
  private next = Math.floor(Math.random() * 2 ** 30); // an answer to who asked before is not ours

  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly stop: AbortSignal,
  ) {}

  feed(bytes: Uint8Array): void {
    this.reader.read(bytes, (frame) => {
      const value = plain(decode(frame));
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
      const answer = value as Plain;
      const { waiting } = this;
      if (waiting && (waiting.id === 'hello' ? 'kith' in answer : answer.id === waiting.id))
        waiting.resolve(answer);
    });
  }

  /** The line was cut: whoever waits is told. */
  cut(): void {
    this.waiting?.reject(new Failure('the cable was pulled'));
  }

  /** Calls until a router answers. Undefined where none did. */
  async enter(patienceMs: number): Promise<Hello | undefined> {
    const call = () => this.write(ENTER);
    const timer = setInterval(call, ENTER_MS);
    try {
      const answer = this.answerTo('hello', patienceMs, '');
      call();
      const { kith, name, login } = await answer;
      return { kith: String(kith), name: String(name), login: login === true };
    } catch (error) {
      if (error instanceof Silence) return undefined;
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** The result of a command. */
  async ask(command: string, given: Readonly<Record<string, Cbor>>, patienceMs: number) {
    const id = this.next++;
    const answer = this.answerTo(id, patienceMs, command);
    const request = new Map<string, Cbor>([
      ['id', id],
      ['command', command],
      ['arguments', new Map(Object.entries(given))],
    ]);
    this.write(encodeSlip(encode(request)));
    const { result, error, problems } = await answer;
    if (typeof error !== 'string') return result;
    throw new Failure(oneLine(error), Array.isArray(problems) ? problems.flatMap(problemOf) : []);
  }

  private answerTo(id: Waiting['id'], patienceMs: number, what: string): Promise<Plain> {
    return new Promise((resolve, reject) => {
      const silent = new Silence(`no answer to ${what} within ${patienceMs / 1000} s`);
      const timer = setTimeout(() => reject(silent), patienceMs);
      const stopped = () => reject(new Failure('stopped'));
      this.stop.addEventListener('abort', stopped, { once: true });
      const done = () => {
        clearTimeout(timer);
        this.stop.removeEventListener('abort', stopped);
        this.waiting = undefined;
      };
      this.waiting = {
        id,
        resolve: (frame) => {
          done();
          resolve(frame);
        },
        reject: (why) => {
          done();
          reject(why);
        },
      };
      if (this.stop.aborted) stopped();
    });
  }
}

/** Nobody answered in time. */
export class Silence extends Failure {}

/** What a router says is shown on a terminal: no control characters. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 512);
}

function problemOf(value: unknown) {
  if (typeof value !== 'object' || value === null) return [];
  const { path, problem } = value as Plain;
  return [{ path: oneLine(String(path)), problem: oneLine(String(problem)) }];
}

/** Maps to objects. */
function plain(value: Cbor | undefined): unknown {
  if (value instanceof Map) {
    const map: ReadonlyMap<number | string, Cbor> = value;
    return Object.fromEntries([...map].map(([key, one]) => [String(key), plain(one)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}
