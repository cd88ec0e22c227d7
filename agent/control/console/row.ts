// One row at the bottom of a terminal, of which we know what stands in it. To show another text it
// writes what differs and nothing else, with no more than printed characters and backspaces: so it
// works on a terminal that knows no escape sequence, and echo over a slow line is short.

/** Columns that a character takes: 0 combines, 2 is wide (most of East Asian scripts, emoji). */
export function columnsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/^[\p{Mn}\p{Me}\p{Cf}]$/u.test(character)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}

export function widthOf(characters: readonly string[]): number {
  let width = 0;
  for (const character of characters) width += columnsOf(character);
  return width;
}

export class Row {
  private shown: readonly string[] = [];
  private cursor = 0; // in characters

  /** What to write so that these characters stand there, with the cursor in front of the n-th. */
  show(characters: readonly string[], cursor: number): string {
    const { shown } = this;
    let same = 0;
    while (same < characters.length && characters[same] === shown[same]) same++;
    if (same === shown.length && same === characters.length) return this.move(cursor);
    const back = this.move(same);
    const left = widthOf(shown.slice(same)) - widthOf(characters.slice(same));
    const blank = ' '.repeat(Math.max(0, left));
    const text = characters.slice(same).join('') + blank + '\b'.repeat(blank.length);
    this.shown = characters;
    this.cursor = characters.length;
    return back + text + this.move(cursor);
  }

  /** The row was left behind: a new one begins, empty. */
  fresh(): void {
    this.shown = [];
    this.cursor = 0;
  }

  private move(cursor: number): string {
    const { shown, cursor: from } = this;
    this.cursor = cursor;
    if (cursor >= from) return shown.slice(from, cursor).join('');
    return '\b'.repeat(widthOf(shown.slice(cursor, from)));
  }
}
