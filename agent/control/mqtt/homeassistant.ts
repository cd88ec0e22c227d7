// Home Assistant's device discovery: one retained message that describes the node and all of its
// entities, on homeassistant/device/kith_NODE/config. Keys are spelled out, but for those that the
// device form knows by their short names: dev, o, cmps, p.

import type { PeerStatus, Status } from '../../commands/context.js';
import { labelOf } from '../../commands/label.js';
import { EVENT_TYPES } from './events.js';
import { type Add, addHomeSettings } from './homesettings.js';
import type { Topics } from './topics.js';

export const PEERS_MAX = 32; // six entities each; more would bury the rest of a home

const GONE_MAX = 192; // entities to be taken away, said along in the next messages

export type Component = Readonly<{ p: string; unique_id?: string } & Record<string, unknown>>;

export type DiscoveryInput = Readonly<{
  topics: Topics;
  status: Status;
  commands: readonly string[]; // names that may be given by MQTT without a signature
  /** Ids and platforms announced before: those that are no more are taken away. */
  announced: ReadonlyMap<string, string>;
}>;

export function discoveryTopic(prefix: string, topics: Topics): string {
  return `${prefix}/device/kith_${topics.node}/config`;
}

/** The components of the device by their ids. */
export function discoveryPayload(input: DiscoveryInput): Readonly<Record<string, unknown>> {
  const { topics, status, announced } = input;
  const components = new Map<string, Component>();
  const add: Add = (id, p, rest) =>
    components.set(id, { p, unique_id: `kith_${topics.node}_${id}`, ...rest });
  addNode(add, input);
  if (status.mesh) addMesh(add, topics);
  addHomeSettings(add, { topics, commands: input.commands, inMesh: !!status.mesh });
  for (const peer of status.peers.slice(0, PEERS_MAX)) addPeer(add, topics, peer);
  const gone = [...announced].filter(([id]) => !components.has(id)).slice(-GONE_MAX);
  for (const [id, p] of gone) components.set(id, { p });
  return {
    dev: {
      identifiers: [`kith_${topics.node}`],
      name: status.name,
      manufacturer: 'kith',
      model: 'kith node',
      sw_version: status.version,
    },
    o: { name: 'kith', sw_version: status.version },
    availability: [{ topic: topics.state }],
    cmps: Object.fromEntries(components),
  };
}

const DIAGNOSTIC = { entity_category: 'diagnostic' };
const RATE = { device_class: 'data_rate', state_class: 'measurement', unit_of_measurement: 'B/s' };
const BYTES = { device_class: 'data_size', unit_of_measurement: 'B' };
const TOTAL = { ...BYTES, state_class: 'total_increasing' };

function addNode(add: Add, { topics }: DiscoveryInput): void {
  const sensor = (id: string, name: string, path: string, rest: Record<string, unknown>) =>
    add(id, 'sensor', {
      name,
      state_topic: topics.status,
      value_template: `{{ value_json.${path} }}`,
      ...rest,
    });
  add('online', 'binary_sensor', {
    name: 'Online',
    state_topic: topics.state,
    payload_on: 'online',
    payload_off: 'offline',
    device_class: 'connectivity',
    availability: [], // this one is never unavailable: it says so itself
    ...DIAGNOSTIC,
  });
  const count = { state_class: 'measurement' };
  sensor('peers', 'Peers', 'peers.total', { ...count, icon: 'mdi:lan' });
  sensor('connected', 'Connected peers', 'peers.connected', {
    ...count,
    icon: 'mdi:lan-connect',
  });
  sensor('relayed', 'Relayed peers', 'peers.relayed', { ...count, icon: 'mdi:transit-detour' });
  sensor('rx_rate', 'Receiving', 'rxRate', { ...RATE, icon: 'mdi:download-network' });
  sensor('tx_rate', 'Sending', 'txRate', { ...RATE, icon: 'mdi:upload-network' });
  sensor('rx', 'Received', 'rxBytes', { ...TOTAL, icon: 'mdi:download' });
  sensor('tx', 'Sent', 'txBytes', { ...TOTAL, icon: 'mdi:upload' });
  sensor('started', 'Started', 'startedAt', { device_class: 'timestamp', ...DIAGNOSTIC });
  sensor('memory', 'Memory', 'memory.rss', {
    ...BYTES,
    state_class: 'measurement',
    ...DIAGNOSTIC,
  });
  sensor('written', 'Written to flash', 'writes.bytes', { ...TOTAL, ...DIAGNOSTIC });
  sensor('cipher', 'Cipher engine', 'cipher.engine', { icon: 'mdi:lock', ...DIAGNOSTIC });
  sensor('dropped', 'Dropped packets', 'dropped', {
    state_class: 'total_increasing',
    icon: 'mdi:delete-outline',
    ...DIAGNOSTIC,
  });
  add('event', 'event', {
    name: 'Events',
    state_topic: topics.event,
    event_types: EVENT_TYPES,
    icon: 'mdi:lan-pending',
  });
}

function addMesh(add: Add, topics: Topics): void {
  const common = { state_topic: topics.status };
  add('members', 'sensor', {
    name: 'Members of the mesh',
    ...common,
    value_template: '{{ value_json.mesh.members }}',
    state_class: 'measurement',
    icon: 'mdi:account-group',
  });
  add('reachable', 'binary_sensor', {
    name: 'Reachable from outside',
    ...common,
    value_template: "{{ 'ON' if value_json.mesh.reachable else 'OFF' }}",
    icon: 'mdi:earth',
    ...DIAGNOSTIC,
  });
  add('relayed_given', 'sensor', {
    name: 'Relayed for others',
    ...common,
    value_template: '{{ value_json.mesh.relay.givenBytes }}',
    ...TOTAL,
  });
}

function addPeer(add: Add, topics: Topics, { name, publicKey }: PeerStatus): void {
  const label = labelOf(publicKey);
  const common = { state_topic: topics.peer(label) };
  const sensor = (id: string, what: string, path: string, rest: Record<string, unknown>) =>
    add(`${label}_${id}`, 'sensor', {
      name: `${name} ${what}`,
      ...common,
      value_template: `{{ value_json.${path} }}`,
      ...rest,
    });
  add(`${label}_connected`, 'binary_sensor', {
    name: `${name} connected`,
    ...common,
    value_template: "{{ 'ON' if value_json.connected else 'OFF' }}",
    device_class: 'connectivity',
  });
  sensor('path', 'path', 'path.class', {
    device_class: 'enum',
    options: ['direct', 'relay', 'none'],
    icon: 'mdi:routes',
  });
  sensor('rtt', 'round trip', 'path.rttMs', {
    device_class: 'duration',
    state_class: 'measurement',
    unit_of_measurement: 'ms',
    suggested_display_precision: 0,
  });
  sensor('rx_rate', 'receiving', 'rxRate', RATE);
  sensor('tx_rate', 'sending', 'txRate', RATE);
  sensor('handshake', 'last handshake', 'lastHandshake', {
    device_class: 'timestamp',
    ...DIAGNOSTIC,
  });
}
