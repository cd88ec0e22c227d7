// The line editor: keys in, what to write to the terminal and what was typed out. It knows one row
// of the terminal; a longer line slides in it. A line that junk came into is never handed on.

import type { Key } from './keys.js';
import { columnsOf, Row, widthOf } from './row.js';

export const LINE_MAX = 4096; // characters: an invite has 450, a peer as JSON 500

export type Typed = Readonly<
  | { kind: 'line'; text: string }
  | { kind: 'spoiled'; reason: 'junk' | 'long' } // dropped
  | { kind: 'interrupt' | 'end-of-input' | 'complete' }
>;

export type Prompt = Readonly<{
  text: string;
  secret?: boolean; // nothing of it is shown, and none of it is kept
  history?: boolean; // up and down bring earlier lines, and this one joins them
}>;

const HISTORY_MAX = 100;
const CELL_MAX = 8; // UTF-16 units: a letter and the marks of any living script

/** In this order: begin, key …, until a line, an interrupt or the end comes out; begin again. */
export class LineEditor {
  private prompt: Prompt = { text: '' };
  private characters: string[] = [];
  private cursor = 0;
  private first = 0; // the first character that is seen
  private spoiled: 'junk' | 'long' | undefined;
  private readonly history: string[] = [];
  private place = 0; // in the history
  private draft: string[] = []; // what was typed before going up
  private readonly row = new Row();

  constructor(private columns = 80) {}

  /** The terminal has another width now. */
  resize(columns: number): void {
    this.columns = columns;
  }

  /** Begins a line; what to write. */
  begin(prompt: Prompt): string {
    this.prompt = prompt;
    this.take([], 0);
    this.spoiled = undefined;
    this.place = this.history.length;
    this.draft = [];
    this.row.fresh();
    return this.render();
  }

  /** The prompt and the line once more, on a row of their own. */
  again(): string {
    this.row.fresh();
    return this.render();
  }

  get text(): string {
    return this.characters.join('');
  }

  /** What stands in front of the cursor. */
  get before(): string {
    return this.characters.slice(0, this.cursor).join('');
  }

  /** Puts text in at the cursor, as if it was typed. */
  insert(text: string): string {
    const more = [...text];
    if (this.characters.length + more.length > LINE_MAX) {
      this.spoiled = 'long';
      return '\x07';
    }
    for (const character of more) this.put(character);
    return this.render();
  }

  /** What to write, and what was typed, if that came to an end. */
  key(key: Key): { text: string; typed?: Typed } {
    switch (key.kind) {
      case 'enter':
        return this.finish();
      case 'interrupt':
        return this.leave('^C', { kind: 'interrupt' });
      case 'junk':
        this.spoiled ??= 'junk';
        return { text: '' };
      case 'kill-line':
        this.spoiled = undefined;
        return { text: this.take(this.characters.slice(this.cursor), 0) };
      default:
        break;
    }
    // Between junk other keys may be junk too; they are not echoed, only ended by Enter or Ctrl-C.
    if (this.spoiled === 'junk') return { text: '' };
    if (key.kind === 'text') return { text: this.insert(key.text) };
    if (key.kind === 'tab') return { text: '', typed: { kind: 'complete' } };
    if (key.kind === 'end-of-input' && this.characters.length === 0)
      return this.leave('', { kind: 'end-of-input' });
    return { text: this.edit(key.kind) };
  }

  /** A mark joins the letter before it: they are one in a cell, and are deleted as one. */
  private put(character: string): void {
    const before = this.characters[this.cursor - 1];
    if (columnsOf(character) > 0) this.characters.splice(this.cursor++, 0, character);
    else if (before !== undefined && before.length < CELL_MAX)
      this.characters[this.cursor - 1] = before + character;
  }

  private edit(kind: Key['kind']): string {
    const { characters, cursor } = this;
    switch (kind) {
      case 'backspace':
        return this.cut(cursor - 1, cursor);
      case 'delete':
      case 'end-of-input':
        return this.cut(cursor, cursor + 1);
      case 'kill-right':
        return this.cut(cursor, characters.length);
      case 'kill-word':
        return this.cut(this.wordStart(), cursor);
      case 'left':
        return this.moveTo(cursor - 1);
      case 'right':
        return this.moveTo(cursor + 1);
      case 'home':
        return this.moveTo(0);
      case 'end':
        return this.moveTo(characters.length);
      case 'up':
        return this.recall(this.place - 1);
      case 'down':
        return this.recall(this.place + 1);
      case 'redraw':
        return `\r\n${this.again()}`;
      default:
        return '';
    }
  }

  private cut(from: number, to: number): string {
    const start = Math.max(0, from);
    const rest = [...this.characters.slice(0, start), ...this.characters.slice(to)];
    return this.take(rest, start);
  }

  private moveTo(cursor: number): string {
    return this.take(this.characters, Math.min(Math.max(0, cursor), this.characters.length));
  }

  private take(characters: string[], cursor: number): string {
    this.characters = characters;
    this.cursor = cursor;
    return this.render();
  }

  private wordStart(): number {
    const { before } = this;
    return [...before.replace(/\S+\s*$/u, '')].length;
  }

  private recall(place: number): string {
    if (!this.prompt.history || place < 0 || place > this.history.length) return '';
    if (this.place === this.history.length) this.draft = this.characters;
    this.place = place;
    const characters =
      place === this.history.length ? this.draft : [...(this.history[place] ?? '')];
    return this.take(characters, characters.length);
  }

  /** Forgets earlier lines. */
  forget(): void {
    this.history.length = 0;
  }

  private finish(): { text: string; typed: Typed } {
    const { text, spoiled } = this;
    if (spoiled) return this.leave('', { kind: 'spoiled', reason: spoiled });
    if (this.prompt.history && isKept(text) && text !== this.history.at(-1))
      this.history.push(text);
    if (this.history.length > HISTORY_MAX) this.history.shift();
    return this.leave('', { kind: 'line', text });
  }

  private leave(mark: string, typed: Typed): { text: string; typed: Typed } {
    this.characters = [];
    this.cursor = 0;
    this.spoiled = undefined;
    this.row.fresh();
    return { text: `${mark}\r\n`, typed };
  }

  /** The part of the line that fits, with the cursor in it; the last column stays free. */
  private render(): string {
    const { prompt, characters, cursor } = this;
    const head = [...prompt.text].slice(-Math.floor((3 * this.columns) / 4));
    if (prompt.secret) return this.row.show(head, head.length);
    const room = this.columns - 1 - widthOf(head);
    if (cursor < this.first) this.first = Math.max(0, cursor - Math.floor(room / 3));
    while (widthOf(characters.slice(this.first, cursor)) > room)
      this.first += Math.max(1, Math.floor(room / 3));
    if (this.first > cursor) this.first = cursor;
    let end = this.first;
    for (let used = 0; end < characters.length; end++) {
      used += widthOf(characters.slice(end, end + 1));
      if (used > room) break;
    }
    const seen = [...head, ...characters.slice(this.first, end)];
    return this.row.show(seen, head.length + cursor - this.first);
  }
}

/** Invites and mesh keys are not to be found by whoever presses Up next. */
function isKept(text: string): boolean {
  return text.trim() !== '' && !/kith(key)?1[a-z0-9]{20}/i.test(text);
}
