// OpenWrt's settings, through its program `uci`: what is as it should be is not written again,
// because each commit writes to the router's flash.

import type { RunProgram } from './program.js';
import { type UciSection, uciLines } from './step.js';

/** Option names and their values, lists apart; `type` of a section lies under ''. */
export type UciValues = ReadonlyMap<string, string | readonly string[]>;

/** The file's sections by name; those without one have the name that `uci show` gives them. */
export function readUci(text: string): Map<string, Map<string, string | string[]>> {
  const sections = new Map<string, Map<string, string | string[]>>();
  for (const line of text.split('\n')) {
    const [, section, option = '', rest = ''] =
      /^[A-Za-z0-9_-]+\.((?:@[A-Za-z0-9_-]+\[\d+\])|[A-Za-z0-9_]+)(?:\.(\w+))?=(.*)$/s.exec(line) ??
      [];
    if (section === undefined) continue;
    const values = readWords(rest);
    const known = sections.get(section) ?? new Map<string, string | string[]>();
    const [first = ''] = values;
    known.set(option, values.length > 1 ? values : first);
    sections.set(section, known);
  }
  return sections;
}

/** `'a b' 'it'\''s'` → the words. */
export function readWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] ?? '';
    if (letter === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (letter === "'") {
      const end = text.indexOf("'", i + 1);
      word = (word ?? '') + text.slice(i + 1, end < 0 ? undefined : end);
      if (end < 0) break;
      i = end;
    } else if (letter === '\\') word = (word ?? '') + (text[++i] ?? '');
    else word = (word ?? '') + letter;
  }
  return word === undefined ? words : [...words, word];
}

/** Is anything of it not as it should be? */
export async function differs(section: UciSection, run: RunProgram): Promise<boolean> {
  const { stdout } = await run(['uci', '-q', 'show', section.path]);
  // A section may be shown under another name than it was asked by.
  const [found] = readUci(stdout).values();
  if (section.type === null) return found !== undefined;
  if (found === undefined) return section.within !== 'remove';
  if (section.within === undefined && found.get('') !== section.type) return true;
  return Object.entries(section.options).some(([name, wanted]) => {
    const there = listOf(found.get(name));
    if (section.within === 'add') return listOf(wanted).some((one) => !there.includes(one));
    if (section.within === 'remove') return listOf(wanted).some((one) => there.includes(one));
    return listOf(wanted).join('\n') !== there.join('\n');
  });
}

/** Returns what failed. Changes that others have not committed yet are not committed by us. */
export async function writeUci(section: UciSection, run: RunProgram): Promise<string | undefined> {
  const [file = ''] = section.path.split('.');
  // `delete` of what is not there fails, and is no failure.
  for (const line of await linesFor(section, run)) {
    const { code, stderr } = await run(['uci', '-q', 'batch'], `${line}\n`);
    if (code !== 0 && !line.startsWith('delete')) return `\`uci ${line}\` failed: ${stderr.trim()}`;
  }
  const { code, stderr } = await run(['uci', '-q', 'commit', file]);
  return code === 0 ? undefined : `\`uci commit ${file}\` failed: ${stderr.trim()}`;
}

/** What a list has already is not added to it a second time; what it replaces goes. */
async function linesFor(section: UciSection, run: RunProgram): Promise<string[]> {
  if (section.within !== 'add') return uciLines(section);
  const { stdout } = await run(['uci', '-q', 'show', section.path]);
  const [found] = readUci(stdout).values();
  return Object.entries(section.options).flatMap(([name, value]) => {
    const wanted = listOf(value);
    const there = listOf(found?.get(name));
    const stems = new Set(wanted.map(stem));
    const old = there.filter((one) => stems.has(stem(one)) && !wanted.includes(one));
    const fresh = wanted.filter((one) => !there.includes(one));
    return [
      ...uciLines({ ...section, options: { [name]: old }, within: 'remove' }),
      ...uciLines({ ...section, options: { [name]: fresh } }),
    ];
  });
}

function stem(value: string): string {
  return value.slice(0, value.lastIndexOf('/') + 1);
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined || value === '') return [];
  return typeof value === 'string' ? [value] : value;
}
