// needs: mosquitto, mosquitto-clients
// deadline: 60
//
// The discovery message by Home Assistant's rules (its MQTT integration: discovery, schemas of the
// platforms), and when it is sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PeerStatus, Status } from '../../../agent/commands/context.js';
import { COMMANDS } from '../../../agent/commands/registry.js';
import {
  discoveryPayload,
  discoveryTopic,
  PEERS_MAX,
} from '../../../agent/control/mqtt/homeassistant.js';
import { Topics } from '../../../agent/control/mqtt/topics.js';
import { KEY_B } from '../../config/samples.js';
import { commanded, complaintAboutState, complaints, type Device } from './homerules.js';
import { Mosquitto, stopAll, until } from './mosquitto.js';
import { NODE, peer, ROOT, status, stopNodes, TestNode } from './node.js';

const topics = new Topics('kith', NODE);

/** A member of a mesh. */
function inMesh(peers: readonly PeerStatus[] = []): Status {
  const relay = { circuits: 0, givenBytes: 7, takenBytes: 0 };
  const mesh = { members: 2, reachable: false, relay } as unknown as NonNullable<Status['mesh']>;
  return { ...status(peers), mesh };
}

function payload(parts: Partial<Parameters<typeof discoveryPayload>[0]> = {}): Device {
  const commands = COMMANDS.map(({ name }) => name);
  const announced = new Map<string, string>();
  const all = { topics, status: inMesh(), commands, announced, ...parts };
  return discoveryPayload(all) as unknown as Device;
}

const ha = suite('control/mqtt/homeassistant');

ha.after.each(async () => {
  await stopNodes();
  stopAll();
});

ha('a lone node has its entities, by the rules', () => {
  const lone = payload({ status: status() });
  assert.equal(complaints(lone), []);
  assert.ok(Object.keys(lone.cmps).length >= 8);
  assert.ok(lone.cmps.config_rollback && lone.cmps.update && lone.cmps.event);
  assert.is(lone.cmps.relay, undefined, 'nobody to relay for');
  const member = payload();
  assert.equal(complaints(member), []);
  assert.ok(member.cmps.relay && member.cmps.relay_month && member.cmps.discovery_lan);
  assert.match(
    discoveryTopic('homeassistant', topics),
    /^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/,
  );
  assert.is(payload({ commands: [] }).cmps.config_rollback, undefined);
});

ha('a peer has path, round trip, throughput, handshake', () => {
  const withPeer = payload({ status: inMesh([peer({ name: 'phone', publicKey: KEY_B })]) });
  assert.equal(complaints(withPeer), []);
  const of = Object.values(withPeer.cmps).filter(({ name }) => String(name).startsWith('phone '));
  assert.is(of.length, 6);
});

ha('many peers do not bury a home, and what is gone is taken away', () => {
  const key = (i: number) => Buffer.alloc(32, i + 1).toString('base64');
  const peers = Array.from({ length: 100 }, (_, i) => peer({ name: `p${i}`, publicKey: key(i) }));
  const many = payload({ status: inMesh(peers) });
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
  const { cmps } = payload();
  const numbers: Record<string, number> = { relay_mbps: 12.5, relay_month: 40, interval: 7 };
  const sent = Object.entries(cmps).flatMap(([id, entity]) => {
    const { p, payload_off, command_template, options } = entity;
    if (p === 'switch') return [String(payload_off)];
    if (p === 'number') return [commanded(command_template, numbers[id] ?? 0)];
    return p === 'select' ? (options as string[]).map((o) => commanded(command_template, o)) : [];
  });
  assert.is(sent.length, 3 + 3 + 4);
  for (const text of sent) broker.publish(`${ROOT}/config/set`, text);
  await until(() => ear.heard.length === sent.length, 'an answer to each');
  for (const { text } of ear.heard) assert.ok(JSON.parse(text).ok, text);
  const { mesh, mqtt, cipher } = node.store.read();
  assert.equal(mesh.share, { relay: false, relayMbps: 12.5, relayGbPerMonth: 40 });
  assert.equal([mesh.discovery.lan, mqtt.intervalSeconds, cipher], [false, 7, 'noble']);
});

ha('each entity understands what the node tells', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode(
    { url: broker.url },
    { mesh: { share: { relayMbps: null, relayGbPerMonth: 1e6 } } },
  );
  node.status = inMesh([peer({ name: 'phone', publicKey: KEY_B })]);
  const newer = { installed: '0.1.0', latest: '0.2.0', summary: 'better', url: null };
  const update = { ...newer, progress: 40 };
  node.start({ update: () => update });
  const ear = await broker.listen([`${ROOT}/#`, 'homeassistant/#']);
  const topic = discoveryTopic('homeassistant', topics);
  const said = await until(() => ear.last(topic), 'its entities');
  await until(() => ear.last(topics.config), 'its settings');
  const path = { class: 'relay', via: 'home', rttMs: null, mtu: null, reason: null } as const;
  node.status = inMesh([peer({ name: 'phone', publicKey: KEY_B, path, lastHandshake: null })]);
  node.mqtt?.poke();
  await until(() => ear.last(topics.event), 'an event');
  const { cmps } = JSON.parse(said) as Device;
  let states = 0;
  for (const [id, entity] of Object.entries(cmps))
    for (const { text } of ear.on(String(entity.state_topic))) {
      states++;
      assert.is(complaintAboutState(entity, text), undefined, id);
    }
  assert.ok(states > Object.keys(cmps).length, `${states} states`);
  const event = JSON.parse(ear.last(topics.event) ?? '');
  assert.equal(event, { event_type: 'path_changed', peer: 'phone', path: 'relay', via: 'home' });
  const told = JSON.parse(ear.last(topics.update) ?? '');
  assert.equal([told.latest_version, told.update_percentage], ['0.2.0', 40]);
  node.mqtt?.event('update_on_trial', '0.2.0 is on trial');
  await until(() => ear.last(topics.event)?.includes('0.2.0 is on trial'), 'what others say');
  const late = await broker.listen([`${ROOT}/#`]);
  await until(() => late.last(topics.update), 'what is retained');
  assert.is(late.last(topics.event), undefined, 'events are not');
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
