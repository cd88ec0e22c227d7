// `kith flash router`, for the table in main.ts.

import * as v from 'valibot';
import type { FlashCommand } from '../command.js';

const text = (help: string, value: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.maxLength(4096, 'is too long'),
      v.description(help),
      v.metadata({ value }),
    ),
  );

export const ROUTER: FlashCommand = {
  name: 'flash router',
  help: 'install kith over SSH on a running OpenWrt, Debian or Raspberry Pi OS',
  details: [
    'Looks first what kind of machine it is, and whether it has the room; then uploads, installs,',
    'and waits until the agent there is well. What is needed here is `ssh`, there a shell.',
    'Exit codes: 0 it runs there, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.',
  ],
  positional: ['host'],
  schema: v.strictObject({
    host: v.pipe(
      v.string(),
      v.description('such as root@192.168.1.1, or a name of your ssh_config'),
      v.metadata({ value: 'ROOT@HOST' }),
    ),
    packages: v.pipe(
      v.string(),
      v.description('folder that `kith flash package --all --out DIR` made'),
      v.metadata({ value: 'DIR' }),
    ),
    invite: text('file with the word of an invite, or -: it joins at once', 'FILE'),
    settings: text('file with settings, as kith-setup.json has them, or -', 'FILE'),
    port: v.optional(
      v.pipe(
        v.number('must be a port'),
        v.integer('must be a port'),
        v.minValue(1, 'must be 1 to 65535'),
        v.maxValue(65535, 'must be 1 to 65535'),
        v.description('TCP port of SSH there'),
        v.metadata({ value: 'NUMBER' }),
      ),
    ),
    identity: text('file with the private key for SSH', 'FILE'),
    dryRun: v.optional(v.pipe(v.boolean(), v.description('look, and change nothing')), false),
  }),
  permission: 'secret',
  place: 'process',
  start: async () => (await import('./router.js')).router,
};
