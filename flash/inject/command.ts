// `kith flash inject`, for the table in main.ts.

import * as v from 'valibot';
import type { FlashCommand } from '../command.js';

const text = (help: string, value: string, max = 4096) =>
  v.optional(
    v.pipe(v.string(), v.maxLength(max, 'is too long'), v.description(help), v.metadata({ value })),
  );

export const INJECT: FlashCommand = {
  name: 'flash inject',
  help: 'put name, Wi-Fi, invite and keys onto a card, or into an image',
  details: [
    'They go into its boot partition as kith-setup.json; the first boot takes them and wipes it.',
    'Secrets come from files, or one from standard input (-): no process list shows them.',
    'What was injected before stays, but for what is named again.',
  ],
  positional: ['target'],
  schema: v.strictObject({
    target: v.pipe(
      v.string(),
      v.description('an image file, or the device of a card that was written'),
      v.metadata({ value: 'IMAGE|DEVICE' }),
    ),
    name: text('what the node is called; an invite says it by itself', 'NAME'),
    invite: text('file with the word of an invite, or -', 'FILE'),
    wifi: text('name of the wireless network to use', 'SSID'),
    wifiPassword: text('file with its password, or -', 'FILE'),
    country: text('country whose radio rules hold, such as DE', 'CODE'),
    mqtt: text('the broker, such as mqtts://broker.example:8883', 'URL'),
    mqttUser: text('user name at the broker', 'NAME'),
    mqttPassword: text('file with the password at the broker, or -', 'FILE'),
    pin: text('file with the PIN of the serial console, or -', 'FILE'),
    sshKey: text('file with public keys that may log in, such as id_ed25519.pub', 'FILE'),
    settings: text('file with all of this and more, as JSON, or -', 'FILE', 4096),
    partition: v.optional(
      v.pipe(
        v.number('must be a number'),
        v.integer('must be a whole number'),
        v.minValue(1, 'must be 1 or more'),
        v.maxValue(128, 'must be at most 128'),
        v.description('which partition, where it is not the first with FAT'),
        v.metadata({ value: 'NUMBER' }),
      ),
    ),
  }),
  permission: 'secret',
  place: 'process',
  start: async () => (await import('./inject.js')).inject,
};
