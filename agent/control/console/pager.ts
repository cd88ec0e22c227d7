// A long text on a terminal that has few rows: a page, and what to do next.

import type { Key } from './keys.js';
import { columnsOf } from './row.js';

const MORE = '-- more: Space, Enter, q --';
const ERASE = `\r${' '.repeat(MORE.length)}\r`;

/** In this order: start, and while it is not done, key. */
export class Pager {
  private readonly rows: readonly string[];
  private at = 0;

  constructor(
    text: string,
    private readonly height: number,
    columns: number,
  ) {
    this.rows = text.split('\n').flatMap((line) => wrap(line, columns));
  }

  get done(): boolean {
    return this.at >= this.rows.length;
  }

  start(): string {
    // One row for the question; a text that just fits needs none.
    return this.advance(Math.min(this.rows.length, this.height - 1));
  }

  /** What to write then. */
  key({ kind, ...key }: Key): string {
    const sign = 'text' in key ? key.text : '';
    if (kind === 'enter' || kind === 'down') return ERASE + this.advance(1);
    if (sign === ' ') return ERASE + this.advance(this.height - 1);
    if (sign !== 'q' && sign !== 'Q' && kind !== 'interrupt' && kind !== 'end-of-input') return '';
    this.at = this.rows.length;
    return ERASE;
  }

  private advance(count: number): string {
    let end = Math.min(this.rows.length, this.at + Math.max(1, count));
    // A QR code in pages is none.
    while (end > this.at && isCode(this.rows[end - 1]) && isCode(this.rows[end])) end++;
    const text = this.rows.slice(this.at, end).map((row) => `${row}\n`);
    this.at = end;
    return text.join('') + (this.done ? '' : MORE);
  }
}

function isCode(row: string | undefined): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of the code
  return row !== undefined && /^(\x1b\[[0-9;]*m)?[█▀▄ ]{20,}(\x1b\[0m)?$/.test(row);
}

/** Rows of at most so many columns, cut at a space where there is one in the last third. */
export function wrap(line: string, columns: number): string[] {
  const rows: string[] = [];
  let rest = [...line];
  if (isCode(line)) return [line];
  for (;;) {
    let end = 0;
    for (let used = 0; end < rest.length; end++) {
      used += columnsOf(rest[end] ?? '');
      if (used > columns) break;
    }
    if (end === rest.length) return [...rows, rest.join('')];
    const space = rest.lastIndexOf(' ', end);
    const cut = space > (end * 2) / 3 ? space : Math.max(1, end);
    rows.push(rest.slice(0, cut).join('').trimEnd());
    rest = rest.slice(rest[cut] === ' ' ? cut + 1 : cut);
  }
}
