// `kith flash image`, as the command line parses and explains it.

import * as v from 'valibot';
import type { FlashCommand } from './command.js';

const path = v.pipe(v.string(), v.minLength(1, 'is empty'), v.maxLength(1024, 'is too long'));
const folder = (help: string) => v.pipe(path, v.description(help), v.metadata({ value: 'DIR' }));

export const IMAGE: FlashCommand = {
  name: 'flash image',
  help: 'a card for a Raspberry Pi 3, 4, 400, CM4 or Zero 2 W that boots into a router',
  details: [
    'Runs in a checkout after npm run build, on Debian or a system made from it: kernel, firmware',
    'and programs are its packages. Beside the image lies the archive that updates one that runs.',
    'The same versions give the same bytes. `kith flash write` brings it onto a card.',
  ],
  positional: [],
  schema: v.strictObject({
    out: folder('where the files go'),
    cache: v.optional(folder('what was fetched is kept here; else in ~/.cache/kith')),
    mirror: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^https?:\/\/\S+$/, 'must be http(s)://…'),
        v.description("an archive of Debian; else the one in this machine's apt sources"),
        v.metadata({ value: 'URL' }),
      ),
    ),
  }),
  permission: 'change',
  place: 'process',
  start: async () => (await import('./image/program.js')).imageProgram,
};
