// The commands that change the configuration as a whole and take changes back, and those that sign
// such things for other nodes, for the registry.

import * as v from 'valibot';
import { CONFIRM_SECONDS_MAX } from '../config/transaction.js';
import type { Command } from './command.js';

const JSON_MAX = 8 * 1024 * 1024; // a configuration with 130,000 prefixes has half of it

function json(help: string, value: string) {
  return v.pipe(
    v.string(),
    v.maxLength(JSON_MAX, 'is too long'),
    v.description(`${help}; - reads it from standard input`),
    v.metadata({ value, stdin: true }),
  );
}

function short(help: string, value: string) {
  return v.pipe(
    v.string(),
    v.maxLength(256, 'is too long'),
    v.description(help),
    v.metadata({ value }),
  );
}

const range = `must be seconds from 1 to ${CONFIRM_SECONDS_MAX}`;
const confirm = v.optional(
  v.pipe(
    v.number(range),
    v.integer(range),
    v.minValue(1, range),
    v.maxValue(CONFIRM_SECONDS_MAX, range),
    v.description('take it back after so many seconds, unless `kith config confirm` comes first'),
    v.metadata({ value: 'SECONDS' }),
  ),
);

export const CONFIG_COMMANDS: readonly Command[] = [
  {
    name: 'config patch',
    help: 'change many values of the configuration at once',
    details: [
      'A JSON merge patch: {"listen": {"port": 5}} sets what it names, null brings a default back.',
    ],
    positional: ['patch'],
    schema: v.strictObject({ patch: json('the patch, JSON', 'PATCH'), confirm }),
    permission: 'change',
    place: 'either',
    load: async () => (await import('./configchanges.js')).configPatch,
  },
  {
    name: 'config apply',
    help: 'put another configuration in the place of this one',
    details: ['Without one, kith.json is read again, as after an edit by hand.'],
    positional: ['config'],
    schema: v.strictObject({
      config: v.optional(json('the whole configuration, JSON', 'CONFIG')),
      confirm,
    }),
    permission: 'change',
    place: 'either',
    load: async () => (await import('./configchanges.js')).configApply,
  },
  {
    name: 'config confirm',
    help: 'keep the change that waits to be confirmed',
    positional: [],
    schema: v.strictObject({}),
    permission: 'change',
    place: 'agent',
    load: async () => (await import('./configchanges.js')).configConfirm,
  },
  {
    name: 'config rollback',
    help: 'take the last change of the configuration back',
    details: ['What waits to be confirmed, or else the last change. Twice: it is there again.'],
    positional: [],
    schema: v.strictObject({}),
    permission: 'change',
    place: 'either',
    load: async () => (await import('./configchanges.js')).configRollback,
  },
  {
    name: 'sign',
    help: 'sign an order to another node, to be sent over MQTT; for admins',
    details: [
      'kith sign cabin guest-add \'{"name": "phone"}\'    kith sign cabin config/set \'{…}\'',
      'It is good for two minutes and once. A secret result comes back sealed, for kith unseal.',
    ],
    positional: ['node', 'to', 'body'],
    schema: v.strictObject({
      node: short('name of the member', 'NODE'),
      to: short('a command, or config/set', 'COMMAND'),
      body: v.optional(json('its arguments, or the patch, JSON', 'JSON'), '{}'),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./sign.js')).sign,
  },
  {
    name: 'unseal',
    help: 'open a result that was sealed to this node',
    positional: ['sealed'],
    schema: v.strictObject({ sealed: json('"sealed" of the answer, base64', 'SEALED') }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./sign.js')).unseal,
  },
];
