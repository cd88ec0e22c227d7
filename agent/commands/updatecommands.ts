// The commands of updates, for the registry.

import * as v from 'valibot';
import type { Command } from './command.js';

const TEXT_MAX = 2_048;
const MANIFEST_LETTERS_MAX = 16_384; // 8 KiB in base64, with line ends

function text(help: string, value: string) {
  return v.pipe(
    v.string(),
    v.maxLength(TEXT_MAX, 'is too long'),
    v.description(help),
    v.metadata({ value }),
  );
}

const here = { positional: [], schema: v.strictObject({}), place: 'agent' } as const;

export const UPDATE_COMMANDS: readonly Command[] = [
  {
    ...here,
    name: 'update status',
    help: 'which release runs, which one is there, and what becomes of it',
    permission: 'look',
    watch: true,
    load: async () => (await import('./update.js')).updateStatus,
  },
  {
    ...here,
    name: 'update check',
    help: 'look for a newer release now',
    details: [
      'At update.url and at members of the mesh. Only what a key in update.keys signed counts.',
    ],
    permission: 'change',
    load: async () => (await import('./update.js')).updateCheck,
  },
  {
    ...here,
    name: 'update apply',
    help: 'fetch and start the newer release now, on trial',
    details: [
      'The agent restarts. When it is not well, or nobody reaches it from outside, within',
      'update.trialSeconds, the release before comes back by itself, with its configuration.',
    ],
    permission: 'change',
    privileged: true,
    load: async () => (await import('./update.js')).updateApply,
  },
  {
    ...here,
    name: 'update confirm',
    help: 'the release on trial stays, whatever it looks like',
    permission: 'change',
    privileged: true,
    load: async () => (await import('./update.js')).updateConfirm,
  },
  {
    ...here,
    name: 'update rollback',
    help: 'back to the release before; that is on trial, too',
    permission: 'change',
    privileged: true,
    load: async () => (await import('./update.js')).updateRollback,
  },
  {
    name: 'update announce',
    help: 'tell this node of a release: the content of a .manifest file in base64',
    details: ['It needs no trust: the release is taken only if a key in update.keys signed it.'],
    positional: ['manifest'],
    schema: v.strictObject({
      manifest: v.pipe(
        v.string(),
        v.maxLength(MANIFEST_LETTERS_MAX, 'is too long'),
        v.description('the manifest; - reads it from standard input'),
        v.metadata({ value: 'BASE64', stdin: true }),
      ),
    }),
    permission: 'change',
    place: 'agent',
    load: async () => (await import('./update.js')).updateAnnounce,
  },
  {
    name: 'update key',
    help: 'make the key of a publisher of releases; prints its public half for update.keys',
    positional: ['file'],
    schema: v.strictObject({ file: text('where the key is written; it must be new', 'FILE') }),
    permission: 'secret',
    place: 'here',
    load: async () => (await import('./update.js')).updateKey,
  },
  {
    name: 'update sign',
    help: 'announce the archives of a release in a folder, for a web server to serve',
    details: [
      'FOLDER has kith-VERSION-TARGET.tar.gz for each kind of machine. A .chunks file is written',
      'beside each of them, and CHANNEL.manifest, which routers with update.url look for.',
    ],
    positional: ['folder', 'version'],
    schema: v.strictObject({
      folder: text('with the archives', 'FOLDER'),
      version: text('of the release, such as 1.4.0', 'VERSION'),
      key: text('file with the key of the publisher', 'FILE'),
      minimum: v.optional(text('nothing older may be installed any more', 'VERSION')),
      notes: v.optional(text('what is new, for people', 'TEXT'), ''),
      channel: v.optional(text('which line of releases', 'NAME'), 'stable'),
    }),
    permission: 'secret',
    place: 'here',
    load: async () => (await import('./update.js')).updateSign,
  },
];
