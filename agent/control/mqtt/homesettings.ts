// What a home turns, presses and installs from Home Assistant: settings by merge patch on
// config/set, commands that anybody may give, and the newest version. What is privileged is not
// offered: a button that is always refused would be none.

import type { Topics } from './topics.js';

type Entity = Readonly<Record<string, unknown>>;
export type Add = (id: string, platform: string, rest: Entity) => void;

export const CONFIG = { entity_category: 'config' };

/** It waits for the next start of the agent, so a dashboard has to look for it. */
const LATER = { enabled_by_default: false };

const INSTALL = 'update apply';

export type Offered = Readonly<{
  topics: Topics;
  commands: readonly string[]; // names that may be given by MQTT without a signature
  inMesh: boolean;
}>;

export function addHomeSettings(add: Add, { topics, commands, inMesh }: Offered): void {
  const setting = { state_topic: topics.config, command_topic: `${topics.config}/set`, ...CONFIG };
  const shared = { add, setting };
  if (inMesh) {
    addSwitch(shared, 'relay', 'Relay for others', 'mesh.share.relay', 'mdi:hand-heart');
    const later = ' (from the next start)';
    const lan = `Find members on the LAN${later}`;
    addSwitch(shared, 'discovery_lan', lan, 'mesh.discovery.lan', 'mdi:lan', LATER);
    const broker = `Find members by the broker${later}`;
    addSwitch(shared, 'discovery_mqtt', broker, 'mesh.discovery.mqtt', 'mdi:broadcast', LATER);
    addNumber(shared, 'relay_mbps', 'Relay limit', 'mesh.share.relayMbps', [0, 100_000, 'Mbit/s']);
    const month = 'Relay limit a month';
    addNumber(shared, 'relay_month', month, 'mesh.share.relayGbPerMonth', [0, 1_000_000, 'GB']);
  }
  addNumber(shared, 'interval', 'Report interval', 'mqtt.intervalSeconds', [1, 3600, 's'], 1);
  add('cipher_choice', 'select', {
    name: 'Cipher engine (from the next start)',
    ...setting,
    value_template: '{{ value_json.cipher }}',
    command_template: '{"cipher":"{{ value }}"}',
    options: ['auto', 'simd', 'openssl', 'noble'],
    icon: 'mdi:lock',
    ...LATER,
  });
  addButtons(add, topics, commands);
  addUpdate(add, topics, commands);
}

type Shared = Readonly<{ add: Add; setting: Entity }>;

function addSwitch(
  { add, setting }: Shared,
  id: string,
  name: string,
  path: string,
  icon: string,
  rest: Entity = {},
): void {
  add(id, 'switch', {
    name,
    ...setting,
    value_template: `{{ 'on' if value_json.${path} else 'off' }}`,
    state_on: 'on',
    state_off: 'off',
    payload_on: patchOf(path, 'true'),
    payload_off: patchOf(path, 'false'),
    icon,
    ...rest,
  });
}

/** Null (no limit) is shown as unknown: Home Assistant's numbers have no word for it. */
function addNumber(
  { add, setting }: Shared,
  id: string,
  name: string,
  path: string,
  [min, max, unit_of_measurement]: readonly [number, number, string],
  step = 0.1,
): void {
  const value = step === 1 ? '{{ value | int }}' : '{{ value }}';
  add(id, 'number', {
    name,
    ...setting,
    value_template: `{{ value_json.${path} }}`,
    command_template: patchOf(path, value),
    min,
    max,
    step,
    mode: 'box',
    unit_of_measurement,
  });
}

/** `a.b` → {"a":{"b":value}} */
function patchOf(path: string, value: string): string {
  return path
    .split('.')
    .reverse()
    .reduce((inner, name) => `{"${name}":${inner}}`, value);
}

const BUTTONS: readonly Readonly<{ command: string; name: string; icon: string }>[] = [
  { command: 'config confirm', name: 'Keep pending change', icon: 'mdi:check' },
  { command: 'config rollback', name: 'Take last change back', icon: 'mdi:undo' },
];

function addButtons(add: Add, topics: Topics, commands: readonly string[]): void {
  for (const { command, name, icon } of BUTTONS) {
    if (!commands.includes(command)) continue;
    const command_topic = topics.command(command);
    const press = { command_topic, payload_press: '{}' };
    add(command.replaceAll(' ', '_'), 'button', { name, ...press, icon, ...CONFIG });
  }
}

/** Its state is one JSON object, which the platform reads without a template. */
function addUpdate(add: Add, topics: Topics, commands: readonly string[]): void {
  const install = commands.includes(INSTALL)
    ? { command_topic: topics.command(INSTALL), payload_install: '{}' }
    : {};
  const update = { state_topic: topics.update, title: 'kith', device_class: 'firmware' };
  add('update', 'update', { name: 'Update', ...update, ...install, ...CONFIG });
}
