// `kith flash provision`, for the table in main.ts.

import * as v from 'valibot';
import { BAUD_RATE } from '../../agent/config/serialschema.js';
import type { FlashCommand } from '../command.js';

const file = (help: string, value = 'FILE') =>
  v.optional(
    v.pipe(
      v.string(),
      v.maxLength(4096, 'is too long'),
      v.description(help),
      v.metadata({ value }),
    ),
  );

const whole = (help: string, value: string, most: number, standard: number) => {
  const range = `must be a whole number from 1 to ${most}`;
  return v.optional(
    v.pipe(
      v.number(range),
      v.integer(range),
      v.minValue(1, range),
      v.maxValue(most, range),
      v.description(help),
      v.metadata({ value }),
    ),
    standard,
  );
};

export const PROVISION: FlashCommand = {
  name: 'flash provision',
  help: 'set routers up over a serial cable, one after the other, unattended',
  details: [
    'Each fresh router that answers gets an invite and the settings, joins, and has to reach',
    'somebody. One in a mesh already is left as it is. Then the cable may go into the next.',
    'With --json one line for each router: {"ok": true, "name", "addresses", "path", …}.',
    'Exit codes: 0 all are in the mesh, 1 some are not, 2 wrong usage, 130 stopped by Ctrl-C.',
  ],
  positional: ['port'],
  schema: v.strictObject({
    port: v.pipe(
      v.array(v.pipe(v.string(), v.startsWith('/', 'must be a path such as /dev/ttyUSB0'))),
      v.minLength(1, 'is missing'),
      v.maxLength(64, 'must be at most 64'),
      v.description('serial ports, such as /dev/ttyUSB0; several work side by side'),
      v.metadata({ value: 'PORT' }),
    ),
    invite: file('file with invites, one on each line, or - for standard input'),
    viaAgent: v.optional(
      v.pipe(v.boolean(), v.description('the agent here, an admin, makes an invite for each')),
      false,
    ),
    names: file('what the routers are called, with --via-agent: cabin,barn,hut', 'NAMES'),
    settings: file('file with settings for all of them, as kith-setup.json has them, or -'),
    loginPin: file('file with the PIN that the consoles ask for, or -'),
    baudRate: whole('bits a second', 'NUMBER', 4_000_000, BAUD_RATE),
    patience: whole('seconds that joining may take', 'SECONDS', 3600, 120),
    wait: whole('seconds to wait for a router, and for the next one', 'SECONDS', 86_400, 600),
  }),
  permission: 'secret',
  place: 'process',
  start: async () => (await import('./provision.js')).provision,
};
