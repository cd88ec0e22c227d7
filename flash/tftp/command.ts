// `kith flash tftp`, for the table in main.ts.

import * as v from 'valibot';
import type { FlashCommand } from '../command.js';

const flag = (help: string) => v.optional(v.pipe(v.boolean(), v.description(help)), false);
const text = (help: string, value: string) =>
  v.optional(
    v.pipe(v.string(), v.maxLength(256, 'is too long'), v.description(help), v.metadata({ value })),
  );

export const TFTP: FlashCommand = {
  name: 'flash tftp',
  help: 'give an image to a router in its recovery mode, over a cable',
  details: [
    'Many boot loaders fetch an image by TFTP when reset is held at power-on, each from an address',
    'of its own: see the page of your router. It ends when a router has all of it.',
    'Exit codes: 0 it was fetched, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.',
  ],
  positional: ['image'],
  schema: v.strictObject({
    image: v.pipe(v.string(), v.description('the image file'), v.metadata({ value: 'IMAGE' })),
    interface: v.pipe(
      v.string(),
      v.regex(/^[A-Za-z0-9_.:-]{1,15}$/, 'must be a network interface, such as eth0'),
      v.description('where the cable to the router is, such as eth0'),
      v.metadata({ value: 'NAME' }),
    ),
    address: text('address to have there meanwhile, such as 192.168.1.66/24', 'ADDRESS'),
    name: text('serve only this file name; else any', 'FILE'),
    port: v.optional(
      v.pipe(
        v.number('must be a port'),
        v.integer('must be a port'),
        v.minValue(0, 'must be 0 to 65535'),
        v.maxValue(65535, 'must be 0 to 65535'),
        v.description('UDP port'),
        v.metadata({ value: 'NUMBER' }),
      ),
      69,
    ),
    keep: flag('go on after the first router'),
  }),
  permission: 'change',
  place: 'process',
  start: async () => (await import('./tftp.js')).tftp,
};
