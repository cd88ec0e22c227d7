import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogLine } from '../../agent/commands/context.js';
import { log } from '../../agent/commands/log.js';
import { LINE_LETTERS_MAX, LINES_MAX, LogRing } from '../../agent/control/logring.js';

const ring = suite('control/logring');

ring('the last lines are kept, oldest first', () => {
  let now = 0;
  const held = new LogRing(() => ++now);
  assert.equal(held.lines(), []);
  for (let i = 0; i < LINES_MAX + 3; i++) held.add('info', `line ${i}`);
  const lines = held.lines();
  assert.is(lines.length, LINES_MAX);
  assert.equal(lines[0], { at: 4, level: 'info', line: 'line 3' });
  assert.is(lines.at(-1)?.line, `line ${LINES_MAX + 2}`);
});

ring('a line is of one line, and no endless one', () => {
  const held = new LogRing(() => 0);
  held.add('error', `\x1b[2Ja\nb${'x'.repeat(LINE_LETTERS_MAX)}`);
  const [first] = held.lines();
  assert.match(first?.line ?? '', /^ \[2Ja bx+…$/);
  assert.is(first?.line.length, LINE_LETTERS_MAX);
});

ring('what is logged beside it is said, too', () => {
  const held = new LogRing(() => 0);
  const said: string[] = [];
  held.beside((level, line) => said.push(`${level} ${line}`))('verbose', 'hello');
  assert.equal(said, ['verbose hello']);
  assert.is(held.lines()[0]?.line, 'hello');
});

ring('kith log: by level, the last so many', async () => {
  const held = new LogRing(() => 1_700_000_000_000);
  for (const level of ['error', 'info', 'verbose'] as const) held.add(level, `one ${level}`);
  const ask = (level: 'error' | 'info' | 'verbose', lines: number) => {
    const context = { log: () => held.lines() } as never;
    return log.run(context, { level, lines }) as { log: readonly LogLine[] };
  };
  const lines = (level: 'error' | 'info' | 'verbose', count = 9) =>
    ask(level, count).log.map(({ line }) => line);
  assert.equal(lines('error'), ['one error']);
  assert.equal(lines('info'), ['one error', 'one info']);
  assert.equal(lines('verbose', 2), ['one info', 'one verbose']);
  const shown = await log.show(ask('error', 1), { level: 'error', lines: 1 }, {} as never);
  assert.is(shown, '2023-11-14 22:13:20 error   one error');
});

ring.run();
