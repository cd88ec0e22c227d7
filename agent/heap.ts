// How much memory V8 and malloc may keep for themselves, said before anything else is loaded: a
// router has more use for it than we have for rarer collections.

import { setFlagsFromString } from 'node:v8';

// The young generation: 1 MiB instead of 16 saves some 8 MiB resident.
setFlagsFromString('--max-semi-space-size=1');

// What runs for long. Other commands are over before it matters, and would pay for loading koffi.
const LASTING = ['up', 'wg'];

if (process.argv.some((argument) => LASTING.includes(argument))) {
  const { shareArena } = await import('./dataplane/reclaim.js');
  shareArena();
}
