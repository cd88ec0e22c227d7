// needs: mosquitto, mosquitto-clients
// deadline: 120
//
// Changes that come over the broker and could cut it off.

import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, Mosquitto, stopAll, until } from './mosquitto.js';
import { ROOT, stopNodes, TestNode } from './node.js';

const afar = suite('control/mqtt/afar');

afar.after.each(async () => {
  await stopNodes();
  stopAll();
});

async function setUp() {
  const broker = await Mosquitto.start();
  const ear = await broker.listen([`${ROOT}/#`]);
  const node = new TestNode({ url: broker.url, confirmSeconds: 5 });
  const mqtt = node.start();
  await until(() => mqtt.view().connected, 'it is connected');
  const results = () => ear.objects(`${ROOT}/config/result`);
  const set = (patch: object) => broker.publish(`${ROOT}/config/set`, JSON.stringify(patch));
  return { broker, ear, node, mqtt, results, set };
}

afar('a change that cuts the broker off is answered, then takes itself back', async () => {
  const { broker, node, mqtt, results, set } = await setUp();
  const url = `mqtt://127.0.0.1:${await freePort()}`;
  set({ id: 1, patch: { mqtt: { url }, listen: { port: 5 } } });
  await until(() => results().length === 1, 'the answer on the old broker');
  assert.equal(results()[0], { id: 1, ok: true, restart: [], pending: 5 });
  await until(() => !mqtt.view().connected, 'it left');
  assert.is(node.store.read().mqtt.url, url);
  await pause(500);
  await until(() => mqtt.view().connected, 'it is back');
  assert.is(node.store.read().mqtt.url, broker.url);
  assert.is(node.store.read().listen.port, 51820);
  await until(() => results().length === 2, 'what became of it');
  assert.equal([results()[1]?.id, results()[1]?.ok], [1, false]);
  assert.match(String(results()[1]?.error), /taken back/);
});

afar('nobody says that it is good before the broker was reached by it', async () => {
  const { broker, ear, node, mqtt, set } = await setUp();
  set({ patch: { mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` } }, confirm: 5 });
  broker.publish(`${ROOT}/command/config-confirm`, '{}');
  const said = await until(() => ear.last(`${ROOT}/command/result`), 'an answer');
  assert.match(said, /"ok":false.*not yet: first the broker/);
  await until(() => !mqtt.view().connected, 'it left');
  await until(() => mqtt.view().connected, 'it is back');
  assert.is(node.store.read().mqtt.url, broker.url);
});

afar('a change to a broker that is there is kept', async () => {
  const { node, mqtt, results, set } = await setUp();
  const other = await Mosquitto.start();
  const ear = await other.listen([`${ROOT}/#`]);
  set({ id: 2, patch: { mqtt: { url: other.url } } });
  await until(() => ear.last(`${ROOT}/state`) === 'online', 'it is on the other broker');
  await until(() => node.changes.pending() === null, 'it is confirmed');
  assert.is(results()[0]?.pending, 5);
  await until(() => ear.last(`${ROOT}/config/result`), 'what became of it');
  const end = JSON.parse(ear.last(`${ROOT}/config/result`) ?? '');
  assert.equal([end.id, end.ok, end.pending], [2, true, 0]);
  await pause(200);
  assert.is(node.store.read().mqtt.url, other.url);
  assert.ok(mqtt.view().connected);
});

afar('switching MQTT off by MQTT takes itself back too', async () => {
  const { node, mqtt, set } = await setUp();
  set({ mqtt: { enabled: false } });
  await until(() => !mqtt.view().connected, 'it is off');
  await until(() => mqtt.view().connected, 'it is back');
  assert.ok(node.store.read().mqtt.enabled);
});

afar(
  'a change with a confirmation of its own waits for it, whatever the connection does',
  async () => {
    const { broker, node, mqtt, results, set } = await setUp();
    set({ patch: { name: 'hut' }, confirm: 60 });
    await until(() => results().length === 1, 'the answer');
    assert.is(results()[0]?.pending, 60);
    await broker.restart();
    await until(() => mqtt.view().connects === 2, 'it is back');
    assert.ok((node.changes.pending() ?? 0) > 50);
    await node.changes.takeBack();
    assert.is(node.store.read().name, 'cabin');
  },
);

afar.run();
