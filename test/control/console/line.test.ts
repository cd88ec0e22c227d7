// The line editor on a terminal that knows nothing.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Key, KeyReader } from '../../../agent/control/console/keys.js';
import {
  LINE_MAX,
  LineEditor,
  type Prompt,
  type Typed,
} from '../../../agent/control/console/line.js';
import { widthOf } from '../../../agent/control/console/row.js';
import { DumbTerminal } from './dumb.js';

const line = suite('control/console/line');

/** Words are typed; names of keys stand in angle brackets. */
function keysOf(script: string): Key[] {
  return [...script.matchAll(/<([a-z-]+)>|([\s\S])/gu)].map(([, name, text]) =>
    name === undefined ? { kind: 'text', text: text ?? '' } : ({ kind: name } as Key),
  );
}

class Desk {
  readonly terminal = new DumbTerminal();
  readonly editor = new LineEditor();

  constructor(private readonly prompt: Prompt = { text: 'cabin> ', history: true }) {
    this.begin();
  }

  begin(): void {
    this.terminal.write(this.editor.begin(this.prompt));
  }

  press(key: Key): Typed | undefined {
    const { text, typed } = this.editor.key(key);
    this.terminal.write(text);
    return typed;
  }

  /** The first thing that came of it. */
  type(script: string): Typed | undefined {
    for (const key of keysOf(script)) {
      const typed = this.press(key);
      if (typed) return typed;
    }
    return undefined;
  }

  /** Types a whole line, and begins the next. */
  enter(script: string): Typed | undefined {
    const typed = this.type(`${script}<enter>`);
    this.begin();
    return typed;
  }
}

const rows: ReadonlyArray<readonly [name: string, script: string, row: string, column: number]> = [
  ['letters', 'peers', 'cabin> peers', 12],
  ['insertion in the middle', 'pers<left><left><left>e', 'cabin> peers', 9],
  ['backspace in the middle', 'peeers<left><left><backspace>', 'cabin> peers', 10],
  ['backspace at the start', '<backspace>a', 'cabin> a', 8],
  ['delete', 'peers<home><delete><delete>', 'cabin> ers', 7],
  ['Ctrl-D deletes where there is text', 'ab<home><end-of-input>', 'cabin> b', 7],
  ['right at the end stays', 'ab<right><right>c', 'cabin> abc', 10],
  ['Ctrl-K', 'status now<home><right><kill-right>', 'cabin> s', 8],
  ['Ctrl-U', 'status now<left><kill-line>', 'cabin> w', 7],
  ['Ctrl-W', 'config get  listen.port <kill-word>', 'cabin> config get', 19],
  ['wide letters', '日本<left>x<backspace><left>', 'cabin> 日本', 7],
  ['a letter with a mark', 'e\u0301x<backspace>', 'cabin> e\u0301', 8],
  ['the two go together', 'ae\u0301<backspace>', 'cabin> a', 8],
  ['a mark without a letter', '\u0301x', 'cabin> x', 8],
];

for (const [name, script, row, column] of rows) {
  line(name, () => {
    const desk = new Desk();
    desk.type(script);
    assert.is(desk.terminal.row, row);
    assert.is(desk.terminal.column, column);
  });
}

line('up and down go through earlier lines and back to the draft', () => {
  const desk = new Desk();
  for (const one of ['one', 'two', 'two', '  ']) desk.enter(one);
  desk.type('dra<up>');
  assert.is(desk.terminal.row, 'cabin> two');
  desk.type('<up><up><up>');
  assert.is(desk.terminal.row, 'cabin> one');
  desk.type('<down><down><down>ft');
  assert.equal(desk.type('<enter>'), { kind: 'line', text: 'draft' });
});

line('nothing of a secret is shown or remembered', () => {
  const desk = new Desk({ text: 'PIN: ', secret: true });
  assert.equal(desk.enter('1234<left>x'), { kind: 'line', text: '123x4' });
  desk.type('<up>');
  assert.equal(desk.type('<enter>'), { kind: 'line', text: '' });
  assert.not.match(desk.terminal.rows.flat().join(''), /[1234x]/);
});

line('a line with junk in it is dropped, and the next one is not', () => {
  const desk = new Desk();
  assert.equal(desk.enter('sta<junk>tus'), { kind: 'spoiled', reason: 'junk' });
  assert.equal(desk.enter('<junk>x<interrupt>'), { kind: 'interrupt' });
  assert.equal(desk.enter('<junk>x<kill-line>peers'), { kind: 'line', text: 'peers' });
});

line('a line that is too long is dropped, not cut', () => {
  const desk = new Desk();
  const full = 'x'.repeat(LINE_MAX);
  assert.equal(desk.enter(full), { kind: 'line', text: full });
  assert.equal(desk.enter(`${full}y`), { kind: 'spoiled', reason: 'long' });
  assert.ok(desk.terminal.bells > 0);
});

line('Ctrl-C and Ctrl-D', () => {
  assert.equal(new Desk().type('ab<interrupt>'), { kind: 'interrupt' });
  assert.equal(new Desk().type('<end-of-input>'), { kind: 'end-of-input' });
});

line('a long line slides, and the cursor stays in sight', () => {
  const desk = new Desk();
  const text = Array.from({ length: 200 }, (_, i) => 'abcdefghij'[i % 10]).join('');
  desk.type(text);
  assert.ok(text.endsWith(desk.terminal.row.slice('cabin> '.length)));
  desk.type('<home>');
  assert.is(desk.terminal.row, `cabin> ${text.slice(0, 72)}`);
  assert.is(desk.terminal.column, 7);
});

const anyKey = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...keysOf('abc ä日😀\u0301')) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...keysOf(
        '<left><right><home><end><backspace><delete><up><down><kill-word><kill-right><kill-line>' +
          '<redraw><enter><tab><ignored>',
      ),
    ),
  },
);

line('whatever is typed, the screen shows what the editor holds', () => {
  fc.assert(
    fc.property(fc.array(anyKey, { maxLength: 300 }), (typed) => {
      const desk = new Desk();
      for (const key of typed) {
        if (desk.press(key)?.kind === 'line') desk.begin();
        const { editor, terminal } = desk;
        const head = 'cabin> ';
        assert.ok(terminal.row.startsWith(head.trimEnd()), terminal.row);
        const seen = terminal.row.slice(head.length);
        assert.ok(editor.text.includes(seen), `${seen} of ${editor.text}`);
        const whole = [...editor.text];
        if (widthOf(whole) < 70) {
          assert.is(seen, editor.text.trimEnd());
          assert.is(terminal.column, head.length + widthOf([...editor.before]));
        }
      }
    }),
    { numRuns: 200 },
  );
});

line('of any bytes only clean lines come out, and what is held is bounded', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
    fc.constant(new Uint8Array(LINE_MAX).fill(0x61)),
    fc.constantFrom('\r', '\x15', '\x1b[A', '\x03').map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const desk = new Desk();
      const reader = new KeyReader();
      for (const bytes of pieces) {
        const keys: Key[] = [];
        for (let at = 0; at < bytes.length; ) at += reader.read(bytes.subarray(at), keys);
        for (const key of keys) {
          const typed = desk.press(key);
          if (typed?.kind === 'line') assert.not.match(typed.text, /[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/u);
          if (typed && typed.kind !== 'complete') desk.begin();
        }
        assert.ok(desk.editor.text.length <= 8 * LINE_MAX);
      }
    }),
    { numRuns: 100 },
  );
});

line.run();
