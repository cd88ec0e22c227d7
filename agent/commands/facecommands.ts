// The commands about the faces themselves, for the registry.

import * as v from 'valibot';
import type { Command } from './command.js';

export const LOG_LINES_MAX = 1_000;

const range = `must be a number of lines from 1 to ${LOG_LINES_MAX}`;

export const FACE_COMMANDS: readonly Command[] = [
  {
    name: 'dashboard',
    help: 'where the dashboard is, and its password',
    details: [
      'The password lies in dashboard.password in the state folder and may be changed there.',
    ],
    positional: [],
    schema: v.strictObject({}),
    permission: 'secret',
    place: 'agent',
    load: async () => (await import('./dashboard.js')).dashboard,
  },
  {
    name: 'log',
    help: 'what the agent has logged last',
    positional: [],
    schema: v.strictObject({
      level: v.optional(
        v.pipe(
          v.picklist(['error', 'info', 'verbose'], 'must be error, info or verbose'),
          v.description('what matters at least so much: error, info or verbose'),
          v.metadata({ value: 'LEVEL' }),
        ),
        'info',
      ),
      lines: v.optional(
        v.pipe(
          v.number(range),
          v.integer(range),
          v.minValue(1, range),
          v.maxValue(LOG_LINES_MAX, range),
          v.description('the last so many'),
          v.metadata({ value: 'N' }),
        ),
        100,
      ),
    }),
    permission: 'secret', // it may name where peers are, which a broker is not told
    place: 'agent',
    watch: true,
    load: async () => (await import('./log.js')).log,
  },
];
