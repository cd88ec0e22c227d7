// `kith flash list` and `kith flash write`, for the table in main.ts.

import * as v from 'valibot';
import type { FlashCommand } from '../command.js';

const path = v.pipe(v.string(), v.maxLength(4096, 'is too long'));
const flag = (help: string) => v.optional(v.pipe(v.boolean(), v.description(help)), false);

export const LIST: FlashCommand = {
  name: 'flash list',
  help: 'the cards, sticks and disks of this machine',
  details: ['What carries this system, is mounted or is read-only is named as such.'],
  positional: [],
  schema: v.strictObject({}),
  permission: 'look',
  place: 'process',
  start: async () => (await import('./list.js')).list,
};

export const WRITE: FlashCommand = {
  name: 'flash write',
  help: 'write an image onto a card or stick, and read it back',
  details: [
    'The image may be packed with gzip, xz or zstd. The first block is written last: what was',
    'interrupted boots nothing, and the same command goes on where it stopped.',
    'With --json progress comes as JSON lines; the last one has "done" or "error".',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.',
  ],
  positional: ['image', 'device'],
  schema: v.strictObject({
    image: v.pipe(
      path,
      v.description('a file, http(s)://…, or - for standard input'),
      v.metadata({ value: 'IMAGE' }),
    ),
    device: v.pipe(
      path,
      v.description('such as /dev/sdb or /dev/mmcblk0; kith flash list names them'),
      v.metadata({ value: 'DEVICE' }),
    ),
    sha256: v.optional(
      v.pipe(
        v.string(),
        v.regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits, as `sha256sum` prints them'),
        v.description('what the image must be, as it lies there or unpacked'),
        v.metadata({ value: 'HEX' }),
      ),
    ),
    yes: flag('ask nothing'),
    dryRun: flag('check image and device, and change nothing'),
    fixed: flag('even onto a disk that is built in'),
    noVerify: flag('do not read back what was written'),
  }),
  permission: 'change',
  place: 'process',
  start: async () => (await import('./write.js')).write,
};
