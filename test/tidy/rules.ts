// The rules that keep the project in shape, each a function from one file to a list of complaints.

import { posix } from 'node:path';
import { bareCode, importsOf, resolveImport } from './source.js';

export const COLUMNS_MAX = 100;
export const LINES_MAX = 400;

/** Rooms by row: a file imports from its own room and from rows above (lower) only. */
const ROWS: readonly (readonly string[])[] = [
  ['agent/bytes'],
  ['agent/crypto'],
  ['agent/wireguard', 'agent/identity'],
  ['agent/mesh', 'agent/router', 'agent/config'],
  ['agent/dataplane', 'agent/discovery', 'board'],
  ['agent/commands', 'agent/update'],
  ['agent/control', 'agent/dashboard'], // the faces of the commands
  ['flash'], // the agent's program hands `kith flash` over to it
  ['agent'],
];
const PURE_ROWS = 4; // rows 0 to 3 are machines and pure functions

const WORLD = ['Date', 'performance', 'setTimeout', 'setInterval', 'process'];
const NATIVE = ['koffi', 'serialport', 'mqtt', 'ws', 'aedes'];

/** Row and room of a file; undefined for tests and what lies outside the layers. */
export function placeOf(file: string): { row: number; room: string } | undefined {
  for (let folder = posix.dirname(file); folder !== '.'; folder = posix.dirname(folder)) {
    const row = ROWS.findIndex((rooms) => rooms.includes(folder));
    if (row >= 0) return { row, room: folder };
  }
  return undefined;
}

export function layers(file: string, text: string): string[] {
  const here = placeOf(file);
  if (!here) return [];
  const complaints: string[] = [];
  for (const name of importsOf(text)) {
    if (!name.startsWith('.')) {
      const wrong = here.row < PURE_ROWS ? outsideOfPure(here.room, name) : undefined;
      if (wrong !== undefined) complaints.push(`imports ${name}: ${wrong}`);
      continue;
    }
    const target = resolveImport(file, name);
    const there = placeOf(target);
    if (!there) complaints.push(`imports ${target}, which lies outside the layers`);
    else if (there.room !== here.room && there.row >= here.row) {
      const rows = `row ${here.row}, ${target} in row ${there.row}`;
      complaints.push(`imports ${target}: ${here.room} is in ${rows}; only rows above may be used`);
    }
  }
  return complaints;
}

function outsideOfPure(room: string, name: string): string | undefined {
  if (name === 'node:crypto' && room === 'agent/crypto') return undefined; // a faster X25519
  if (name.startsWith('node:')) return 'rows 0 to 3 know no system, so that they can be simulated';
  return NATIVE.includes(name) ? 'rows 0 to 3 do no input and output' : undefined;
}

/** Time and randomness come into rows 0 to 3 as arguments. */
export function bannedNames(file: string, text: string): string[] {
  const here = placeOf(file);
  if (!here || here.row >= PURE_ROWS) return [];
  const complaints: string[] = [];
  for (const [index, line] of bareCode(text).split('\n').entries()) {
    for (const name of WORLD) {
      if (new RegExp(`(?<![.\\w$])${name}(?![\\w$]|\\??:)`).test(line)) {
        complaints.push(`line ${index + 1} names ${name}: in row ${here.row} it is an argument`);
      }
    }
    if (/\bMath\s*\.\s*random\b/.test(line)) {
      complaints.push(`line ${index + 1} names Math.random: randomness is an argument`);
    }
  }
  return complaints;
}

export function columns(_file: string, text: string): string[] {
  return text
    .split('\n')
    .map((line, index) => [index + 1, [...line].length] as const)
    .filter(([, length]) => length > COLUMNS_MAX)
    .map(([line, length]) => `line ${line} has ${length} columns, more than ${COLUMNS_MAX}`);
}

export function length(_file: string, text: string): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > LINES_MAX
    ? [`has ${lines} lines, more than ${LINES_MAX}: one idea, one file`]
    : [];
}

/** Names that say nothing, and forms that the style does without. */
export function names(file: string, text: string): string[] {
  const complaints: string[] = [];
  const parts = file.replace(/\.[a-z.]+$/, '').split('/');
  for (const part of parts) {
    if (/^(utils?|helpers?|common|misc|shared|lib)$/.test(part)) {
      complaints.push(`is called "${part}", which does not say what is in it`);
    }
  }
  if (parts.at(-1) === 'index') complaints.push('is a barrel: import from the file that has it');
  const code = bareCode(text);
  if (/\benum\s+\w/.test(code)) complaints.push('has an enum: unions of string literals instead');
  for (const [, name = ''] of code.matchAll(/\b(?:class|interface|type)\s+(\w+)/g)) {
    if (/(Manager|Helper|Service|Utils?)$/.test(name) || /^I[A-Z][a-z]/.test(name)) {
      complaints.push(`calls a type ${name}: a noun that says what it is`);
    }
  }
  return complaints;
}

/** The process ends in main.ts alone; everything else throws or returns. */
export function exits(file: string, text: string): string[] {
  if (!file.startsWith('agent/') || file === 'agent/main.ts') return [];
  return /\bprocess\s*\.\s*exit\b(?!Code)/.test(bareCode(text))
    ? ['ends the process: only agent/main.ts does']
    : [];
}

/** A suite that is never run passes unseen. */
export function suitesRun(file: string, text: string): string[] {
  if (!file.endsWith('.test.ts')) return [];
  const code = bareCode(text);
  const suites = [...code.matchAll(/\bconst (\w+) = suite\b/g)].map(([, name = '']) => name);
  if (suites.length === 0) return ['has no suite'];
  return suites
    .filter((name) => !new RegExp(`^\\s*${name}\\.run\\(\\)`, 'm').test(code))
    .map((name) => `the suite ${name} is not run`);
}
