import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUIET_ZONE, qrText } from '../../agent/commands/qr.js';
import { decode } from './zbar.js';

const strip = (text: string) =>
  text.replaceAll('\x1b[38;5;16;48;5;231m', '').replaceAll('\x1b[0m', '');

const CONTENT = '[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n';

const qr = suite('commands/qr');

for (const content of ['a', CONTENT, CONTENT.repeat(6)]) {
  qr(`${content.length} characters: a phone reads them from a dark window`, () => {
    assert.is(decode(qrText(content, false).text, 'light'), content);
  });

  qr(`${content.length} characters: and with colours from any window`, () => {
    const { text } = qrText(content, true);
    for (const line of text.split('\n')) {
      assert.ok(line.startsWith('\x1b[38;5;16;48;5;231m'), 'black on white');
      assert.ok(line.endsWith('\x1b[0m'), 'and nothing behind it');
    }
    assert.is(decode(strip(text), 'dark'), content);
  });
}

qr('its size is told, the quiet zone is there', () => {
  const { text, columns, rows } = qrText(CONTENT, false);
  const lines = text.split('\n');
  assert.is(lines.length, rows);
  assert.ok(lines.every((line) => [...line].length === columns));
  const edge = '█'.repeat(QUIET_ZONE);
  assert.ok(lines.every((line) => line.startsWith(edge) && line.endsWith(edge)));
  assert.equal(lines.slice(0, 2), ['█'.repeat(columns), '█'.repeat(columns)]);
});

qr.run();
