// How far something is: one line that changes on a terminal, JSON lines for programs, and now and
// then a line for whoever reads a log.

import { formatBytes, formatSeconds } from '../agent/commands/table.js';
import type { Stage } from './command.js';

export type Step = Readonly<{
  phase: string; // such as `write`
  bytes: number;
  total: number | undefined;
  fraction: number | undefined; // 0 to 1, where it is known
}>;

const TERMINAL_MS = 200;
const JSON_MS = 1_000;
const LOG_MS = 15_000;
const WINDOW_MS = 8_000; // the rate is that of so long: a card pauses for seconds

export class Progress {
  private phase = '';
  private shownAt = Number.NEGATIVE_INFINITY;
  private open = false; // a line on the terminal that waits for its end
  private samples: Array<{ at: number; bytes: number; fraction: number }> = [];

  constructor(
    private readonly stage: Pick<Stage, 'json' | 'terminal' | 'columns' | 'out' | 'error'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  show(step: Step): void {
    const now = this.now();
    if (step.phase !== this.phase) {
      this.end();
      this.phase = step.phase;
      this.samples = [];
      this.shownAt = Number.NEGATIVE_INFINITY;
    }
    this.sample(now, step);
    const { json, terminal } = this.stage;
    const last = step.total !== undefined && step.bytes >= step.total;
    if (now - this.shownAt < (json ? JSON_MS : terminal ? TERMINAL_MS : LOG_MS) && !last) return;
    this.shownAt = now;
    if (json) this.stage.out(`${JSON.stringify(this.plain(step))}\n`);
    else if (terminal) this.draw(this.line(step));
    else this.stage.error(`${this.line(step)}\n`);
  }

  /** Whatever is printed next begins a line of its own. */
  end(): void {
    if (this.open) this.stage.error('\n');
    this.open = false;
  }

  /** Bytes a second; undefined until there is something to tell. */
  private rate(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.at - first.at < 500) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  /** Seconds. */
  private left(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.at - first.at < 500 || last.fraction <= first.fraction)
      return undefined;
    const each = (last.at - first.at) / (last.fraction - first.fraction);
    return ((1 - last.fraction) * each) / 1000;
  }

  private sample(at: number, { bytes, fraction = 0 }: Step): void {
    this.samples.push({ at, bytes, fraction });
    while (this.samples.length > 2 && at - (this.samples[0]?.at ?? at) > WINDOW_MS)
      this.samples.shift();
  }

  private plain({ phase, bytes, total, fraction }: Step) {
    const [rate, left] = [this.rate(), this.left()];
    return {
      phase,
      bytes,
      total: total ?? null,
      percent: fraction === undefined ? null : Math.floor(fraction * 100),
      bytesPerSecond: rate === undefined ? null : Math.round(rate),
      secondsLeft: left === undefined ? null : Math.ceil(left),
    };
  }

  private line({ phase, bytes, total, fraction }: Step): string {
    const [rate, left] = [this.rate(), this.left()];
    const parts = [phase.padEnd(8)];
    if (fraction !== undefined) parts.push(`${Math.floor(fraction * 100)} %`.padStart(5));
    parts.push(formatBytes(bytes) + (total === undefined ? '' : ` of ${formatBytes(total)}`));
    if (rate !== undefined) parts.push(`${formatBytes(rate)}/s`);
    if (left !== undefined && fraction !== 1) parts.push(`${formatSeconds(Math.ceil(left))} left`);
    return parts.join('  ');
  }

  private draw(line: string): void {
    this.stage.error(`\r${line.slice(0, this.stage.columns - 1)}\x1b[K`);
    this.open = true;
  }
}
