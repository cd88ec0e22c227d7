// `kith rename`.

import type { Handler } from './command.js';
import type { Renamed } from './meshstore.js';

export const rename: Handler<Readonly<{ name: string; to: string }>, Renamed> = {
  run: (context, { name, to }) => context.mesh.rename(name, to),
  show: ({ was, name }) => `${was} is ${name} now; all nodes that are up have been told.`,
};
