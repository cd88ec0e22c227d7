// Two engines as one: texts shorter than a break-even go to the first, longer ones to the second.

import {
  DESCRIPTOR_WORDS,
  type Engine,
  type EngineName,
  type Table,
  WORD_LENGTH,
} from './engine.js';

export class SplitEngine implements Engine {
  readonly name: EngineName;
  private readonly words: Uint32Array;
  private readonly firstWord: number;

  /** Known by the name of `long`. Texts of `longFrom` bytes and more are long. */
  constructor(
    table: Table,
    private readonly short: Engine,
    private readonly long: Engine,
    private readonly longFrom: number,
  ) {
    this.name = long.name;
    this.words = new Uint32Array(table.memory);
    this.firstWord = table.address / 4 + WORD_LENGTH;
  }

  seal(first: number, count: number): boolean {
    const end = first + count;
    for (let from = first; from < end; ) {
      const long = this.isLong(from);
      const to = this.runEnd(from, end, long);
      if (!(long ? this.long : this.short).seal(from, to - from)) return false;
      from = to;
    }
    return true;
  }

  open(first: number, count: number): boolean {
    const end = first + count;
    for (let from = first; from < end; ) {
      const long = this.isLong(from);
      const to = this.runEnd(from, end, long);
      if (!(long ? this.long : this.short).open(from, to - from)) return false;
      from = to;
    }
    return true;
  }

  close(): void {
    this.short.close();
    this.long.close();
  }

  private isLong(index: number): boolean {
    return (this.words[this.firstWord + index * DESCRIPTOR_WORDS] ?? 0) >= this.longFrom;
  }

  private runEnd(from: number, end: number, long: boolean): number {
    let to = from + 1;
    while (to < end && this.isLong(to) === long) to++;
    return to;
  }
}
