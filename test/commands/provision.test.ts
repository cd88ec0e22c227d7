// A node set up by one document: what is taken, what is refused with nothing changed, and again.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../agent/commands/context.js';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import { commandNamed, runCommand } from '../../agent/commands/run.js';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { readSetup } from '../../board/setupfile.js';
import { temporaryFolder } from '../control/program.js';

function open(member = false) {
  const folder = new Folder(temporaryFolder());
  folder.writeConfig('{"version":1,"name":"first"}');
  const store = new FileStore(folder, (bytes) => new Uint8Array(bytes).fill(5));
  const notes: string[] = [];
  const mesh = { members: () => (member ? [] : null) };
  const context = { store, mesh, note: (line: string) => notes.push(line) } as unknown as Context;
  const run = (setup: object | string) => {
    const text = typeof setup === 'string' ? setup : JSON.stringify({ version: 1, ...setup });
    return runCommand(commandNamed('provision'), { setup: text }, context);
  };
  const refused = async (setup: object | string) => {
    const before = store.read();
    const error = await run(setup).catch((failed: unknown) => failed);
    assert.instance(error, Failure);
    assert.equal(store.read(), before, 'nothing was changed');
    return failureLines(error as Failure).join('\n');
  };
  return { folder, store, notes, run, refused };
}

const provision = suite('commands/provision');

provision('name, broker, PIN and settings; twice is no harm', async () => {
  const { folder, store, run } = open();
  const mqtt = { url: 'mqtts://broker.example', username: 'kith', password: 'pass word' };
  const setup = {
    name: 'hut',
    mqtt,
    pin: '2468',
    config: { listen: { port: 4 } },
    wifi: { ssid: 'x' },
  };
  for (let i = 0; i < 2; i++) {
    const result = (await run(setup)) as { name: string; joined: null; left: string[] };
    assert.equal([result.name, result.joined, result.left], ['hut', null, ['wifi']]);
  }
  const { name, listen, serial, mqtt: now } = store.read();
  assert.equal([name, listen.port, serial.pinFile], ['hut', 4, 'console.pin']);
  assert.equal([now.url, now.username, now.passwordFile], [mqtt.url, 'kith', 'mqtt.password']);
  assert.is(
    String(folder.readSecret('mqtt.password') && Buffer.from(folder.readSecret('mqtt.password'))),
    'pass word\n',
  );
  assert.not.match(readFileSync(folder.configPath, 'utf8'), /pass word|2468/);
});

provision('everything that is wrong, before anything changes; no secret is repeated', async () => {
  const { refused } = open();
  assert.match(await refused('{'), /setup: is not JSON/);
  assert.match(await refused('{"version":2}'), /version: must be 1/);
  assert.match(await refused({ pin: 'a\nb', namme: 1 }), /pin: must be one line/);
  assert.match(await refused({ namme: 'x' }), /namme: is unknown/);
  assert.match(await refused({ config: { listen: { port: 'x' } } }), /listen\.port/);
  assert.match(await refused({ mqtt: { url: 'nowhere' } }), /mqtt\.url: must be mqtt:/);
  const word = `kith1${'q'.repeat(50)}`;
  const said = await refused({ invite: word, name: 'hut' });
  assert.match(said, /invite: /);
  assert.not.match(said, /qqqq/);
});

provision('a node in a mesh keeps its name, and its invite is not used', async () => {
  const { store, notes, run } = open(true);
  await run({ name: 'hut', invite: `kith1${'q'.repeat(50)}`, pin: '1' });
  assert.is(store.read().name, 'first');
  assert.match(notes.join(), /in a mesh already/);
});

provision('keys and Wi-Fi', () => {
  const problem = (setup: object) => {
    const read = readSetup(JSON.stringify({ version: 1, ...setup }));
    return 'problems' in read ? read.problems.map(({ path }) => path).join() : '';
  };
  assert.is(problem({ sshKeys: ['ssh-ed25519 AAAA me', 'ecdsa-sha2-nistp256 AAAA'] }), '');
  assert.is(problem({ sshKeys: ['-----BEGIN'] }), 'sshKeys.0');
  assert.is(problem({ wifi: { ssid: 'ä'.repeat(17) } }), 'wifi.ssid');
  assert.is(problem({ wifi: { ssid: 'x', password: 'short' } }), 'wifi.password');
});

provision.run();
