import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { UciMirror } from '../../agent/control/ucimirror.js';
import { FakeUci } from '../board/fakeuci.js';
import { temporaryFolder } from './program.js';

function parts() {
  const folder = new Folder(temporaryFolder());
  const store = new FileStore(folder, (bytes) => new Uint8Array(bytes).fill(7));
  writeFileSync(
    folder.configPath,
    JSON.stringify({ version: 1, name: 'cabin', listen: { port: 4000 } }),
  );
  const uci = new FakeUci();
  uci.sections.set('kith.main', { type: 'kith', options: new Map([['enabled', ['1']]]) });
  const log: string[] = [];
  const mirror = new UciMirror(folder, (_, line) => log.push(line), uci.run);
  const option = (section: string, name: string) =>
    uci.sections.get(`kith.${section}`)?.options.get(name)?.join(' ');
  const set = (section: string, name: string, value?: string) => {
    const options = uci.sections.get(`kith.${section}`)?.options ?? new Map<string, string[]>();
    if (value === undefined) options.delete(name);
    else options.set(name, [value]);
    uci.sections.set(`kith.${section}`, { type: section, options });
  };
  return { folder, store, uci, mirror, log, option, set };
}

const mirror = suite('control/ucimirror');

mirror('at the first start UCI is told what kith.json says', async () => {
  const { store, mirror, uci, option, log } = parts();
  await mirror.meet(store);
  assert.equal(log, []);
  assert.equal([option('node', 'name'), option('listen', 'port')], ['cabin', '4000']);
  assert.is(option('main', 'enabled'), '1', "what is not kith.json's stays");
  uci.commits.length = 0;
  await mirror.meet(store);
  assert.equal(uci.commits, [], 'no difference, no write to the flash');
});

mirror('a change in UCI becomes one in kith.json, a removal the default', async () => {
  const { store, mirror, option, set, log } = parts();
  await mirror.meet(store);
  set('listen', 'port', '5000');
  set('mesh_discovery', 'lan', '0');
  await mirror.meet(store);
  assert.equal([store.read().listen.port, store.read().mesh.discovery.lan], [5000, false]);
  assert.equal(log, ['taken over from UCI: listen.port, mesh.discovery.lan']);
  set('listen', 'port', undefined);
  await mirror.meet(store);
  assert.is(store.read().listen.port, 51820);
  assert.is(option('listen', 'port'), undefined);
});

mirror('a change of kith.json goes to UCI, also when it was made while no agent ran', async () => {
  const { folder, store, mirror, option } = parts();
  await mirror.meet(store);
  const { config } = await store.update((before) => ({ ...before, cipher: 'simd' }));
  await mirror.follow(config);
  assert.is(option('node', 'cipher'), 'simd');
  const text = readFileSync(folder.configPath, 'utf8').replace('4000', '4001');
  writeFileSync(folder.configPath, text);
  await mirror.meet(store);
  assert.equal([store.read().listen.port, option('listen', 'port')], [4001, '4001']);
});

mirror('what is wrong in UCI is said with its place, and nothing is taken over', async () => {
  const { store, mirror, set, log } = parts();
  await mirror.meet(store);
  set('listen', 'port', '70000');
  set('node', 'cipher', 'simd');
  await mirror.meet(store);
  assert.match(log.join('\n'), /listen\.port: must be a whole number from 0 to 65535/);
  assert.equal([store.read().listen.port, store.read().cipher], [4000, 'auto']);
});

mirror('without a working `uci` nothing happens', async () => {
  const { folder, store, log } = parts();
  const run = async () => ({ code: null, stdout: '', stderr: 'there is no program uci' });
  await new UciMirror(folder, (_, line) => log.push(line), run).meet(store);
  assert.equal(log, []);
  assert.throws(() => readFileSync(join(folder.path, 'uci.json')), /ENOENT/);
});

mirror.run();
