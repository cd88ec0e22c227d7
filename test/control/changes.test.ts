import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Config } from '../../agent/config/schema.js';
import { ConfigChanges, takeBackUnconfirmed } from '../../agent/control/changes.js';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { temporaryFolder } from './program.js';

const named = (name: string) => (before: Config) => ({ ...before, name });

function open() {
  const folder = new Folder(temporaryFolder());
  folder.writeConfig('{"version":1,"name":"first","listen":{"port":51820}}');
  const live: string[] = [];
  const store = new FileStore(folder, (bytes) => new Uint8Array(bytes).fill(5), {
    async apply({ name }) {
      live.push(name);
      return [];
    },
  });
  const log: string[] = [];
  const changes = new ConfigChanges(store, folder, (_, line) => log.push(line));
  return { folder, store, changes, live, log };
}

const changes = suite('control/changes');

changes('what is not confirmed is taken back by itself', async () => {
  const { changes, store, live, log, folder } = open();
  const ends: string[] = [];
  await changes.attempt(named('second'), 0.05, (end) => ends.push(end));
  assert.is(store.read().name, 'second');
  assert.ok(folder.readPending());
  await pause(200);
  assert.is(store.read().name, 'first');
  assert.equal(live, ['second', 'first']);
  assert.equal(ends, ['taken back']);
  assert.is(folder.readPending(), undefined);
  assert.match(log.join(), /not confirmed: taken back/);
  assert.is(changes.pending(), null);
});

changes('what is confirmed stays', async () => {
  const { changes, store, folder } = open();
  const ends: string[] = [];
  await changes.attempt(named('second'), 0.05, (end) => ends.push(end));
  assert.is(changes.pending(), 1);
  assert.ok(changes.confirm());
  await pause(150);
  assert.is(store.read().name, 'second');
  assert.equal(ends, ['confirmed']);
  assert.is(folder.readPending(), undefined);
  assert.not.ok(changes.confirm());
});

changes('it can be taken back at once, with what others changed left alone', async () => {
  const { changes, store } = open();
  await changes.attempt(named('second'), 60);
  await store.update((now) => ({ ...now, listen: { port: 7 } }));
  assert.is((await changes.takeBack())?.config.name, 'first');
  assert.is(store.read().listen.port, 7);
  assert.is(await changes.takeBack(), undefined);
  changes.stop();
});

changes('a change that fails leaves nothing pending', async () => {
  const { changes, folder } = open();
  const failed = await changes.attempt(named('No Good'), 60).catch(() => 'failed');
  assert.is(failed, 'failed');
  assert.is(changes.pending(), null);
  assert.is(folder.readPending(), undefined);
});

changes('an agent that ends in between takes it back at its next start', async () => {
  const { changes, folder, store } = open();
  await changes.attempt(named('second'), 60);
  await changes.attempt(named('third'), 60);
  changes.stop();
  assert.ok(takeBackUnconfirmed(folder));
  assert.is(store.read().name, 'first');
  assert.not.ok(takeBackUnconfirmed(folder));
});

changes('the configuration before the last change is kept', async () => {
  const { folder, store } = open();
  await store.update(named('second'));
  await store.update((now) => now);
  assert.match(folder.readLast() ?? '', /"first"/);
});

changes.run();
