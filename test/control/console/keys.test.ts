// Bytes of terminals, and of lines at the wrong speed.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Key, KeyReader } from '../../../agent/control/console/keys.js';

const keys = suite('control/console/keys');

function read(...pieces: Uint8Array[]): Key[] {
  const reader = new KeyReader();
  const out: Key[] = [];
  for (const piece of pieces)
    for (let at = 0; at < piece.length; ) at += reader.read(piece.subarray(at), out);
  reader.settle(out);
  return out;
}

const bytes = (text: string) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));
const shown = (found: readonly Key[]) =>
  found.map((key) => ('text' in key ? `${key.kind}:${key.text}` : key.kind)).join(' ');

const rows: ReadonlyArray<readonly [name: string, typed: string, want: string]> = [
  ['letters', 'ab', 'text:a text:b'],
  ['a space', ' ', 'text: '],
  ['two bytes of UTF-8', '\xc3\xa4', 'text:ä'],
  ['four bytes of UTF-8', '\xf0\x9f\x98\x80', 'text:😀'],
  ['return', '\r', 'enter'],
  ['line feed', '\n', 'enter'],
  ['return and line feed are one', '\r\n\r\n', 'enter enter'],
  [
    'Ctrl-A E K U W L C D',
    '\x01\x05\x0b\x15\x17\x0c\x03\x04', // as Emacs and shells have them
    'home end kill-right kill-line kill-word redraw interrupt end-of-input',
  ],
  ['both backspaces', '\x08\x7f', 'backspace backspace'],
  ['arrows', '\x1b[A\x1b[B\x1b[C\x1b[D', 'up down right left'],
  ['arrows of a keypad', '\x1bOA\x1bOD', 'up left'],
  ['home, end, delete', '\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[3~', 'home end home end delete'],
  ['with shift', '\x1b[1;2C', 'right'],
  ['a function key', '\x1b[15~x', 'ignored text:x'],
  ['an answer with the size', '\x1b[40;120R', 'place'],
  ['Escape alone', '\x1b', 'ignored'],
  ['a program', '\x1b_kith\x1b\\', 'apc:kith'],
  [
    'a program whose name has no end',
    `\x1b_${'k'.repeat(40)}`,
    `junk ${Array(7).fill('text:k').join(' ')}`,
  ],
  ['zero bytes, as a break gives', '\x00\x00', 'junk junk'],
  ['half a character', '\xc3', 'junk'],
  ['half a character, then a line end', '\xc3\r', 'junk enter'],
  ['longer than it must be (RFC 3629)', '\xc0\xaf', 'junk junk'],
  ['half of a pair (RFC 3629)', '\xed\xa0\x80', 'junk'],
  ['beyond Unicode', '\xf5', 'junk'],
  ['a C1 control', '\xc2\x9b', 'junk'],
  ['a mark that turns the direction', '\xe2\x80\xae', 'junk'],
];

for (const [name, typed, want] of rows) {
  keys(name, () => assert.is(shown(read(bytes(typed))), want));
}

keys('pieces do not matter', () => {
  fc.assert(
    fc.property(fc.constantFrom(...rows), fc.constantFrom(...rows), fc.nat(40), (a, b, cut) => {
      const whole = bytes(a[1] + b[1]);
      assert.equal(read(whole.subarray(0, cut), whole.subarray(cut)), read(whole));
    }),
  );
});

keys('noise gives keys, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (noise) => {
      for (const key of read(noise)) {
        if (key.kind === 'text') assert.is([...key.text].length, 1);
        if (key.kind === 'text') assert.not.match(key.text, /\p{C}/u);
        if (key.kind === 'apc') assert.ok(key.text.length <= 32);
      }
    }),
  );
});

keys.run();
