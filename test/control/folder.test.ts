import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_BYTES_MAX, Folder } from '../../agent/control/folder.js';
import { KEY_A } from '../config/samples.js';
import { temporaryFolder } from './program.js';

const folder = suite('control/folder');

const mode = (path: string) => statSync(path).mode & 0o777;

folder('makes the folder for its owner alone', () => {
  const path = join(temporaryFolder(), 'a/b');
  new Folder(path).make();
  assert.is(mode(path), 0o700);
});

folder('the seed comes back as it went', () => {
  const state = new Folder(join(temporaryFolder(), 'state'));
  assert.is(state.readSeed(), undefined);
  const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
  state.writeSeed(seed);
  assert.equal(state.readSeed(), seed);
  assert.is(mode(state.file('identity')), 0o600);
});

for (const length of [0, 31, 33, 4096]) {
  folder(`a seed of ${length} bytes is refused`, () => {
    const state = new Folder(temporaryFolder());
    writeFileSync(state.file('identity'), new Uint8Array(length), { mode: 0o600 });
    assert.throws(() => state.readSeed(), /identity is damaged: it must have 32 bytes/);
  });
}

for (const open of [0o644, 0o640, 0o602]) {
  folder(`a seed with mode ${open.toString(8)} is refused`, () => {
    const state = new Folder(temporaryFolder());
    writeFileSync(state.file('identity'), new Uint8Array(32));
    chmodSync(state.file('identity'), open);
    assert.throws(() => state.readSeed(), /may be read by others: run `chmod 600/);
  });
}

folder('a seed that belongs to somebody else is refused', () => {
  const state = new Folder(temporaryFolder());
  writeFileSync(state.file('identity'), new Uint8Array(32), { mode: 0o600 });
  chownSync(state.file('identity'), 65534, 65534);
  assert.throws(() => state.readSeed(), /belongs to another user/);
});

folder('what is no file is refused, a pipe without waiting for it', () => {
  const state = new Folder(temporaryFolder());
  mkdirSync(state.file('kith.json'));
  assert.throws(() => state.readConfig(), /kith.json is no file/);
  execFileSync('mkfifo', ['-m', '600', state.file('identity')]);
  assert.throws(() => state.readSeed(), /identity is no file/);
});

folder('keys are base64 in files of their own', () => {
  const state = new Folder(temporaryFolder());
  state.writeKey('a.psk', KEY_A);
  assert.is(readFileSync(state.file('a.psk'), 'utf8'), `${KEY_A}\n`);
  assert.is(mode(state.file('a.psk')), 0o600);
  assert.is(Buffer.from(state.readKey('a.psk')).toString('base64'), KEY_A);
  assert.is(Buffer.from(state.readKey(state.file('a.psk'))).toString('base64'), KEY_A, 'absolute');
  assert.throws(() => state.readKey('b.psk'), /b.psk is missing/);
  state.writeKey('c.psk', 'nonsense');
  assert.throws(() => state.readKey('c.psk'), /must hold one key in base64/);
});

folder('a configuration of any size is read, up to a limit', () => {
  const state = new Folder(temporaryFolder());
  assert.is(state.readConfig(), undefined);
  const long = 'x'.repeat(CONFIG_BYTES_MAX);
  writeFileSync(state.configPath, long);
  assert.is(state.readConfig()?.length, CONFIG_BYTES_MAX);
  writeFileSync(state.configPath, `${long}x`);
  assert.throws(() => state.readConfig(), /larger than 16 MiB/);
});

folder('another file for the configuration', () => {
  const path = temporaryFolder();
  const state = new Folder(path, join(path, 'other.json'));
  state.writeConfig('{}');
  assert.is(readFileSync(join(path, 'other.json'), 'utf8'), '{}');
});

folder('the ceiling; what is damaged is none', () => {
  const state = new Folder(join(temporaryFolder(), 'state'));
  assert.is(state.readCeiling(), undefined);
  state.writeCeiling(1795346449);
  assert.is(state.readCeiling(), 1795346449);
  for (const text of ['', 'x', '-1', '1e9', '9'.repeat(31)]) {
    writeFileSync(state.file('ceiling'), text);
    assert.is(state.readCeiling(), undefined, text);
  }
});

folder('what the system refuses is said in words', () => {
  const path = temporaryFolder();
  writeFileSync(join(path, 'file'), '');
  assert.throws(() => new Folder(join(path, 'file/x')).make(), /cannot make .*no folder/);
  assert.throws(() => new Folder('/proc/kith').make(), /cannot make \/proc\/kith: /);
});

folder.run();
