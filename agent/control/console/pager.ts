// A long text on a terminal that has few rows: a page, and what to do next.

import type { Key } from './keys.js';
import { widthOf } from './row.js';

const MORE = '-- more: Space, Enter, q --';
const ERASE = `\r${' '.repeat(MORE.length)}\r`;

/** In this order: start, and while it is not done, key. */
export class Pager {
  private readonly rows: readonly string[];
  private at = 0;

  /** One column is left free: many terminals wrap as soon as the last one is written. */
  constructor(
    text: string,
    private readonly height: number,
    private readonly columns: number,
  ) {
    this.rows = text.split('\n').flatMap((line) => wrap(line, columns - 1));
  }

  get done(): boolean {
    return this.at >= this.rows.length;
  }

  start(): string {
    // One row for the question; a text that just fits needs none.
    return this.advance(this.height - 1);
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

  private advance(height: number): string {
    let end = this.at;
    for (let used = 0; end < this.rows.length; end++) {
      used += heightOf(this.rows[end] ?? '', this.columns);
      if (used > height && end > this.at) break;
    }
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

/**
 * Rows of at most so many columns, cut at spaces; what goes on in a table goes on in its column. A
 * word that is longer stays whole, for it is there to be copied: the terminal wraps it.
 */
export function wrap(line: string, columns: number): string[] {
  if (isCode(line) || line.length <= columns) return [line];
  const [first = ''] = /^\s*\S+( \S+)* {2,}/.exec(line) ?? [];
  const indent = ' '.repeat(first.length <= (2 * columns) / 3 ? first.length : 0);
  const rows: string[] = [];
  let row = indent === '' ? '' : first;
  let used = row.length;
  for (const word of line.slice(row.length).split(' ')) {
    const width = widthOf([...word]);
    const fresh = row.trim() === '' || used === first.length;
    if (!fresh && used + 1 + width > columns) {
      rows.push(row.trimEnd());
      row = indent + word;
      used = indent.length + width;
    } else {
      row += used === 0 || used === indent.length ? word : ` ${word}`;
      used = widthOf([...row]);
    }
  }
  return [...rows, row];
}

/** Rows of a terminal that a line takes. */
function heightOf(line: string, columns: number): number {
  return isCode(line) ? 1 : Math.max(1, Math.ceil(widthOf([...line]) / columns));
}
