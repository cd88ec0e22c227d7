// Words, completion, paging, and the PIN's back-off: the small parts of the shell.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../../agent/commands/registry.js';
import { checkConfig } from '../../../agent/config/validate.js';
import { addition, complete } from '../../../agent/control/console/complete.js';
import { PinGate } from '../../../agent/control/console/gate.js';
import type { Key } from '../../../agent/control/console/keys.js';
import { Pager, wrap } from '../../../agent/control/console/pager.js';
import { consoleCommands } from '../../../agent/control/console/perform.js';
import { inColumns, printable } from '../../../agent/control/console/terminal.js';
import { splitWords } from '../../../agent/control/console/words.js';

const key = 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=';
const checked = checkConfig({
  version: 1,
  name: 'cabin',
  peers: [{ name: 'phone', publicKey: key }],
});
if (!('config' in checked)) throw new Error('the sample is wrong');
const sources = {
  commands: consoleCommands(COMMANDS),
  builtins: ['help', 'exit'],
  config: checked.config,
  names: ['hut'],
};

const completion = suite('control/console/complete');

const rows: ReadonlyArray<readonly [before: string, offers: readonly string[], added: string]> = [
  ['pee', ['peers'], 'rs '],
  ['kith pee', ['peers'], 'rs '],
  ['conf', ['config'], 'ig '],
  ['config se', ['set'], 't '],
  ['config set serial.', ['serial.baudRate', 'serial.pinFile', 'serial.port'], ''],
  ['config set ser', ['serial.'], 'ial.'],
  ['config set serial.b', ['serial.baudRate'], 'audRate '],
  ['config get peers.', ['peers.phone.'], 'phone.'],
  ['config get peers.phone.end', ['peers.phone.endpoint'], 'point '],
  ['config set cipher o', ['openssl'], 'penssl '],
  ['config set mqtt.enabled ', ['false', 'true'], ''],
  ['config set serial.port ', ['null'], 'null '],
  ['revoke ', ['hut', 'phone'], ''],
  ['guest remove p', ['phone'], 'hone '],
  ['status --', ['--help', '--json', '--watch'], ''],
  ['invite hut --t', ['--ttl'], 'tl '],
  ['help guest ', ['add', 'remove'], ''],
  ['help revoke ', [], ''],
  ['ex', ['exit'], 'it '],
  ['nothing like it ', [], ''],
  ['config get no.such.', [], ''],
];

for (const [before, offers, added] of rows) {
  completion(`"${before}"`, () => {
    const found = complete(before, sources);
    assert.equal(found.offers, offers);
    assert.is(addition(found), added);
  });
}

completion('nothing that only the command line runs', () => {
  const { offers } = complete('', sources);
  for (const name of ['up', 'wg', 'lab', 'bench', 'import']) assert.not.ok(offers.includes(name));
  for (const name of ['status', 'invite', 'help']) assert.ok(offers.includes(name));
});

completion('names in columns', () => {
  const names = Array.from({ length: 7 }, (_, i) => `name-${i}`);
  assert.is(
    inColumns(names, { columns: 30, rows: 24 }),
    'name-0  name-3  name-6\nname-1  name-4\nname-2  name-5',
  );
  assert.match(
    inColumns(Array(500).fill('x'.repeat(70)), { columns: 80, rows: 24 }),
    /500 in all$/,
  );
});

completion.run();

const words = suite('control/console/words');

words('as shells split them', () => {
  const line = `config  set a 'b c' "d \\" e" f\\ g '' x"y"'z'`;
  assert.equal(splitWords(line), {
    words: ['config', 'set', 'a', 'b c', 'd " e', 'f g', '', 'xyz'],
  });
  assert.equal(splitWords(`a 'b`), { problem: "a closing ' is missing" });
  assert.equal(splitWords('a \\'), { problem: 'nothing follows the last \\' });
  assert.equal(splitWords(''), { words: [] });
});

words.run();

const pager = suite('control/console/pager');
const press = (text: string): Key => ({ kind: 'text', text });
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join('');
const MORE = '-- more: Space, Enter, q --';

pager('pages, lines, and leaving', () => {
  const one = new Pager(lines(1, 60).trimEnd(), 24, 80);
  assert.is(one.start(), lines(1, 23) + MORE);
  assert.is(one.key(press('x')), '');
  assert.ok(one.key(press(' ')).endsWith(lines(24, 46) + MORE));
  assert.ok(one.key({ kind: 'enter' }).endsWith(`\r47\n${MORE}`));
  assert.not.ok(one.done);
  one.key(press('q'));
  assert.ok(one.done);
});

pager('what fits is shown at once', () => {
  const one = new Pager(lines(1, 23).trimEnd(), 24, 80);
  assert.is(one.start(), lines(1, 23));
  assert.ok(one.done);
});

pager('long lines take more rows, a QR code is not cut', () => {
  const long = Array(30).fill('y'.repeat(200)).join('\n');
  const [first = ''] = new Pager(long, 24, 80).start().split(MORE);
  assert.is(first.split('\n').length - 1, 7, 'seven of three rows each');
  const code = Array(40).fill('█▀▄ '.repeat(10)).join('\n');
  assert.is(new Pager(`word\n${code}`, 24, 80).start(), `word\n${code}\n`);
});

pager('wrapping goes on in the column, and never cuts a word', () => {
  assert.equal(wrap('  name   one two three four', 16), [
    '  name   one two',
    '         three',
    '         four',
  ]);
  assert.equal(wrap('a bb ccc dddd', 8), ['a bb ccc', 'dddd']);
  assert.equal(wrap('x'.repeat(30), 10), ['x'.repeat(30)]);
  assert.equal(wrap('', 10), ['']);
});

pager('nothing from elsewhere steers the terminal', () => {
  assert.is(printable('a\x1b[2Jb\x07c\x9bd\ne'), 'a [2Jb c d\ne');
  assert.is(printable('\x1b[38;5;16mx\x1b[0m'), '\x1b[38;5;16mx\x1b[0m');
});

pager.run();

const gate = suite('control/console/gate');

gate('three free tries, then each costs twice the wait, up to a minute', () => {
  const one = new PinGate();
  const pin = Buffer.from('1234');
  const waits = [];
  let now = 0;
  for (let i = 0; i < 10; i++) {
    assert.not.ok(one.attempt('0000', pin, now));
    waits.push(one.wait(now) / 1000);
    now += one.wait(now);
  }
  assert.equal(waits, [0, 0, 2, 4, 8, 16, 32, 60, 60, 60]);
  assert.ok(one.attempt('1234', pin, now));
  assert.is(one.wait(now), 0);
});

gate('while the wait lasts not even the PIN opens', () => {
  const one = new PinGate();
  const pin = Buffer.from('1234');
  for (let i = 0; i < 3; i++) one.attempt('', pin, 0);
  assert.not.ok(one.attempt('1234', pin, 1_999));
  assert.ok(one.attempt('1234', pin, 2_000));
});

gate('the whole PIN, and no PIN at all', () => {
  const pin = Buffer.from('1234');
  for (const wrong of ['123', '12345', '1234\0', ''])
    assert.not.ok(new PinGate().attempt(wrong, pin, 0));
  assert.not.ok(new PinGate().attempt('', new Uint8Array(0), 0));
});

gate.run();
