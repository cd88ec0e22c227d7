// The commands about the machine under the agent, for the registry.

import * as v from 'valibot';
import type { Command } from './command.js';

export const MACHINE_COMMANDS: readonly Command[] = [
  {
    name: 'doctor',
    help: 'what this machine lacks, and what to do about it',
    details: ['Exits with 1 when something is missing without which kith does not work here.'],
    positional: [],
    schema: v.strictObject({
      all: v.optional(v.pipe(v.boolean(), v.description('also name what is in order')), false),
    }),
    permission: 'secret', // what a machine lacks is nobody's business on a broker
    place: 'either',
    load: async () => (await import('./doctor.js')).doctor,
  },
];
