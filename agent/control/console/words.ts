// A typed line to words, as shells have it: spaces between, '…' and "…" keep them together, a
// backslash keeps one character as it is (but not between '…').

export type Words = Readonly<{ words: readonly string[] } | { problem: string }>;

export function splitWords(line: string): Words {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let escaped = false;
  for (const sign of line) {
    if (escaped) {
      word = (word ?? '') + sign;
      escaped = false;
    } else if (sign === '\\' && quote !== "'") {
      escaped = true;
      word ??= '';
    } else if (quote !== '') {
      if (sign === quote) quote = '';
      else word = (word ?? '') + sign;
    } else if (sign === '"' || sign === "'") {
      quote = sign;
      word ??= '';
    } else if (sign === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + sign;
    }
  }
  if (quote !== '') return { problem: `a closing ${quote} is missing` };
  if (escaped) return { problem: 'nothing follows the last \\' };
  if (word !== undefined) words.push(word);
  return { words };
}
