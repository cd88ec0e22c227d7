// The command line inside a terminal, which is put in its place here.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Console, cli, type Programs } from '../../agent/control/cli.js';
import { decode } from '../commands/zbar.js';
import { temporaryFolder } from './program.js';

const NEVER: Programs = {
  up: async () => assert.unreachable() as never,
  wg: async () => assert.unreachable() as never,
  lab: async () => assert.unreachable() as never,
  flash: async () => assert.unreachable() as never,
};

/** A window of this size; what is written to it. */
function screen(columns: number, rows: number, color = true) {
  const seen = { out: '', error: '' };
  const terminal: Console = {
    out(text) {
      seen.out += text;
    },
    error(text) {
      seen.error += text;
    },
    closed: () => false,
    readInput: async () => '',
    view: { columns, rows, terminal: true, color },
  };
  return { seen, terminal };
}

const guest = ['guest', 'add', 'phone', '--endpoint', 'home.example.org'];
const terminal = suite('control/cli in a terminal');

terminal('configuration and QR code, black on white', async () => {
  const state = join(temporaryFolder(), 'state');
  const { seen, terminal } = screen(120, 60);
  assert.is(await cli(['--state', state, ...guest], NEVER, terminal), 0);
  const text = seen.out.replaceAll('\x1b[0m', '').replace(/\n$/, '');
  const [configuration = '', ...code] = text.split('\n\n\x1b');
  const plain = `\x1b${code.join()}`.replaceAll('\x1b[38;5;16;48;5;231m', '');
  assert.is(decode(plain, 'dark'), configuration);
  assert.is(seen.error, '');
});

terminal('a window too small is told so, and all is printed the same', async () => {
  const state = join(temporaryFolder(), 'state');
  const { seen, terminal } = screen(60, 90, false);
  assert.is(await cli(['--state', state, ...guest], NEVER, terminal), 0);
  assert.match(seen.error, /needs a window of \d+ columns and \d+ rows; this one has 60 and 90/);
  const [configuration = '', code = ''] = seen.out.split(/\n\n(?=█)/u);
  assert.is(decode(code.trimEnd(), 'light'), configuration);
});

terminal('up, wg and lab are handed what was given', async () => {
  const given: unknown[] = [];
  const programs: Programs = {
    up: async ({ print, ...options }) => {
      print('hello');
      given.push(options);
      return 5;
    },
    wg: async (options) => {
      given.push(options);
      return 6;
    },
    lab: async (command, options, json) => {
      given.push([command, options, json]);
      return 7;
    },
    flash: async () => assert.unreachable() as never,
  };
  const { seen, terminal } = screen(80, 24);
  const up = ['up', '--set', 'a=b', '--state', '/x', '--config', 'f'];
  assert.is(await cli(up, programs, terminal), 5);
  assert.is(await cli(['wg', '-f', 'wg0'], programs, terminal), 6);
  assert.is(await cli(['wg', 'wg0'], programs, terminal), 6);
  assert.is(await cli(['lab', 'nat', 'house', 'symmetric', '--json'], programs, terminal), 7);
  assert.is(seen.out, 'hello\n');
  assert.equal(given, [
    { statePath: '/x', config: 'f', settings: ['a=b'] },
    { foreground: true, name: 'wg0' },
    { name: 'wg0', foreground: false },
    ['nat', { home: 'house', kind: 'symmetric', lab: 'lab' }, true],
  ]);
});

terminal('our own mistakes are not hidden as failures', async () => {
  const programs = { ...NEVER, up: () => Promise.reject(new RangeError('ours')) };
  await cli(['up'], programs, screen(80, 24).terminal).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, RangeError),
  );
});

terminal.run();
