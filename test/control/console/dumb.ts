// A terminal that knows no escape sequence: 80 columns, letters, backspace, return, line feed.

import { columnsOf } from '../../../agent/control/console/row.js';

export class DumbTerminal {
  readonly rows: string[][] = [[]];
  column = 0;
  bells = 0;

  constructor(readonly columns = 80) {}

  write(text: string): void {
    for (const sign of text) this.take(sign);
  }

  /** The row that the cursor is in, without blanks at its end. */
  get row(): string {
    return (this.rows.at(-1) ?? []).join('').trimEnd();
  }

  private take(sign: string): void {
    const row = this.rows.at(-1) ?? [];
    if (sign === '\b') this.column = Math.max(0, this.column - 1);
    else if (sign === '\r') this.column = 0;
    else if (sign === '\n') this.rows.push([]);
    else if (sign === '\x07') this.bells++;
    else if (sign < ' ')
      throw new Error(`a dumb terminal shows ${JSON.stringify(sign)} as rubbish`);
    else {
      const width = columnsOf(sign);
      if (this.column + width > this.columns) throw new Error('it would wrap here');
      while (row.length < this.column) row.push(' ');
      if (width === 0) row[this.column - 1] = `${row[this.column - 1]}${sign}`;
      else row.splice(this.column, width, sign, ...(width === 2 ? [''] : []));
      this.column += width;
    }
  }
}
