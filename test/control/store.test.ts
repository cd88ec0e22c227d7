import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import type { Config } from '../../agent/config/schema.js';
import { Folder } from '../../agent/control/folder.js';
import { FileStore, loadIdentity, overlay } from '../../agent/control/store.js';
import { config, KEY_A, KEY_B } from '../config/samples.js';
import { temporaryFolder } from './program.js';

const random = (bytes: number) => new Uint8Array(bytes).fill(5);
const phone = { name: 'phone', publicKey: KEY_A, presharedKeyFile: 'phone.psk' };
const withPhone = (before: Config) => config({ ...before, peers: [phone] });
const wrong = (before: Config) => ({ ...before, name: 'Not Good' });

function open(live?: { apply(after: Config): Promise<readonly string[]> }) {
  const folder = new Folder(temporaryFolder());
  const text = () => readFileSync(folder.configPath, 'utf8');
  return { folder, store: new FileStore(folder, random, live), text };
}

async function failure(doing: Promise<unknown>): Promise<string> {
  try {
    await doing;
  } catch (error) {
    if (error instanceof Failure) return failureLines(error).join('\n');
    throw error;
  }
  throw new Error('it did not fail');
}

const store = suite('control/store');

store('an empty folder becomes a node, once', () => {
  const { folder, store, text } = open();
  assert.throws(() => store.read(), /there is no configuration in .* yet/);
  const first = store.readOrMake();
  assert.is(first.made, true);
  assert.is(first.config.interface.name, 'kith0');
  assert.is(first.config.interface.addresses.length, 2);
  const written = text();
  assert.equal(store.readOrMake(), { config: first.config, made: false });
  assert.is(text(), written);
  assert.equal(readdirSync(folder.path).sort(), ['identity', 'kith.json']);
});

store('what does not change is not written: flash wears out', async () => {
  const { folder, store } = open();
  store.readOrMake();
  const { files, bytes } = folder.writes;
  assert.equal([files, bytes > 32], [2, true], 'identity and configuration');
  await store.update((config) => ({ ...config }));
  assert.is(folder.writes.files, 2);
  await store.update((config) => ({ ...config, name: 'hut' }));
  assert.is(folder.writes.files, 4, 'the last one is kept');
});

store('a configuration without an identity gets one', () => {
  const { folder, store } = open();
  folder.writeConfig('{"version":1,"name":"cabin"}');
  assert.is(store.readOrMake().made, false);
  assert.ok(existsSync(folder.file('identity')));
});

store("the public key is the identity's, or the one of the key file", () => {
  const { folder, store } = open();
  store.readOrMake();
  const identity = loadIdentity(folder, random);
  assert.is(store.publicKey(), Buffer.from(identity.publicKey).toString('base64'));
  folder.writeKey('wg.key', KEY_B);
  folder.writeConfig('{"version":1,"name":"cabin","privateKeyFile":"wg.key"}');
  assert.not.equal(store.publicKey(), Buffer.from(identity.publicKey).toString('base64'));
});

store('a change is written, with its keys; what nobody names any more goes', async () => {
  const { folder, store } = open();
  const { config: after, restart } = await store.update(withPhone, [
    { name: 'phone.psk', key: KEY_B },
  ]);
  assert.equal(restart, []);
  assert.equal(store.read(), after);
  assert.is(readFileSync(folder.file('phone.psk'), 'utf8'), `${KEY_B}\n`);
  await store.update((before) => ({ ...before, peers: [] }));
  assert.not.ok(existsSync(folder.file('phone.psk')));
});

store('a key file elsewhere is not ours to remove', async () => {
  const { folder, store } = open();
  const elsewhere = new Folder(temporaryFolder());
  elsewhere.writeKey('own.psk', KEY_B);
  const peer = { ...phone, presharedKeyFile: elsewhere.file('own.psk') };
  await store.update((before) => config({ ...before, peers: [peer] }));
  await store.update((before) => ({ ...before, peers: [] }));
  assert.ok(existsSync(elsewhere.file('own.psk')));
  assert.ok(existsSync(folder.file('identity')));
});

