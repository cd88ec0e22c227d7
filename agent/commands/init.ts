// `kith init`.

import type { Handler } from './command.js';
import type { Founded } from './meshstore.js';

export const init: Handler<Readonly<{ name?: string }>, Founded> = {
  run: (context, { name }) => context.mesh.found(name),
  show: ({ name, mesh, addresses, backup }) =>
    [
      `${name} is the first node of a new mesh, and its admin.`,
      `  mesh       ${mesh}`,
      `  addresses  ${addresses.join(', ')}`,
      '',
      'The mesh key. Write it down or print it; it is not shown again:',
      `  ${backup}`,
      '',
      'Next: `kith invite NAME` makes a word that lets another node in.',
    ].join('\n'),
};
