import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatBytes, formatSeconds, formatTable } from '../../agent/commands/table.js';

const table = suite('commands/table');

const bytes = [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [102_400, '100 KiB'],
  [1_048_575, '1.0 MiB'],
  [82_661_376, '78.8 MiB'],
  [2 ** 50, '1.0 PiB'],
  [2 ** 60, '1024 PiB'],
] as const;
for (const [count, want] of bytes)
  table(`${count} bytes`, () => assert.is(formatBytes(count), want));

const seconds = [
  [-5, '0 s'],
  [119.9, '119 s'],
  [120, '2 min'],
  [7199, '119 min'],
  [7200, '2 h'],
  [172_799, '47 h'],
  [172_800, '2 d'],
] as const;
for (const [count, want] of seconds) {
  table(`${count} seconds`, () => assert.is(formatSeconds(count), want));
}

table('columns stand under one another, nothing trails', () => {
  const rows = [['a', 'bbb', 'c'], ['aaaa', 'b', ''], ['a']];
  assert.is(formatTable(rows), 'a     bbb  c\naaaa  b\na');
  assert.is(formatTable([]), '');
});

table.run();
