// needs: mosquitto-clients
// deadline: 60

import { spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import { duplexPair } from 'node:stream';
import mqtt, { type MqttClient } from 'mqtt';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Broker } from '../../agent/control/broker/broker.js';
import { PAYLOAD_BYTES_MAX, RETAINED_MAX } from '../../agent/control/broker/room.js';
import { freePort, until } from './mqtt/mosquitto.js';
import { ROOT, stopNodes, TestNode } from './mqtt/node.js';

const password = Buffer.from('correct horse');
const open: { stop(): unknown }[] = [];

async function start(parts: { port?: number; webSocketPort?: number | null } = {}) {
  const node = new TestNode({}, { interface: { addresses: ['10.7.0.1/24'] } });
  const settings = { enabled: 'on', reach: 'loopback', port: 0, webSocketPort: null } as const;
  const broker: Broker = new Broker({
    settings: { ...settings, ...parts },
    password,
    addresses: ['127.0.0.1'],
    onAwake: () => node.mqtt?.brokerChanged(),
    log: () => {},
  });
  await broker.start();
  open.push(broker);
  node.start({ ownBroker: () => broker.dial() });
  return { broker, node };
}

type Client = MqttClient & { heard: [string, string][] };

/** mqtt.js as a foreign client, over TCP, WebSocket, or a stream. */
async function client(url: string, options: mqtt.IClientOptions = {}): Promise<Client> {
  const login = { username: 'kith', password, reconnectPeriod: 0, protocolVersion: 4 } as const;
  const one = Object.assign(mqtt.connect(url, { ...login, ...options }), { heard: [] }) as Client;
  open.push({ stop: () => one.end(true) });
  one.on('message', (topic, payload) => one.heard.push([topic, payload.toString()]));
  one.on('error', () => {});
  await Promise.race([
    once(events(one), 'connect'),
    once(events(one), 'error').then(([error]) => {
      throw error;
    }),
  ]);
  return one;
}

/** mqtt.js types its events in a way of its own. */
const events = (one: MqttClient) => one as unknown as EventEmitter;

const closing = (one: MqttClient) => new Promise((resolve) => one.once('close', () => resolve(0)));

const broker = suite('control/broker');

broker.after.each(async () => {
  await stopNodes();
  for (const one of open.splice(0)) await one.stop();
});

broker('it sleeps until somebody comes, and then the agent is there', async () => {
  const { broker } = await start();
  assert.equal([broker.view().awake, broker.dial()], [false, undefined]);
  const one = await client(`mqtt://127.0.0.1:${broker.view().port}`);
  await one.subscribeAsync(`${ROOT}/#`);
  const said = () => one.heard.find(([topic]) => topic === `${ROOT}/state`)?.[1];
  assert.is(await until(said, 'the agent says that it is there'), 'online');
  await one.publishAsync(`${ROOT}/command/status`, '{"id": 3}');
  const answered = () => one.heard.find(([topic]) => topic === `${ROOT}/command/result`)?.[1];
  assert.is(JSON.parse(await until(answered, 'an answer')).result.name, 'cabin');
  assert.ok(broker.view().awake);
});

broker('mosquitto_pub and mosquitto_sub speak with it', async () => {
  const { broker } = await start();
  const login = ['-p', String(broker.view().port), '-u', 'kith', '-P', String(password)];
  const args = [...login, '-t', `${ROOT}/state`, '-C', '1', '-W', '10'];
  const child = spawn('mosquitto_sub', args, { stdio: 'pipe' });
  open.push({ stop: () => child.kill('SIGKILL') });
  let heard = '';
  child.stdout.on('data', (text) => (heard += text));
  await once(child, 'exit');
  assert.is(heard, 'online\n');
});

broker('without the password nobody comes in', async () => {
  const { broker } = await start();
  const url = `mqtt://127.0.0.1:${broker.view().port}`;
  for (const options of [
    { password: 'wrong' },
    { username: 'root' },
    { username: '', password: '' },
  ]) {
    const error = await client(url, options).catch((refused: Error) => refused);
    assert.match(String(error), /refused/i);
  }
});

broker('a port that is taken is not fought for', async () => {
  const port = await freePort();
  const other = createServer();
  other.listen(port, '127.0.0.1');
  await once(other, 'listening');
  open.push({ stop: () => other.close() });
  const { broker } = await start({ port });
  assert.ok(broker.view().port > port && broker.view().port < port + 16);
});

broker('MQTT over WebSocket', async () => {
  const { broker } = await start({ webSocketPort: 0 });
  const one = await client(`ws://127.0.0.1:${broker.view().webSocketPort}`);
  await one.subscribeAsync(`${ROOT}/state`);
  await until(() => one.heard.length > 0, 'the agent says that it is there');
});

broker('who logged in elsewhere may do everything, and alone hears the answer', async () => {
  const { broker } = await start();
  const ear = await client(`mqtt://127.0.0.1:${broker.view().port}`);
  await ear.subscribeAsync('#');
  const [ours, theirs] = duplexPair();
  broker.accept(theirs, true);
  const trusted = Object.assign(
    new mqtt.MqttClient(() => ours as never, { protocolVersion: 4, reconnectPeriod: 0 }),
    { heard: [] as [string, string][] },
  );
  open.push({ stop: () => trusted.end(true) });
  trusted.on('message', (topic, payload) => trusted.heard.push([topic, payload.toString()]));
  await once(events(trusted), 'connect');
  await trusted.publishAsync(`${ROOT}/command/guest-add`, '{"arguments": {"name": "phone"}}');
  const [, text] = await until(() => trusted.heard[0], 'an answer');
  const answer = JSON.parse(text);
  assert.is(answer.ok, true, text);
  assert.match(JSON.stringify(answer.result), /PrivateKey/);
  assert.not.match(JSON.stringify(ear.heard), /PrivateKey/);
});

broker('what clients can make it keep is bounded', async () => {
  const { broker } = await start();
  const url = `mqtt://127.0.0.1:${broker.view().port}`;
  const one = await client(url, { clean: false, clientId: 'keeps' });
  assert.is(
    (one as unknown as { connackPacket?: { sessionPresent: boolean } }).connackPacket
      ?.sessionPresent ?? false,
    false,
  );
  const big = await client(url);
  const closed = closing(big);
  big.publish('x', Buffer.alloc(PAYLOAD_BYTES_MAX + 2048));
  await closed;
  const many = await client(url);
  const gone = closing(many);
  for (let i = 0; i <= RETAINED_MAX; i++) many.publish(`t/${i}`, 'x', { retain: true });
  await gone; // one topic too many
});

broker.run();