store('a bad change gives all its problems and changes nothing', async () => {
  const { store, text } = open();
  store.readOrMake();
  const before = text();
  const said = await failure(store.update((now) => ({ ...wrong(now), cipher: 'aes' as 'auto' })));
  assert.match(said, /^nothing was changed:\n {2}name: must be .*\n {2}cipher: must be /);
  assert.is(text(), before);
});

store('a bad file is said so, with its path', async () => {
  const { folder, store } = open();
  folder.writeConfig('{"version":1}');
  assert.match(await failure(store.update((now) => now)), /kith.json is not right:\n {2}name: is/);
});

store('what the running agent refuses is not written, and leaves no key', async () => {
  const seen: string[] = [];
  const { folder, store, text } = open({
    async apply(after) {
      seen.push(after.name);
      if (after.peers.length > 0) throw new Failure('no');
      return [];
    },
  });
  store.readOrMake();
  const before = text();
  const keys = [{ name: 'phone.psk', key: KEY_B }];
  assert.is(await failure(store.update(withPhone, keys)), 'no');
  assert.is(text(), before);
  assert.not.ok(existsSync(folder.file('phone.psk')));
});

store('what cannot be written is taken back', async () => {
  const ports: number[] = [];
  const { folder, store } = open({
    async apply(after) {
      ports.push(after.listen.port);
      return [];
    },
  });
  store.readOrMake();
  folder.writeConfig = () => {
    throw new Failure('the disk is full');
  };
  const said = await failure(store.update((now) => ({ ...now, listen: { port: 5 } })));
  assert.is(said, 'the disk is full');
  assert.equal(ports, [5, 51820]);
});

store('an edit from outside in the middle of a change is not lost', async () => {
  const { folder, store } = open({
    async apply(after) {
      if (after.name === 'hut') return [];
      folder.writeConfig('{"version":1,"name":"hut"}'); // somebody saves in an editor
      return [];
    },
  });
  folder.writeConfig('{"version":1,"name":"cabin"}');
  const { config: after } = await store.update((now) => ({ ...now, listen: { port: 5 } }));
  assert.is(after.name, 'hut');
  assert.is(store.read().name, 'hut');
  assert.is(store.read().listen.port, 5);
});

store('changes at once come one after the other', async () => {
  const { store } = open();
  const add = (name: string, publicKey: string) =>
    store.update((now) => {
      const [peer] = config({ peers: [{ name, publicKey }] }).peers;
      return { ...now, peers: [...now.peers, peer!] };
    });
  await Promise.all([add('a', KEY_A), failure(add('a', KEY_A)), add('b', KEY_B)]);
  assert.equal(
    store.read().peers.map((peer) => peer.name),
    ['a', 'b'],
  );
});

store('the running agent is never told two changes at once', async () => {
  let inside = 0;
  const { store } = open({
    async apply() {
      assert.is(++inside, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
      return [];
    },
  });
  const names = ['a', 'b', 'c'];
  await Promise.all(names.map((name) => store.update((now) => ({ ...now, name }))));
  assert.is(store.read().name, 'c');
});

store('--set lays over, by the type of the schema', () => {
  const { store, text } = open();
  const { config: written } = store.readOrMake();
  const before = text();
  const run = overlay(written, ['listen.port=5', 'name=a=b'.slice(0, 6), 'dataplane.workers=1']);
  assert.is(run.listen.port, 5);
  assert.is(run.name, 'a');
  assert.is(run.dataplane.workers, 1);
  assert.is(text(), before);
  assert.throws(
    () => overlay(written, ['listen.port']),
    /--set listen.port: write it as path=value/,
  );
  assert.throws(() => overlay(written, ['listen.port=x']), /--set listen.port=x is not right/);
});

store('check changes nothing, and works before the first start', () => {
  const { folder, store } = open();
  assert.is(store.check((now) => ({ ...now, name: 'x' })).name, 'x');
  assert.equal(readdirSync(folder.path), []);
  assert.throws(() => store.check(wrong), /nothing was changed/);
});

store('a broken file is never overwritten', async () => {
  const { folder, store } = open();
  writeFileSync(folder.configPath, '{"version":1,"name":"cabin",}');
  assert.match(await failure(store.update((now) => now)), /is not JSON at line 1, column/);
  assert.is(readFileSync(folder.configPath, 'utf8'), '{"version":1,"name":"cabin",}');
});

store.run();
