import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_COMMANDS } from '../../agent/commands/configcommands.js';
import type { Context } from '../../agent/commands/context.js';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import { runCommand } from '../../agent/commands/run.js';
import { ConfigChanges } from '../../agent/control/changes.js';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { temporaryFolder } from '../control/program.js';

function open(runs = true) {
  const folder = new Folder(temporaryFolder());
  folder.writeConfig('{"version":1,"name":"first"}');
  const store = new FileStore(folder, (bytes) => new Uint8Array(bytes).fill(5));
  const changes = runs ? new ConfigChanges(store, folder, () => {}) : null;
  const context = { store, changes, note: () => {} } as unknown as Context;
  const run = (name: string, given: object = {}) => {
    const command = CONFIG_COMMANDS.find((one) => one.name === `config ${name}`);
    assert.ok(command);
    return runCommand(command!, given, context);
  };
  const refused = async (name: string, given: object = {}) => {
    const error = await run(name, given).catch((failed: unknown) => failed);
    assert.instance(error, Failure);
    return failureLines(error as Failure).join('\n');
  };
  return { folder, store, changes, run, refused };
}

const commands = suite('commands/configchanges');

commands('a patch changes what it names', async () => {
  const { store, run, refused } = open();
  assert.equal(await run('patch', { patch: '{"name": "hut"}' }), { restart: [], pending: null });
  assert.is(store.read().name, 'hut');
  assert.match(await refused('patch', { patch: '{"name": 5, "x": 1}' }), /x: is unknown\n {2}name/);
  assert.is(await refused('patch', { patch: '{' }), 'the patch is not JSON');
});

commands('a whole configuration takes the place of the other', async () => {
  const { store, run, refused, folder } = open();
  await run('apply', { config: '{"version":1,"name":"new","listen":{"port":4}}' });
  assert.equal([store.read().name, store.read().listen.port], ['new', 4]);
  folder.writeConfig('{"version":1,"name":"edited"}');
  await run('apply');
  assert.is(store.read().name, 'edited');
  assert.match(await refused('apply', { config: '{"version":1}' }), /name: is missing/);
  assert.match(await refused('apply', { confirm: 5 }), /give the new configuration/);
});

commands('a change waits, is kept or taken back', async () => {
  const { store, changes, run, refused } = open();
  const patch = '{"name": "hut"}';
  assert.equal(await run('patch', { patch, confirm: 60 }), { restart: [], pending: 60 });
  await run('rollback');
  assert.is(store.read().name, 'first');
  await run('patch', { patch, confirm: 60 });
  assert.equal(await run('confirm'), { kept: true });
  assert.is(store.read().name, 'hut');
  assert.match(await refused('confirm'), /no change waits/);
  changes?.stop();
});

commands('the last change can be taken back, and that too', async () => {
  const { store, run, refused } = open(false);
  assert.match(await refused('rollback'), /nothing to take back/);
  await run('patch', { patch: '{"name": "hut"}' });
  await run('rollback');
  assert.is(store.read().name, 'first');
  await run('rollback');
  assert.is(store.read().name, 'hut');
  assert.match(await refused('patch', { patch: '{}', confirm: 9 }), /takes a running agent/);
});

commands.run();
