// The commands of the mesh, for the registry.

import * as v from 'valibot';
import { ROLES } from '../identity/member.js';
import type { Command } from './command.js';

const NAME_MAX = 256;
const WORD_MAX = 1024; // with spaces and line ends in it; the word itself has about 400 letters

function name(help: string) {
  return v.pipe(
    v.string(),
    v.maxLength(NAME_MAX, 'is too long'),
    v.description(help),
    v.metadata({ value: 'NAME' }),
  );
}

function text(help: string, value: string) {
  return v.pipe(
    v.string(),
    v.maxLength(NAME_MAX, 'is too long'),
    v.description(help),
    v.metadata({ value }),
  );
}

export const MESH_COMMANDS: readonly Command[] = [
  {
    name: 'init',
    help: 'make a new mesh, with this node as its first member and admin',
    details: [
      'The mesh key is written to mesh.key in the state folder and shown this once: keep a copy',
      'in a safe place. Whoever has it owns the mesh; without it no admin can be added later.',
    ],
    positional: [],
    schema: v.strictObject({
      name: v.optional(name('what this node is called from now on')),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./init.js')).init,
  },
  {
    name: 'invite',
    help: 'a word that lets one node join the mesh',
    details: [
      'The word is a secret until it is used: it lets in whoever has it first, once.',
      'The first line of the output is the word alone.',
    ],
    positional: ['name'],
    schema: v.strictObject({
      name: name('what the new node will be called'),
      ttl: v.optional(text('how long the word is good: 30m, 1h, 7d', 'TIME'), '1h'),
      role: v.optional(
        text(`what it may do for others: ${ROLES.join(', ')}, or none`, 'ROLES'),
        'tracker,relay',
      ),
      subnet: v.optional(text('LAN prefixes it may offer, separated by commas', 'PREFIXES'), ''),
      qr: v.optional(v.pipe(v.boolean(), v.description('a QR code as well')), false),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./invite.js')).invite,
  },
  {
    name: 'join',
    help: 'join a mesh by the word of an invite',
    details: ['`kith join -` reads the word from standard input: so no process list shows it.'],
    positional: ['word'],
    schema: v.strictObject({
      word: v.pipe(
        v.string(),
        v.maxLength(WORD_MAX, 'is too long'),
        v.description('kith1…; - reads it from standard input'),
        v.metadata({ value: 'WORD', stdin: true }),
      ),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./join.js')).join,
  },
  {
    name: 'revoke',
    help: 'a member, or an invite that was not used yet, is none any more; everywhere, at once',
    positional: ['name'],
    schema: v.strictObject({ name: name('the member or the invite') }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./revoke.js')).revoke,
  },
  {
    name: 'rename',
    help: 'another name for a member, everywhere; on an admin',
    details: [
      'The node takes it over as soon as it hears of it. Its addresses, and its id in topics of',
      'MQTT, stay. An admin may as well change its own: kith config set name NEW.',
    ],
    positional: ['name', 'to'],
    schema: v.strictObject({
      name: name('what the member is called now'),
      to: name('what it will be called'),
    }),
    permission: 'change',
    privileged: true,
    place: 'either',
    load: async () => (await import('./rename.js')).rename,
  },
  {
    name: 'admin add',
    help: 'a member may invite and revoke from now on; needs the mesh key',
    positional: ['name'],
    schema: v.strictObject({
      name: name('the member'),
      key: v.optional(text('the mesh key, if it is not mesh.key in the state folder', 'FILE')),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./admin.js')).adminAdd,
  },
  {
    name: 'admin remove',
    help: 'a member is no admin any more; what it signed stays; needs the mesh key',
    positional: ['name'],
    schema: v.strictObject({
      name: name('the member'),
      key: v.optional(text('the mesh key, if it is not mesh.key in the state folder', 'FILE')),
    }),
    permission: 'secret',
    place: 'either',
    load: async () => (await import('./admin.js')).adminRemove,
  },
  {
    name: 'paths',
    help: 'how each member is reached, and why not directly',
    details: ['With --mesh: who reaches whom, as the members that this node has met say it.'],
    positional: [],
    schema: v.strictObject({
      mesh: v.optional(v.pipe(v.boolean(), v.description('the paths of others, too')), false),
    }),
    permission: 'look',
    place: 'agent',
    watch: true,
    load: async () => (await import('./paths.js')).paths,
  },
];
