// The terminal at the other end of a line: keys that wait to be read, rows that are written, lines
// and long texts. What nobody reads in time is dropped, and spoils the line that it was part of.

import { addition, type Completion } from './complete.js';
import { type Key, KeyReader } from './keys.js';
import { LineEditor, type Prompt, type Typed } from './line.js';
import { Pager, wrap } from './pager.js';

export type Size = Readonly<{ columns: number; rows: number }>;

/** A terminal of 80x24, on which minicom keeps a row for itself. */
export const DUMB_SIZE: Size = { columns: 80, rows: 23 };
const KEYS_MAX = 8_192; // a pasted configuration, while a command runs
const MEASURE_MS = 1_000;
const SETTLE_MS = 100; // a key's sequence comes at once, even at 1200 baud

export type TerminalOptions = Readonly<{
  write(bytes: Uint8Array): void;
  /** An application program command: the taker of all further bytes, or undefined. */
  onProgram(text: string): ((bytes: Uint8Array) => void) | undefined;
}>;

type Waiter = (key: Key | 'timeout' | 'closed') => void;

export class Terminal {
  size = DUMB_SIZE;
  /** It moves its cursor as ECMA-48 says. */
  capable = true;
  /** It knows the 256 colours of xterm; minicom takes them for blinking. */
  color = false;
  private readonly reader = new KeyReader();
  private readonly keys: Key[] = [];
  private readonly editor = new LineEditor();
  private waiter: Waiter | undefined;
  private timer: NodeJS.Timeout | undefined;
  private program: ((bytes: Uint8Array) => void) | undefined;
  private closed = false;

  constructor(private readonly options: TerminalOptions) {}

  /** Nothing is known of the terminal but that it is one. */
  reset(): void {
    this.capable = true;
    this.color = false;
    this.resize(DUMB_SIZE);
  }

  resize(size: Size): void {
    this.size = size;
    this.editor.resize(size.columns);
  }

  /** Bytes that came over the line. Never throws. */
  feed(bytes: Uint8Array): void {
    clearTimeout(this.timer);
    if (this.program) this.program(bytes);
    else this.type(bytes);
  }

  private type(bytes: Uint8Array): void {
    const keys: Key[] = [];
    const taken = this.reader.read(bytes, keys);
    const last = keys.at(-1);
    if (last?.kind === 'apc') {
      keys.pop();
      this.program = this.options.onProgram(last.text);
      keys.push({ kind: this.program ? 'interrupt' : 'ignored' });
    }
    for (const key of keys) this.push(key);
    if (taken < bytes.length) this.feed(bytes.subarray(taken));
    else if (this.reader.open) this.timer = setTimeout(() => this.settle(), SETTLE_MS);
  }

  /** The program has left: keys again. */
  resume(): void {
    if (!this.program) return;
    this.program = undefined;
    this.push({ kind: 'interrupt' }); // whoever waits writes its prompt once more
  }

  /** A program reads and writes now. */
  get taken(): boolean {
    return this.program !== undefined;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.program = undefined;
    this.keys.length = 0;
    this.waiter?.('closed');
  }

  /** Text with line ends; nothing while a program has the line. */
  write(text: string): void {
    if (this.closed || this.program || text === '') return;
    this.options.write(new TextEncoder().encode(text.replace(/\r?\n/g, '\r\n')));
  }

  print(text: string): void {
    const rows = printable(text).split('\n');
    const columns = this.size.columns - 1;
    this.write(`${rows.flatMap((row) => wrap(row, columns)).join('\n')}\n`);
  }

  /** The next key; one at a time may wait. */
  key(patienceMs?: number): Promise<Key | 'timeout' | 'closed'> {
    if (this.closed) return Promise.resolve('closed');
    const next = this.keys.shift();
    if (next) return Promise.resolve(next);
    return new Promise((resolve) => {
      const timer =
        patienceMs === undefined
          ? undefined
          : setTimeout(() => this.waiter?.('timeout'), Math.max(0, patienceMs));
      this.waiter = (key) => {
        this.waiter = undefined;
        clearTimeout(timer);
        resolve(key);
      };
    });
  }

  /** Forgets keys that wait. */
  flush(): void {
    this.keys.length = 0;
  }

  /** Somebody else may come: earlier lines are nobody's business, nor what is typed ahead. */
  forget(): void {
    this.flush();
    this.editor.forget();
  }

  async line(
    prompt: Prompt,
    patienceMs?: number,
    offers?: (before: string) => Completion,
  ): Promise<Typed | { kind: 'timeout' | 'closed' }> {
    const { editor } = this;
    this.write(editor.begin(prompt));
    for (let tabs = 0; ; ) {
      const key = await this.key(patienceMs);
      if (key === 'closed' || key === 'timeout') return { kind: key };
      const { text, typed } = editor.key(key);
      this.write(text);
      if (!typed) tabs = 0;
      else if (typed.kind !== 'complete') return typed;
      else this.offer(offers?.(editor.before), ++tabs);
    }
  }

  /** Prints a long text, page by page. */
  async page(text: string): Promise<void> {
    const { columns, rows } = this.size;
    const pager = new Pager(printable(text), rows, columns);
    this.write(pager.start());
    while (!pager.done) {
      const key = await this.key();
      if (key === 'closed' || key === 'timeout') return;
      this.write(pager.key(key));
    }
  }

  /** Asks the terminal how large it is (ECMA-48 CUP, DSR); undefined where it does not answer. */
  async measure(): Promise<Size | undefined> {
    this.write('\x1b[999;999H\x1b[6n');
    const end = performance.now() + MEASURE_MS;
    let size: Size | undefined;
    while (!size && performance.now() < end) {
      const key = await this.key(end - performance.now());
      if (key === 'closed') return undefined;
      if (key !== 'timeout' && key.kind === 'place') size = key;
    }
    this.write('\r\n');
    return size && size.columns >= 40 && size.rows >= 10 ? size : undefined;
  }

  private offer(completion: Completion | undefined, tabs: number): void {
    if (!completion) return;
    const more = addition(completion);
    if (more !== '') this.write(this.editor.insert(more));
    else if (tabs < 2 || completion.offers.length === 0) this.write('\x07');
    else this.write(`\n${inColumns(completion.offers, this.size)}\n${this.editor.again()}`);
  }

  private push(key: Key): void {
    if (this.waiter) this.waiter(key);
    else if (this.keys.length < KEYS_MAX) this.keys.push(key);
    // What follows is cut off somewhere: the line that it belongs to must not be run.
    else this.keys[KEYS_MAX - 1] = { kind: key.kind === 'interrupt' ? 'interrupt' : 'junk' };
  }

  private settle(): void {
    const keys: Key[] = [];
    this.reader.settle(keys);
    for (const key of keys) this.push(key);
  }
}

/** Names from elsewhere shall not steer a terminal; colours may stay. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
  return text.replace(/\x1b(?!\[[\d;]*m)|[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, ' ');
}

/** Down the columns, as `ls` does; what is more than a page is left out. */
export function inColumns(names: readonly string[], { columns, rows }: Size): string {
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const across = Math.max(1, Math.floor((columns - 1) / width));
  const down = Math.ceil(names.length / across);
  const shown = Math.min(down, rows - 3);
  const lines = Array.from({ length: shown }, (_, row) => {
    const cells = Array.from({ length: across }, (_, i) => names[i * down + row] ?? '');
    return cells
      .map((cell) => cell.padEnd(width))
      .join('')
      .trimEnd();
  });
  if (shown < down) lines.push(`and more: ${names.length} in all`);
  return lines.join('\n');
}
