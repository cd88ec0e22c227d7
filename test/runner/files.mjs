// The test files there are, and what their first lines say about them:
//
//   // serial: REASON       runs alone, after the others (everything in lab/ does)
//   // waits: REASON        runs beside all others: it wants the clock, hardly ever a processor
//   // slow: REASON         left out by --quick
//   // deadline: SECONDS    when it is ended and counts as failed
//   // needs: NAME, …       abilities and packages of test/needs.mjs that its text does not show

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { needsOf } from '../needs.mjs';

const DEADLINE_SECONDS = 90;
const HEAD_LINES = 8;

export function listTests(folder, filter) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/.cache/') && relative(folder, path).includes(filter))
    .sort()
    .map((path) => describe(path, relative(folder, path)));
}

function describe(path, name) {
  const text = readFileSync(path, 'utf8');
  const head = text.split('\n').slice(0, HEAD_LINES).join('\n');
  const mark = (word) => new RegExp(`^// ${word}: (.+)$`, 'm').exec(head)?.[1];
  const waits = mark('waits');
  const lab = name.startsWith('lab/') && waits === undefined;
  return {
    path,
    name,
    waits,
    serial: mark('serial') ?? (lab ? 'in the lab' : undefined),
    slow: mark('slow'),
    deadlineMs: 1_000 * Number.parseInt(mark('deadline') ?? `${DEADLINE_SECONDS}`, 10),
    needs: needsOf(text),
  };
}
