// slow: a console waits for people, and a megabyte of noise takes its time
// A console from waking up to falling asleep: PIN, wizard, commands, noise, machine mode.
// deadline: 120

import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../../agent/bytes/cbor.js';
import { encodeSlip, SlipReader } from '../../../agent/control/console/slip.js';
import { KEY_B } from '../../config/samples.js';
import { peer } from '../mqtt/node.js';
import { leaveAll, Typist } from './typist.js';

const session = suite('control/console/session');
session.after.each(leaveAll);

/** A node that was set up: no wizard. */
const PEERS = { peers: [{ name: 'phone', publicKey: KEY_B }] };

session('it sleeps until Enter, greets, runs commands, and leaves', async () => {
  const at = new Typist(PEERS);
  at.type('status\r'); // before it listens
  const hello = await at.wake();
  assert.match(hello, /kith \S+ on cabin. `help` lists the commands.\ncabin> $/);
  assert.match(await at.run('status'), /^cabin, kith .*up for 7 s/);
  assert.is(await at.run('kith config get listen.port'), '51820');
  assert.is(await at.run('config set listen.port 7'), 'listen.port: 7');
  assert.is(at.store.read().listen.port, 7);
  assert.equal(JSON.parse(await at.run('config get listen --json')), { port: 7 });
  at.type('exit\r');
  await at.until('press Enter');
  assert.equal(at.log, []);
});

session('wrong lines are told in words', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  assert.is(await at.run('statsu'), 'unknown command "statsu", did you mean "status"?');
  assert.match(await at.run('config set listen.port x'), /listen\.port: must be a whole number/);
  assert.is(await at.run("config get 'x"), "a closing ' is missing");
  assert.match(await at.run('status --state /tmp/x'), /--state is for the command line/);
  assert.match(await at.run('up'), /unknown command "up"/);
  at.type('\r');
  assert.is(await at.until('> '), '\ncabin> ');
});

session('help, for all and for one', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  at.type('help\r');
  const page = await at.until('-- more');
  assert.is(page.split('\n').slice(1).length, 23, 'a page and its question');
  assert.match(page, /status +how this node is doing/);
  at.type('q');
  await at.until('cabin> ');
  for (const line of ['help invite', '? invite', 'invite ?', 'invite --help'])
    assert.match(await at.run(line), /^kith invite NAME/);
  assert.match(await at.run('help setup'), /question by question/);
});

session('Tab completes, twice lists, history comes back', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  at.type('conf\tg\tlisten.p\t');
  await at.until('config get listen.port ');
  assert.is(await at.run(''), '51820');
  at.type('config set serial.\t\t');
  assert.match(await at.until(/serial\.port\n/), /serial\.baudRate +serial\.pinFile +serial\.port/);
  at.type('\x15\x1b[A\r');
  await at.until('51820');
});

session('status --watch goes on until a key, and spares a slow line', async () => {
  const at = new Typist(PEERS);
  at.peers = [peer({ name: 'phone', publicKey: KEY_B })];
  await at.wake();
  at.type('status --watch\r');
  await at.until('\x1b[J');
  const second = await at.until('\x1b[J');
  assert.ok(second.startsWith('\x1b[H'), 'it writes over the first');
  for (const row of second.split('\n')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor is no column
    assert.ok(row.replace(/\x1b\[\d*[A-Z]/g, '').length < 80, row);
  }
  at.waiting = 1;
  await pause(1_500);
  assert.is(at.text, '');
  at.type('x');
  await at.until('cabin> ');
});

session('what the terminal can is told or asked, and forgotten at the end', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  assert.is(await at.run('terminal 120x40'), '120x40');
  at.type('terminal auto\r');
  await at.until('\x1b[6n');
  at.type('\x1b[30;100R');
  await at.until('100x30\ncabin> ');
  assert.is(await at.run('terminal color'), '100x30, in color');
  assert.is(await at.run('terminal dumb'), '80x23, dumb');
  at.type('status --watch\r');
  await at.until('any key ends this');
  at.type('x');
  assert.not.ok((await at.until('cabin> ')).includes('\x1b'));
  at.type('terminal auto\r');
  await at.until('80x23, dumb'); // it did not answer
  at.type('exit\r');
  await at.wake();
  assert.is(await at.run('terminal'), '80x23');
});

