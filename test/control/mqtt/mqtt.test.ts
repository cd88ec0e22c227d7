// needs: mosquitto, mosquitto-clients
// deadline: 120

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from '../../../agent/commands/label.js';
import { KEY_B } from '../../config/samples.js';
import { Mosquitto, stopAll, until } from './mosquitto.js';
import { peer, ROOT, status, stopNodes, TestNode } from './node.js';

const mqtt = suite('control/mqtt');

mqtt.after.each(async () => {
  await stopNodes();
  stopAll();
});

/** A broker, a node on it, and an ear for everything of the node. */
async function setUp(settings: Record<string, unknown> = {}) {
  const broker = await Mosquitto.start();
  const ear = await broker.listen(['#']);
  const node = new TestNode({ url: broker.url, ...settings });
  node.start();
  await until(() => ear.last(`${ROOT}/state`) === 'online', 'it is online');
  const answer = async (topic: string, payload: string, result: string) => {
    const before = ear.on(`${ROOT}/${result}`).length;
    broker.publish(`${ROOT}/${topic}`, payload);
    return until(() => ear.objects(`${ROOT}/${result}`)[before], `an answer to ${topic}`);
  };
  const end = async () => {
    await node.stop();
    ear.stop();
    await broker.stop();
  };
  return { broker, ear, node, answer, end };
}

mqtt('it says that it is there, how it is and what it is set to, and that it goes', async () => {
  const { ear, broker, node, end } = await setUp();
  const publicKey = KEY_B;
  node.status = status([peer({ name: 'phone', publicKey })]);
  node.mqtt?.poke();
  const topic = `${ROOT}/peer/${labelOf(KEY_B)}`;
  const report = JSON.parse(await until(() => ear.last(topic), 'its peer'));
  assert.is(report.name, 'phone');
  assert.is(report.connected, true);
  assert.is(report.path.rttMs, 12);
  assert.not.match(JSON.stringify(ear.heard), /192\.0\.2\.7/); // where a peer is
  const late = await broker.listen([`${ROOT}/#`]);
  await until(() => late.heard.length >= 4, 'what was retained');
  assert.ok(late.heard.every(({ retained }) => retained));
  const said = JSON.parse(late.last(`${ROOT}/status`) ?? '');
  assert.equal([said.name, said.dropped], ['cabin', 5]);
  assert.equal(said.peers, { total: 1, connected: 1, direct: 1, relayed: 0 });
  assert.is(JSON.parse(late.last(`${ROOT}/config`) ?? '').listen.port, 51820);
  node.status = status();
  node.mqtt?.poke();
  await until(() => ear.last(topic) === '', 'the peer is gone');
  late.stop();
  await end();
  assert.is(ear.last(`${ROOT}/state`), 'offline');
});

mqtt('its last will says that it is gone', async () => {
  const { ear, broker, node, end } = await setUp();
  broker.publish('x', 'x');
  // What the kernel does to the connections of a process that was killed.
  const link = (
    node.mqtt as unknown as {
      session: { link: { wire: { client: { stream: { destroy(): void } } } } };
    }
  ).session.link;
  link.wire.client.stream.destroy();
  await until(() => ear.on(`${ROOT}/state`).some(({ text }) => text === 'offline'), 'the will');
  await until(() => ear.last(`${ROOT}/state`) === 'online', 'it came back');
  await end();
});

mqtt('commands are done and answered, with their id', async () => {
  const { answer, end } = await setUp();
  const ask = (name: string, payload: string) =>
    answer(`command/${name}`, payload, 'command/result');
  const got = await ask('status', '{"id": "a7"}');
  assert.equal([got.id, got.ok, got.command], ['a7', true, 'status']);
  assert.is((got.result as { name: string }).name, 'cabin');
  const value = await ask('config-get', '{"id": 5, "arguments": {"path": "listen.port"}}');
  assert.equal([value.id, value.result], [5, 51820]);
  assert.ok((await ask('peers', '')).ok);
  const wrong = await ask('config-get', '{"arguments": {"pat": 1}}');
  assert.equal(wrong.problems, ['pat: is unknown']);
  assert.match(String((await ask('nonsense', '{}')).error), /there is no command "nonsense"/);
  assert.match(String((await ask('up', '{}')).error), /command line only/);
  assert.match(String((await ask('status', '{')).error), /not a JSON object/);
  await end();
});

mqtt('an answer goes where it is wanted, but not where nodes take orders', async () => {
  const { answer, ear, broker, end } = await setUp();
  broker.publish(`${ROOT}/command/status`, '{"id": 1, "answer": "my/inbox"}');
  await until(() => ear.last('my/inbox'), 'the answer');
  for (const topic of ['kith/other/command/status', 'homeassistant/x', 'a/#', '$SYS/x']) {
    const given = JSON.stringify({ answer: topic });
    const got = await answer('command/status', given, 'command/result');
    assert.match(String(got.notes), /must not be/);
    assert.is(ear.on(topic).filter(({ text }) => text.includes('result')).length, 0);
  }
  await end();
});

mqtt('settings change by merge patch; all problems come back', async () => {
  const { answer, ear, node, end } = await setUp();
  const set = (payload: string) => answer('config/set', payload, 'config/result');
  assert.equal(await set('{"listen": {"port": 777}}'), { id: null, ok: true, restart: [] });
  assert.is(node.store.read().listen.port, 777);
  await until(() => JSON.parse(ear.last(`${ROOT}/config`) ?? '').listen.port === 777, 'reported');
  const bad = await set('{"id": 9, "patch": {"name": "No Good", "listen": {"port": -1}}}');
  assert.equal([bad.id, bad.ok], [9, false]);
  assert.is((bad.problems as string[]).length, 2);
  assert.match(String(bad.problems), /listen.port: must be a whole number/);
  assert.is(node.store.read().name, 'cabin');
  await end();
});

mqtt('what is privileged is refused without a signature, whichever way it comes', async () => {
  const { answer, node, end } = await setUp();
  const before = JSON.stringify(node.store.read());
  const refused = async (topic: string, payload: object, problem: RegExp) => {
    const result = topic === 'config/set' ? 'config/result' : 'command/result';
    const got = await answer(topic, JSON.stringify(payload), result);
    assert.is(got.ok, false);
    assert.match(JSON.stringify(got), problem);
  };
  await refused('config/set', { mqtt: { privileged: 'open' } }, /mqtt.privileged: is privileged/);
  await refused(
    'config/set',
    { mqtt: { passwordFile: 'identity' } },
    /passwordFile: is privileged/,
  );
  await refused('config/set', { peers: [{ name: 'x', publicKey: KEY_B }] }, /peers: is privileged/);
  const value = { path: 'mqtt.privileged', value: 'open' };
  await refused('command/config-set', { arguments: value }, /is privileged/);
  await refused('command/guest-add', { arguments: { name: 'x' } }, /privileged: it takes an admin/);
  await refused('command/guest-add', { signed: 'AAAA' }, /knows no admin/);
  assert.is(JSON.stringify(node.store.read()), before);
  await end();
});

mqtt('where one may only look, nothing changes', async () => {
  const { answer, node, end } = await setUp({ allow: 'look' });
  const got = await answer('config/set', '{"name": "hut"}', 'config/result');
  assert.match(String(got.error), /only look/);
  assert.ok((await answer('command/status', '', 'command/result')).ok);
  assert.is(node.store.read().name, 'cabin');
  await end();
});

mqtt.run();
