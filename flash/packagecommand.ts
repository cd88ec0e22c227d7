// `kith flash package`, as the command line parses and explains it.

import * as v from 'valibot';
import type { FlashCommand } from './command.js';

const path = v.pipe(v.string(), v.minLength(1, 'is empty'), v.maxLength(1024, 'is too long'));
const folder = (help: string) => v.pipe(path, v.description(help), v.metadata({ value: 'DIR' }));
const flag = (help: string) => v.optional(v.pipe(v.boolean(), v.description(help)), false);

export const PACKAGE: FlashCommand = {
  name: 'flash package',
  help: 'packages for OpenWrt and Debian, with signed feeds and update archives',
  details: [
    'Runs in a checkout after npm run build. Node and a glibc for OpenWrt come from npm and apt.',
    'packages.json in DIR says what each file is. The feeds are signed by keys of your own.',
  ],
  positional: [],
  schema: v.strictObject({
    all: flag('for every target there is'),
    target: v.optional(
      v.pipe(
        v.array(v.string()),
        v.description('for this target only; may be given again'),
        v.metadata({ value: 'NAME' }),
      ),
      [],
    ),
    list: flag('say which targets there are'),
    out: v.optional(folder('where the files go, all flat')),
    withoutRuntime: flag('leave out kith-runtime, the package with Node'),
    cache: v.optional(folder('what was fetched is kept here; else in ~/.cache/kith')),
    keys: v.optional(folder('the keys that sign the feeds; else feed-keys in the state folder')),
  }),
  permission: 'change',
  place: 'process',
  start: async () => (await import('./package/program.js')).packageProgram,
};
