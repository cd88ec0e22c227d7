// The last lines that the agent logged, in memory alone: a router has no disk to spare for them.
// The agent logs what it does itself; of what passes through the tunnel it knows no word.

import type { LogLine } from '../commands/context.js';
import type { Log } from './ports.js';

export const LINES_MAX = 500; // two days of a calm node, minutes of a bad one
export const LINE_LETTERS_MAX = 500; // so all of it stays below half a megabyte

export class LogRing {
  private readonly held: LogLine[] = [];
  private next = 0;

  /** `wall`: Unix milliseconds. */
  constructor(private readonly wall: () => number) {}

  add(level: LogLine['level'], line: string): void {
    const short = line.length > LINE_LETTERS_MAX ? `${line.slice(0, LINE_LETTERS_MAX - 1)}…` : line;
    this.held[this.next] = { at: this.wall(), level, line: printable(short) };
    this.next = (this.next + 1) % LINES_MAX;
  }

  /** Oldest first. */
  lines(): LogLine[] {
    return [...this.held.slice(this.next), ...this.held.slice(0, this.next)];
  }

  /** Logs to both. */
  beside(log: Log): Log {
    return (level, line) => {
      this.add(level, line);
      log(level, line);
    };
  }
}

/** Names come from others: no escape sequence of theirs gets to a terminal. */
function printable(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
