// needs: mosquitto, mosquitto-clients, openssl
// deadline: 120
//
// The link to real brokers: TLS, passwords, access rules, restarts, old versions.

import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Broker } from '../../../agent/control/broker/broker.js';
import { makeCertificates } from './certificates.js';
import { freePort, Mosquitto, stopAll, until } from './mosquitto.js';
import { NODE, ROOT, stopNodes, TestNode } from './node.js';

const PASSWORD = 'correct horse battery';
const links = suite('control/mqtt/link');

links.after.each(async () => {
  await stopNodes();
  stopAll();
});

function addUser(folder: string, name: string): void {
  const file = `${folder}/passwords`;
  execFileSync('mosquitto_passwd', ['-b', file, name, PASSWORD]);
}

/** A broker with a password file and the access rules that the README shows. */
function guarded(
  more: readonly string[] = [],
  prepare: (folder: string) => void = () => {},
): Promise<Mosquitto> {
  const settings = ['password_file FOLDER/passwords', 'acl_file FOLDER/acl', ...more];
  return Mosquitto.start(settings, (folder) => {
    prepare(folder);
    writeFileSync(`${folder}/passwords`, '');
    for (const name of [NODE, 'dashboard']) addUser(folder, name);
    const rules = [
      'pattern readwrite kith/%u/#',
      'pattern write homeassistant/device/kith_%u/config',
      'pattern read homeassistant/status',
      'user dashboard',
      'topic read kith/+/#',
      'topic read homeassistant/#',
      'topic write kith/+/config/set',
      'topic write kith/+/command/+',
    ];
    writeFileSync(`${folder}/acl`, `${rules.join('\n')}\n`);
  });
}

function settingsFor(node: string): Record<string, unknown> {
  return { username: node, passwordFile: 'mqtt.password' };
}

const TLS = ['certfile FOLDER/server.pem', 'keyfile FOLDER/server.key', 'cafile FOLDER/ca.pem'];
const login = ['-u', 'dashboard', '-P', PASSWORD];

links('password and access rules, with a dashboard of its own', async () => {
  const broker = await guarded();
  const node = new TestNode({ url: broker.url, ...settingsFor(NODE) });
  node.folder.writeSecret('mqtt.password', Buffer.from(`${PASSWORD}\n`));
  const mqtt = node.start();
  await until(() => mqtt.view().connected, 'it is connected');
  assert.is(mqtt.view().protocol, 'MQTT 5');
  assert.equal([mqtt.view().refused, node.log.filter((line) => /cannot/.test(line))], [0, []]);
  const ear = await broker.listen([`${ROOT}/#`], ...login);
  broker.publish(`${ROOT}/command/status`, '{"id": 1}', ...login);
  await until(() => ear.last(`${ROOT}/command/result`), 'an answer');
});

links('a wrong password is said so, and the right one is taken up from its file', async () => {
  const broker = await guarded();
  const node = new TestNode({ url: broker.url, ...settingsFor(NODE) });
  node.folder.writeSecret('mqtt.password', Buffer.from('wrong\n'));
  const mqtt = node.start();
  await until(() => mqtt.view().reason ?? undefined, 'a reason');
  assert.match(String(mqtt.view().reason), /refuses the user name or password|does not allow/);
  assert.not.match(node.log.join(), /wrong/);
  node.folder.writeSecret('mqtt.password', Buffer.from(`${PASSWORD}\n`));
  await until(() => mqtt.view().connected, 'it is connected');
});

links('what the access rules refuse is said, and the rest works', async () => {
  const broker = await guarded();
  const node = new TestNode({ url: broker.url, username: 'dashboard', passwordFile: 'p' });
  node.folder.writeSecret('p', Buffer.from(PASSWORD));
  const mqtt = node.start();
  await until(() => mqtt.view().refused > 3, 'refusals are counted');
  assert.ok(mqtt.view().connected);
});

