// A source file as the tidy rules look at it: its code without comments and strings, and what it
// imports. A scanner of a hundred lines will do, since our own formatted code is all it ever sees.

import { posix } from 'node:path';

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await))\s*$/;

/** The same text with comments and the insides of strings blanked out; lines stay in place. */
export function bareCode(text: string): string {
  let out = '';
  let at = 0;
  const blank = (end: number) => {
    out += text.slice(at, end).replaceAll(/[^\n]/g, ' ');
    at = end;
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text[at] ?? '';
    if (two === '//') blank(endOf(text, '\n', at));
    else if (two === '/*') blank(endOf(text, '*/', at + 2) + 2);
    else if (one === "'" || one === '"') blank(endOfString(text, at));
    else if (one === '`') {
      const { end, code } = template(text, at);
      out += code;
      at = end;
    } else if (one === '/' && REGEX_MAY_FOLLOW.test(out)) blank(endOfRegex(text, at));
    else {
      out += one;
      at++;
    }
  }
  return out;
}

/** Module names as written: static, dynamic, re-exported, and of `new URL('./x.js', …)`. */
export function importsOf(text: string): string[] {
  const code = bareCode(text);
  const found = new Set<string>();
  const forms = [
    /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*$/, // import … from '…', export … from '…'
    /^\s*import\s*$/,
    /\bimport\(\s*$/,
    /\bnew URL\(\s*$/,
  ];
  for (const match of text.matchAll(/'([^'\n]+)'|"([^"\n]+)"/g)) {
    const before = code.slice(0, match.index);
    // inside a comment or a longer string the quotes are blanked, but then what precedes is too
    const statement = before.slice(
      Math.max(before.lastIndexOf(';'), before.lastIndexOf('\n\n')) + 1,
    );
    if (forms.some((form) => form.test(statement))) found.add(match[1] ?? match[2] ?? '');
  }
  return [...found];
}

/** The file that a relative import means, as a path from the root of the repository. */
export function resolveImport(from: string, name: string): string {
  const path = posix.join(posix.dirname(from), name);
  return path.replace(/\.js$/, '.ts');
}

function endOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start]) at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at++) {
    const one = text[at];
    if (one === '\\') at++;
    else if (one === '\n') return at;
    else if (one === '[') inClass = true;
    else if (one === ']') inClass = false;
    else if (one === '/' && !inClass) return at + 1;
  }
  return text.length;
}

/** A template string: its text is blanked, the expressions in it are code. */
function template(text: string, start: number): { end: number; code: string } {
  let code = ' ';
  let at = start + 1;
  while (at < text.length && text[at] !== '`') {
    if (text[at] === '\\') {
      code += '  ';
      at += 2;
    } else if (text.startsWith('${', at)) {
      const end = endOfExpression(text, at + 2);
      code += `  ${bareCode(text.slice(at + 2, end))} `;
      at = end + 1;
    } else {
      code += text[at] === '\n' ? '\n' : ' ';
      at++;
    }
  }
  return { end: at + 1, code: `${code} ` };
}

function endOfExpression(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const one = text[at];
    if (one === "'" || one === '"') at = endOfString(text, at) - 1;
    else if (one === '`') at = template(text, at).end - 1;
    else if (one === '{') depth++;
    else if (one === '}' && depth-- === 0) return at;
  }
  return text.length;
}
