// All commands there are. A line here is enough for a command to be parsed, checked, explained and
// run by every face; its handler is loaded when it is asked for.

import * as v from 'valibot';
import type { Command } from './command.js';
import { CONFIG_COMMANDS } from './configcommands.js';
import { FACE_COMMANDS } from './facecommands.js';
import { LAB_COMMANDS } from './labcommands.js';
import { MACHINE_COMMANDS } from './machinecommands.js';
import { MESH_COMMANDS } from './meshcommands.js';
import { UPDATE_COMMANDS } from './updatecommands.js';

const watch = { watch: true, permission: 'look', place: 'agent', positional: [] } as const;
const path = v.pipe(v.string(), v.maxLength(1024, 'is too long'));

export const COMMANDS: readonly Command[] = [
  {
    name: 'up',
    help: 'run the agent in the foreground',
    details: [
      'On an empty state folder it makes an identity and a configuration first.',
      'SIGTERM or Ctrl-C end it, SIGHUP makes it read its configuration again.',
    ],
    positional: [],
    schema: v.strictObject({
      config: v.optional(
        v.pipe(
          path,
          v.description('read this file instead of kith.json in the state folder'),
          v.metadata({ value: 'FILE' }),
        ),
      ),
      set: v.optional(
        v.pipe(
          v.array(v.string()),
          v.description('another value for this run only; may be given again'),
          v.metadata({ value: 'PATH=VALUE' }),
        ),
        [],
      ),
      rehearse: v.optional(
        v.pipe(
          v.boolean(),
          v.description('say what would be done to this machine, and do nothing'),
        ),
        false,
      ),
    }),
    permission: 'change',
    place: 'process',
  },
  {
    name: 'wg',
    help: 'a drop-in for wireguard-go, driven by `wg` and `wg-quick`',
    details: ['KITH_CIPHER picks the cipher engine: auto, noble, simd or openssl.'],
    positional: ['name'],
    schema: v.strictObject({
      name: v.pipe(
        v.string(),
        v.description('name of the interface'),
        v.metadata({ value: 'NAME' }),
      ),
      foreground: v.optional(
        v.pipe(v.boolean(), v.description('stay in the foreground'), v.metadata({ short: 'f' })),
        false,
      ),
    }),
    permission: 'change',
    place: 'process',
  },
  {
    ...watch,
    name: 'status',
    help: 'how this node is doing',
    details: ['Exits with 1 until the interface is up.'],
    schema: v.strictObject({}),
    load: async () => (await import('./status.js')).status,
  },
  {
    ...watch,
    name: 'peers',
    help: 'the peers of this node and the paths to them',
    schema: v.strictObject({}),
    load: async () => (await import('./status.js')).peers,
  },
  {
    name: 'guest add',
    help: 'a stock WireGuard peer (phone, laptop): prints its configuration',
    details: [
      'The private key is shown this once and kept nowhere.',
      'Without --qr or --conf the QR code is left out where the output is no terminal.',
    ],
    positional: ['name'],
    schema: v.strictObject({
      name: v.pipe(
        v.string(),
        v.maxLength(256, 'is too long'),
        v.description('what the guest is called here'),
        v.metadata({ value: 'NAME' }),
      ),
      qr: v.optional(v.pipe(v.boolean(), v.description('the configuration and a QR code')), false),
      conf: v.optional(v.pipe(v.boolean(), v.description('the configuration alone')), false),
      endpoint: v.optional(
        v.pipe(
          path,
          v.description('where the guest finds this node: host or host:port'),
          v.metadata({ value: 'HOST' }),
        ),
      ),
      allowedIps: v.optional(
        v.pipe(
          path,
          v.description('what the guest sends here, separated by commas; else the tunnel alone'),
          v.metadata({ value: 'PREFIXES' }),
        ),
      ),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./guest.js')).guestAdd,
  },
  {
    name: 'guest remove',
    help: 'a guest, or any other peer, is none any more',
    positional: ['name'],
    schema: v.strictObject({
      name: v.pipe(
        v.string(),
        v.maxLength(256, 'is too long'),
        v.description('what it is called here'),
        v.metadata({ value: 'NAME' }),
      ),
    }),
    permission: 'change',
    place: 'either',
    load: async () => (await import('./guest.js')).guestRemove,
  },
  {
    name: 'config get',
    help: 'print the configuration, or one value of it',
    positional: ['path'],
    schema: v.strictObject({
      path: v.optional(
        v.pipe(
          path,
          v.description('such as listen.port or peers.phone.endpoint'),
          v.metadata({ value: 'PATH' }),
        ),
        '',
      ),
    }),
    permission: 'look',
    place: 'either',
    load: async () => (await import('./config.js')).configGet,
  },
  {
    name: 'config set',
    help: 'change one value of the configuration',
    details: [
      'Lists and whole peers are given as JSON. A running agent applies what it can at once.',
    ],
    positional: ['path', 'value'],
    schema: v.strictObject({
      path: v.pipe(
        path,
        v.description('such as listen.port or peers.phone.endpoint'),
        v.metadata({ value: 'PATH' }),
      ),
      value: v.pipe(
        v.string(),
        v.description('the value; - reads it from standard input'),
        v.metadata({ value: 'VALUE', stdin: true }),
      ),
    }),
    permission: 'change',
    place: 'either',
    load: async () => (await import('./config.js')).configSet,
  },
  {
    name: 'config schema',
    help: 'print the JSON Schema of the configuration',
    positional: [],
    schema: v.strictObject({}),
    permission: 'look',
    place: 'either',
    load: async () => (await import('./config.js')).configSchema,
  },
  {
    name: 'import',
    help: 'take over a wg-quick configuration',
    details: ['The interface takes the name of the file. The keys move to files of their own.'],
    positional: ['file'],
    schema: v.strictObject({
      file: v.pipe(
        path,
        v.description('such as /etc/wireguard/wg0.conf'),
        v.metadata({ value: 'FILE' }),
      ),
      dryRun: v.optional(v.pipe(v.boolean(), v.description('say what would be done')), false),
      replace: v.optional(
        v.pipe(v.boolean(), v.description('even where there are peers, which are lost')),
        false,
      ),
    }),
    permission: 'secret',
    place: 'here',
    load: async () => (await import('./import.js')).importQuick,
  },
  {
    name: 'provision',
    help: 'set this node up by one document: name, invite, broker, PIN, settings',
    details: [
      'JSON as `kith flash inject` writes it; it is checked whole before anything changes.',
      'It is a secret where an invite or a password is in it: give it by standard input.',
    ],
    positional: ['setup'],
    schema: v.strictObject({
      setup: v.pipe(
        v.string(),
        v.maxLength(256 * 1024, 'is too long'),
        v.description('the document, JSON; - reads it from standard input'),
        v.metadata({ value: 'SETUP', stdin: true }),
      ),
    }),
    permission: 'secret',
    privileged: true,
    place: 'either',
    load: async () => (await import('./provision.js')).provision,
  },
  {
    name: 'bench',
    help: 'what this machine can do, per cipher engine',
    positional: [],
    schema: v.strictObject({}),
    permission: 'look',
    place: 'here',
    load: async () => (await import('./bench.js')).bench,
  },
  {
    name: 'flash',
    help: 'cards, packages and routers: list, write, inject, provision, … (kith flash)',
    positional: [],
    schema: v.strictObject({}),
    permission: 'change',
    place: 'process',
  },
  ...CONFIG_COMMANDS,
  ...MACHINE_COMMANDS,
  ...MESH_COMMANDS,
  ...FACE_COMMANDS,
  ...UPDATE_COMMANDS,
  ...LAB_COMMANDS,
];

/** A command by its name; undefined where there is none. */
export function findCommand(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name);
}
