// needs: mosquitto, mosquitto-clients
// deadline: 60
//
// The discovery message by Home Assistant's rules (its MQTT integration: discovery, schemas of the
// platforms), and when it is sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../../agent/commands/registry.js';
import {
  discoveryPayload,
  discoveryTopic,
  PEERS_MAX,
} from '../../../agent/control/mqtt/homeassistant.js';
import { Topics } from '../../../agent/control/mqtt/topics.js';
import { config, KEY_B } from '../../config/samples.js';
import { Mosquitto, stopAll, until } from './mosquitto.js';
import { NODE, peer, ROOT, status, stopNodes, TestNode } from './node.js';

type Component = Readonly<Record<string, unknown>>;
type Payload = Readonly<{
  dev: Component;
  o: Component;
  availability: readonly { topic: string }[];
  cmps: Readonly<Record<string, Component>>;
}>;

/** What a platform cannot do without. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  sensor: ['state_topic'],
  binary_sensor: ['state_topic'],
  switch: ['command_topic', 'state_topic'],
  number: ['command_topic', 'state_topic'],
  button: ['command_topic'],
};
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  sensor: ['data_rate', 'data_size', 'timestamp', 'duration', 'enum'],
  binary_sensor: ['connectivity'],
};
/** Units that a class allows. */
const UNITS: Readonly<Record<string, readonly unknown[]>> = {
  data_rate: ['B/s'],
  data_size: ['B'],
  duration: ['ms', 's'],
  timestamp: [undefined],
  enum: [undefined],
};

const topics = new Topics('kith', NODE);

function payload(parts: Partial<Parameters<typeof discoveryPayload>[0]> = {}): Payload {
  const commands = COMMANDS.map(({ name }) => name);
  const announced = new Map<string, string>();
  const all = { topics, status: status(), config: config(), commands, announced, ...parts };
  return discoveryPayload(all) as unknown as Payload;
}

/** Everything that Home Assistant would complain about. */
function complaints({ dev, o, availability, cmps }: Payload): string[] {
  const found: string[] = [];
  if (!Array.isArray(dev.identifiers) || dev.identifiers.length === 0) found.push('no identifiers');
  if (typeof o.name !== 'string') found.push('no origin');
  if (availability.some(({ topic }) => topic !== `${ROOT}/state`)) found.push('availability');
  const unique = new Set<unknown>();
  for (const [id, component] of Object.entries(cmps)) {
    const { p, unique_id, device_class, unit_of_measurement, entity_category } = component;
    const platform = String(p);
    if (!/^[a-zA-Z0-9_-]+$/.test(id)) found.push(`${id}: bad id`);
    if (Object.keys(component).length === 1) continue; // to be taken away
    for (const key of REQUIRED[platform] ?? [`platform ${platform}`])
      if (typeof component[key] !== 'string') found.push(`${id}: lacks ${key}`);
    if (unique.has(unique_id) || typeof unique_id !== 'string') found.push(`${id}: unique_id`);
    unique.add(unique_id);
    if (device_class !== undefined) {
      if (!CLASSES[platform]?.includes(String(device_class))) found.push(`${id}: class`);
      const units = UNITS[String(device_class)];
      if (units && !units.includes(unit_of_measurement)) found.push(`${id}: unit`);
    }
    if (entity_category === 'config' && /sensor/.test(platform)) found.push(`${id}: category`);
    if (entity_category === 'diagnostic' && !/sensor/.test(platform)) found.push(`${id}: category`);
    for (const [key, value] of Object.entries(component))
      if (key.endsWith('_topic') && !String(value).startsWith(`${ROOT}/`))
        found.push(`${id}: ${key}`);
  }
  return found;
}

const ha = suite('control/mqtt/homeassistant');

ha.after.each(async () => {
  await stopNodes();
  stopAll();
});

ha('a lone node has its entities, by the rules', () => {
  const lone = payload();
  assert.equal(complaints(lone), []);
  assert.ok(Object.keys(lone.cmps).length >= 8);
  assert.ok(lone.cmps.config_rollback && lone.cmps.relay);
  assert.match(
    discoveryTopic('homeassistant', topics),
    /^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/,
  );
  assert.is(payload({ commands: [] }).cmps.config_rollback, undefined);
});

ha('a peer has path, round trip, throughput, handshake', () => {
  const withPeer = payload({ status: status([peer({ name: 'phone', publicKey: KEY_B })]) });
  assert.equal(complaints(withPeer), []);
  const of = Object.values(withPeer.cmps).filter(({ name }) => String(name).startsWith('phone '));
  assert.is(of.length, 6);
});

ha('many peers do not bury a home, and what is gone is taken away', () => {
  const key = (i: number) => Buffer.alloc(32, i + 1).toString('base64');
  const peers = Array.from({ length: 100 }, (_, i) => peer({ name: `p${i}`, publicKey: key(i) }));
  const many = payload({ status: status(peers) });
  const lone = Object.keys(payload().cmps).length;
  assert.is(Object.keys(many.cmps).length, lone + 6 * PEERS_MAX);
  assert.ok(JSON.stringify(many).length < 128 * 1024);
  const announced = new Map(Object.entries(many.cmps).map(([id, { p }]) => [id, String(p)]));
  const fewer = payload({ announced });
  const gone = Object.values(fewer.cmps).filter((one) => Object.keys(one).length === 1);
  assert.is(gone.length, 6 * PEERS_MAX);
  assert.equal(complaints(fewer), []);
});

ha('what its switches and numbers send are good patches', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const ear = await broker.listen([`${ROOT}/config/result`]);
  const { relay, relay_mbps, interval } = payload().cmps;
  const filled = (template: unknown, value: number) =>
    String(template).replace(/\{\{ value( \| int)? \}\}/, String(value));
  const sent = [
    String(relay?.payload_off),
    filled(relay_mbps?.command_template, 12.5),
    filled(interval?.command_template, 7),
  ];
  for (const text of sent) broker.publish(`${ROOT}/config/set`, text);
  await until(() => ear.heard.length === 3, 'three answers');
  assert.equal(
    ear.heard.map(({ text }) => JSON.parse(text).ok),
    [true, true, true],
  );
  const { mesh, mqtt } = node.store.read();
  assert.equal([mesh.share.relay, mesh.share.relayMbps, mqtt.intervalSeconds], [false, 12.5, 7]);
});

ha('it is said when Home Assistant starts, and taken away when it is not wanted', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url });
  const link = node.start();
  await until(() => link.view().connected, 'it is connected');
  const topic = discoveryTopic('homeassistant', topics);
  const ear = await broker.listen([topic, `${ROOT}/status`]);
  await until(() => ear.last(topic), 'the retained one');
  const before = ear.on(topic).length;
  broker.publish('homeassistant/status', 'online');
  await until(() => ear.on(topic).length > before, 'once more');
  await until(() => ear.on(`${ROOT}/status`).length > 1, 'states as well');
  await node.store.update((now) => ({ ...now, mqtt: { ...now.mqtt, discoveryPrefix: null } }));
  await until(() => ear.last(topic) === '', 'it is gone');
});

ha.run();
