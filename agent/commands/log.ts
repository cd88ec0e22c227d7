// `kith log`.

import type { Handler } from './command.js';
import type { LogLine } from './context.js';
import { Failure } from './failure.js';

type Given = Readonly<{ level: LogLine['level']; lines: number }>;

const RANK = { error: 0, info: 1, verbose: 2 } as const;

export const log: Handler<Given, { log: readonly LogLine[] }> = {
  run(context, { level, lines }) {
    if (!context.log) throw new Failure('no agent is running');
    const wanted = context.log().filter((line) => RANK[line.level] <= RANK[level]);
    return { log: wanted.slice(-lines) };
  },
  show({ log: list }) {
    if (list.length === 0) return 'nothing was logged yet';
    return list.map(({ at, level, line }) => `${time(at)} ${level.padEnd(7)} ${line}`).join('\n');
  },
};

function time(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 19);
}