session('a PIN opens, wrong ones cost time, and nothing of it is shown', async () => {
  const at = new Typist({ ...PEERS, serial: { pinFile: 'console.pin' } });
  at.folder.writeKey('console.pin', '2468');
  await at.wake('PIN: ');
  at.type('status\r');
  await at.until(/That is not it[\s\S]*PIN: /);
  at.type('2468\r');
  const text = await at.until('cabin> ');
  assert.not.match(text, /2468/);
  at.type('exit\r');
  await at.wake('PIN: ');
  for (let i = 0; i < 3; i++) {
    at.type('0000\r');
    await at.until('That is not it');
  }
  await at.wake(/wait 2 s/);
  assert.equal(at.ran, []);
});

session('a PIN file that is gone lets nobody in', async () => {
  const at = new Typist({ ...PEERS, serial: { pinFile: 'console.pin' } });
  await at.wake(/console\.pin is\s+missing/);
  await at.until('press Enter');
});

session('whoever forgot to leave is asked for the PIN again; nothing is found by Up', async () => {
  const at = new Typist({ ...PEERS, serial: { pinFile: 'console.pin' } });
  at.folder.writeKey('console.pin', '2468');
  await at.wake('PIN: ');
  at.type('2468\rconfig get name\r');
  await at.until('cabin\ncabin> ');
  await at.until('Nobody there: left.');
  await at.wake('PIN: ');
  at.type('2468\r');
  await at.until('cabin> ');
  at.type('\x1b[A\r');
  assert.is(await at.until('cabin> '), '\ncabin> ');
});

session('a damaged kith.json is told, and the console stays', async () => {
  const at = new Typist(PEERS);
  at.folder.writeConfig('{');
  await at.wake('cabin> ');
  assert.match(await at.run('config get name'), /is not right|JSON/);
  at.type('config set \t\t');
  await at.until('\x07');
  assert.equal(at.log, []);
});

session('the wizard makes a mesh, sets what was said, and keeps secrets in files', async () => {
  const at = new Typist();
  await at.wake(/Set it up now, yes or no\? \[yes\] $/);
  for (const [line, next] of [
    ['', 'name [cabin]: '],
    ['?', 'name [cabin]: '],
    ['hut', 'local network [members]: '],
    ['none', 'mesh [none]: '],
    ['new', 'MQTT [own]: '],
    ['mqtt://192.0.2.1', 'user [none]: '],
    ['me', 'password [none]: '],
    ['for the broker', 'PIN [none]: '],
    ['2468', 'PIN again: '],
    ['2468', 'go ahead, yes or no [no]: '],
  ] as const) {
    at.type(`${line}\r`);
    const text = await at.until(next);
    assert.not.match(text, /2468|for the broker/);
  }
  at.type('yes\r');
  assert.match(await at.until('hut> '), /hut is the first node of a new mesh/);
  const { name, mesh, mqtt, serial } = at.store.read();
  assert.equal([name, mesh.discovery.lan, mqtt.url], ['hut', false, 'mqtt://192.0.2.1']);
  assert.equal([mqtt.username, mqtt.passwordFile], ['me', 'mqtt.password']);
  assert.is(serial.pinFile, 'console.pin');
  assert.is(Buffer.from(at.folder.readSecret('console.pin')).toString(), '2468\n');
  assert.is(Buffer.from(at.folder.readSecret('mqtt.password')).toString(), 'for the broker\n');
  at.type('exit\r');
  await at.wake('PIN: ');
});

session('Ctrl-C leaves the wizard for the shell, and nothing was changed', async () => {
  const at = new Typist();
  await at.wake('[yes] ');
  at.type('yes\rhut\r');
  await at.until('local network');
  at.type('\x03');
  await at.until('cabin> ');
  assert.is(at.store.read().name, 'cabin');
  at.type('setup\r');
  await at.until('name [cabin]: ');
});

/** Repeatable bytes: xorshift32. */
function noise(length: number, seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0xff;
    }),
  );
}

session('a megabyte of noise runs nothing, and the console is there afterwards', async () => {
  for (const settings of [{}, PEERS]) {
    const at = new Typist(settings);
    await at.wake(/\[yes\] |> /);
    const before = JSON.stringify(at.store.read());
    let written = 0;
    for (let i = 0; i < 1024; i++) {
      at.session.feed(noise(1024, i + 1));
      if (i % 16 === 0) await pause(1);
      written += at.bytes.length;
      at.bytes = [];
    }
    await pause(200);
    assert.equal(at.ran, []);
    assert.is(JSON.stringify(at.store.read()), before);
    assert.ok(written < 2 ** 20, `${written} bytes of echo`);
    at.bytes = [];
    for (let tries = 0; !at.text.includes('up for'); tries++) {
      if (tries > 10) throw new Error(at.text);
      at.type('\x03\r\x03no\r\x03');
      await pause(400);
      at.type('status\r');
      await pause(100);
    }
    assert.equal(at.log, []);
  }
});

