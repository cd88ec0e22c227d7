// needs: mosquitto, mosquitto-clients
// deadline: 60

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from '../../agent/commands/label.js';
import { MqttRendezvous, SEALED_BYTES_MAX } from '../../agent/discovery/mqtt.js';
import { KEY_A, KEY_B } from '../config/samples.js';
import { Mosquitto, stopAll, until } from '../control/mqtt/mosquitto.js';
import { stopNodes, TestNode } from '../control/mqtt/node.js';

type Heard = { topic: number; sealed: Uint8Array };
const topicOf = (byte: number) => new Uint8Array(32).fill(byte);
const nameOf = (byte: number) =>
  `kith/rendezvous/${Buffer.from(topicOf(byte)).toString('base64url')}`;

async function member(broker: Mosquitto, publicKey: string) {
  const node = new TestNode({ url: broker.url });
  const link = node.start({ publicKey });
  await until(() => link.view().connected, 'it is connected');
  const heard: Heard[] = [];
  const rendezvous = new MqttRendezvous(link, 'kith', (topic, sealed) =>
    heard.push({ topic: topic[0] ?? 0, sealed }),
  );
  return { link, rendezvous, heard };
}

const mqtt = suite('discovery/mqtt');

mqtt.after.each(async () => {
  await stopNodes();
  stopAll();
});

mqtt('members find what others left, even after the broker forgot it', async () => {
  assert.not.equal(labelOf(KEY_A), labelOf(KEY_B));
  const broker = await Mosquitto.start();
  const [first, second] = [await member(broker, KEY_A), await member(broker, KEY_B)];
  const sealed = crypto.getRandomValues(new Uint8Array(2000));
  first.rendezvous.publish(topicOf(1), sealed);
  second.rendezvous.watch([topicOf(1), topicOf(2)]);
  await until(() => second.heard.length > 0, 'it was heard');
  assert.equal(second.heard[0], { topic: 1, sealed });
  second.heard.length = 0;

  await broker.restart();
  await until(() => second.link.view().connects === 2 && second.heard.length > 0, 'again');

  const ear = await broker.listen(['kith/rendezvous/#']);
  first.rendezvous.publish(topicOf(2), sealed); // another epoch
  await until(() => second.heard.some(({ topic }) => topic === 2), 'the new one');
  await until(() => ear.last(nameOf(1)) === '', 'the old one is taken away');
});

mqtt('members that are none any more are not heard, and junk neither', async () => {
  const broker = await Mosquitto.start();
  const { rendezvous, heard } = await member(broker, KEY_A);
  rendezvous.watch([topicOf(1), topicOf(2)]);
  broker.publish(nameOf(1), Buffer.alloc(SEALED_BYTES_MAX + 1), '-r');
  broker.publish(nameOf(2), 'x', '-r');
  await until(() => heard.length === 1, 'the good one');
  await until(() => rendezvous.dropped === 1, 'the bad one is counted');
  rendezvous.watch([topicOf(1)]);
  broker.publish(nameOf(2), 'y');
  broker.publish(nameOf(1), 'z');
  await until(() => heard.length === 2, 'another');
  assert.is(heard[1]?.topic, 1);
});

mqtt.run();