links('TLS with a CA and a client certificate', async () => {
  const rest = ['require_certificate true', 'use_identity_as_username true'];
  const broker = await Mosquitto.start([...TLS, ...rest], makeCertificates);
  const files = { caFile: 'ca.pem', certificateFile: 'client.pem', keyFile: 'client.key' };
  const url = `mqtts://127.0.0.1:${broker.port}`;
  const node = new TestNode({ url, ...files });
  for (const file of ['ca.pem', 'client.pem'])
    copyFileSync(broker.file(file), node.folder.file(file));
  const { readFileSync } = await import('node:fs');
  node.folder.writeSecret('client.key', readFileSync(broker.file('client.key')));
  const mqtt = node.start();
  await until(() => mqtt.view().connected, 'it is connected');

  const stranger = new TestNode({ url });
  const other = stranger.start();
  await until(() => other.view().reason ?? undefined, 'a reason');
  assert.match(String(other.view().reason), /nobody known signed its certificate|self-signed/);
});

links('MQTT over WebSocket', async () => {
  const settings = { enabled: 'on', reach: 'loopback', port: 0, webSocketPort: 0 } as const;
  const password = Buffer.from(PASSWORD);
  const broker = new Broker({
    settings,
    password,
    addresses: ['127.0.0.1'],
    onAwake: () => {},
    log: () => {},
  });
  await broker.start();
  const url = `ws://127.0.0.1:${broker.view().webSocketPort}/mqtt`;
  const node = new TestNode({ url, username: 'kith', passwordFile: 'p' });
  node.folder.writeSecret('p', password);
  const mqtt = node.start();
  await until(() => mqtt.view().connected, 'it is connected');
  assert.is(mqtt.view().protocol, 'MQTT 3.1.1');
  await node.stop();
  await broker.stop();
});

links('a broker that knows 3.1.1 alone', async () => {
  const { Aedes } = await import('aedes');
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const states: string[] = [];
  aedes.subscribe(
    `${ROOT}/state`,
    ({ payload }, done) => {
      states.push(String(payload));
      done();
    },
    () => {},
  );
  const node = new TestNode({ url: `mqtt://127.0.0.1:${port}` });
  const mqtt = node.start();
  await until(() => mqtt.view().connected, 'it is connected');
  assert.is(mqtt.view().protocol, 'MQTT 3.1.1');
  assert.equal(states, ['online']);
  for (const socket of sockets) socket.destroy();
  await until(() => mqtt.view().connects === 2, 'it came back');
  assert.equal(states, ['online', 'offline', 'online']);
  await node.stop();
  aedes.close();
  server.close();
});

links(
  'with TLS, password and rules, killed again and again under load: no state lost',
  async () => {
    const broker = await guarded(TLS, makeCertificates);
    const url = `mqtts://127.0.0.1:${broker.port}`;
    const node = new TestNode({ url, ...settingsFor(NODE), caFile: 'ca.pem' });
    node.folder.writeSecret('mqtt.password', Buffer.from(PASSWORD));
    copyFileSync(broker.file('ca.pem'), node.folder.file('ca.pem'));
    const mqtt = node.start();
    await until(() => mqtt.view().connected, 'it is connected');
    for (let round = 0; round < 2; round++) {
      const load = setInterval(() => {
        node.status = { ...node.status, name: `cabin-${Math.floor(performance.now())}` };
        node.mqtt?.poke();
      }, 20);
      await pause(200);
      await broker.restart(); // it kept nothing
      const connects = mqtt.view().connects;
      await until(() => mqtt.view().connects > connects, 'it came back');
      await pause(200);
      clearInterval(load);
    }
    node.status = { ...node.status, name: 'last' };
    node.mqtt?.poke();
    await pause(400);
    const ca = ['--cafile', broker.file('ca.pem')];
    const late = await broker.listen([`${ROOT}/#`, 'homeassistant/#'], ...login, ...ca);
    const lastName = () => JSON.parse(late.last(`${ROOT}/status`) ?? '{}').name === 'last';
    await until(lastName, 'the newest status');
    assert.is(late.last(`${ROOT}/state`), 'online');
    assert.ok(late.last(`${ROOT}/config`));
    assert.ok(late.last(`homeassistant/device/kith_${NODE}/config`));
  },
);

links('nobody there: it goes on trying, and says why', async () => {
  const port = await freePort();
  const node = new TestNode({ url: `mqtt://127.0.0.1:${port}` });
  const mqtt = node.start();
  await until(() => mqtt.view().reason ?? undefined, 'a reason');
  assert.is(mqtt.view().reason, `127.0.0.1:${port}: nobody listens there`);
  await pause(100);
  assert.is(node.log.filter((line) => line.includes('nobody listens')).length, 1);
});

links.run();
