// needs: mosquitto, mosquitto-clients
// deadline: 120
//
// Whatever is thrown at a node: each message is answered or counted, memory is bounded, and it
// still does what is right.

import mqtt from 'mqtt';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Mosquitto, stopAll, until } from './mosquitto.js';
import { ROOT, stopNodes, TestNode } from './node.js';

const MESSAGES = 10_000;
const MIB = 1024 * 1024;

const garbage = suite('control/mqtt/garbage');

garbage.after.each(async () => {
  await stopNodes();
  stopAll();
});

/** Repeatable: the same junk in every run. */
function junk(i: number): string | Buffer {
  const kinds: (string | Buffer)[] = [
    '{',
    'null',
    '[]',
    '5',
    '"x"',
    '\u0000\u0001',
    Buffer.from([0xff, 0xfe, i & 0xff]),
    '{"id": {}, "arguments": []}',
    '{"arguments": {"path": 5}}',
    '{"patch": {"listen": {"port": "x"}}}',
    '{"signed": "AAAA"}',
    '{"answer": 5}',
    '{"confirm": -1}',
    `{"x": ${'['.repeat(1000)}`,
    `{"${'k'.repeat(500)}": ${i}}`,
  ];
  return kinds[i % kinds.length] ?? '';
}

const topics = ['config/set', 'command/status', 'command/config-get', 'command/x', 'command/up'];

garbage('10,000 messages of garbage: each is answered or counted', async () => {
  const broker = await Mosquitto.start(['allow_anonymous true', 'max_queued_messages 0']);
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const before = JSON.stringify(node.store.read());
  const foreign = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
  const start = link.view().received;
  const rss = process.memoryUsage.rss();
  for (let i = 0; i < MESSAGES; i += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, k) => {
        const topic = `${ROOT}/${topics[(i + k) % topics.length]}`;
        return foreign.publishAsync(topic, junk(i + k), { qos: 1 });
      }),
    );
  await until(() => link.view().received - start >= MESSAGES, 'all have come');
  const counted = () => link.view().answered + link.view().unanswered;
  await until(() => counted() >= MESSAGES, 'each is answered or counted');
  assert.is(counted(), MESSAGES);
  const { answered } = link.view();
  assert.ok(answered > MESSAGES / 20, `${answered} answered`);
  assert.ok(process.memoryUsage.rss() - rss < 80 * MIB);
  assert.is(JSON.stringify(node.store.read()), before);
  const ear = await broker.listen([`${ROOT}/command/result`]);
  broker.publish(`${ROOT}/command/status`, '{"id": "still here"}');
  await until(() => ear.last(`${ROOT}/command/result`)?.includes('still here'), 'it answers');
  await foreign.endAsync();
});

garbage('payloads of a megabyte are answered and not kept', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const ear = await broker.listen([`${ROOT}/+/result`]);
  const foreign = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
  for (let i = 0; i < 20; i++)
    await foreign.publishAsync(`${ROOT}/config/set`, Buffer.alloc(MIB, '{'), { qos: 1 });
  await until(() => ear.heard.length === 20, 'an answer to each');
  assert.match(ear.heard[0]?.text ?? '', /more than 262144 bytes/);
  await foreign.endAsync();
});

garbage('a packet that is too large to hold ends the connection, not the node', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const foreign = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
  await foreign.publishAsync(`${ROOT}/config/set`, Buffer.alloc(3 * MIB, '{'), { qos: 1 });
  const ear = await broker.listen([`${ROOT}/command/result`]);
  const ask = () => broker.publish(`${ROOT}/command/status`, '{}');
  ask();
  await until(() => ear.heard.length > 0 || (link.view().connects > 1 && ask()), 'it answers');
  await foreign.endAsync();
});

garbage('a command that lies retained is not done again and again', async () => {
  const broker = await Mosquitto.start();
  broker.publish(`${ROOT}/config/set`, '{"name": "hut"}', '-r');
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().ignored === 1, 'it is counted');
  assert.is(node.store.read().name, 'cabin');
});

garbage.run();