session('a looped cable does not talk to itself for ever', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  let fed = 0;
  const end = Date.now() + 3_000;
  at.type('x\r');
  while (Date.now() < end) {
    const back = Uint8Array.from(at.bytes);
    at.bytes = [];
    fed += back.length;
    at.session.feed(back);
    await pause(5);
  }
  assert.ok(fed < 20_000, `${fed} bytes went round`);
  assert.equal(at.ran, []);
});

const request = (id: number, command: string, given: readonly (readonly [string, Cbor])[] = []) =>
  encodeSlip(
    encode(
      new Map<string, Cbor>([
        ['id', id],
        ['command', command],
        ['arguments', new Map(given)],
      ]),
    ),
  );

/** The answers so far; the hello first. */
function answers(at: Typist): Array<ReadonlyMap<string, Cbor>> {
  const found: Array<ReadonlyMap<string, Cbor>> = [];
  const reader = new SlipReader();
  reader.read(Uint8Array.from(at.bytes), (frame) => {
    const value = decode(frame);
    if (value instanceof Map) found.push(value);
  });
  return found;
}

async function answer(at: Typist, count: number): Promise<ReadonlyMap<string, Cbor>> {
  for (const end = Date.now() + 5_000; Date.now() < end; await pause(5)) {
    const last = answers(at)[count - 1];
    if (last) return last;
  }
  throw new Error(`no answer ${count}`);
}

session('machine mode: entered from the shell or from sleep, and left', async () => {
  const at = new Typist(PEERS);
  await at.wake();
  at.session.feed(Buffer.concat([Buffer.from('\x1b_kith\x1b\\'), request(1, 'status')]));
  const hello = await answer(at, 1);
  assert.equal([hello.get('name'), hello.get('login')], ['cabin', false]);
  const status = (await answer(at, 2)).get('result');
  assert.is(status instanceof Map && status.get('name'), 'cabin');
  at.session.feed(
    request(2, 'config set', [
      ['path', 'listen.port'],
      ['value', 'x'],
    ]),
  );
  assert.match(String((await answer(at, 3)).get('error')), /nothing was changed/);
  at.session.feed(request(3, 'no such'));
  assert.is((await answer(at, 4)).get('error'), 'there is no such command');
  at.session.feed(request(4, 'leave'));
  await answer(at, 5);
  await at.until('cabin> ');
  assert.is(await at.run('config get listen.port'), '51820');
});

session('machine mode asks for the PIN too, with the same patience', async () => {
  const at = new Typist({ ...PEERS, serial: { pinFile: 'console.pin' } });
  at.folder.writeKey('console.pin', '2468');
  await at.until('press Enter');
  at.type('\x1b_kith\x1b\\');
  assert.is((await answer(at, 1)).get('login'), true);
  at.session.feed(request(1, 'status'));
  assert.match(String((await answer(at, 2)).get('error')), /PIN is wanted/);
  for (let i = 0; i < 3; i++) at.session.feed(request(2, 'login', [['pin', '0000']]));
  assert.match(String((await answer(at, 5)).get('error')), /not the PIN/);
  at.session.feed(request(3, 'login', [['pin', '2468']]));
  assert.match(String((await answer(at, 6)).get('error')), /wait 2 s/);
  await pause(2_100);
  at.session.feed(request(4, 'login', [['pin', '2468']]));
  assert.is((await answer(at, 7)).get('result'), null);
  at.session.feed(request(5, 'status'));
  assert.ok((await answer(at, 8)).has('result'));
  assert.equal(at.ran, ['status']);
  // that tool dies; the next one calls, in whatever pieces its bytes arrive, and is a stranger
  for (const piece of ['\x1b_ki', 'th\x1b_kith', '\x1b\\']) at.type(piece);
  assert.is((await answer(at, 9)).get('login'), true);
  at.session.feed(request(6, 'status'));
  assert.match(String((await answer(at, 10)).get('error')), /PIN is wanted/);
});

session.run();
