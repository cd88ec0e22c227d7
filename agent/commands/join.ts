// `kith join`.

import type { Handler } from './command.js';
import type { Joined } from './meshstore.js';

export const join: Handler<Readonly<{ word: string }>, Joined> = {
  run: (context, { word }) => context.mesh.join(word),
  show: ({ name, addresses, members, by, restart }) =>
    [
      `This node is ${name} now, let in by ${by}; the mesh has ${members} members.`,
      `  addresses  ${addresses.join(', ')}`,
      restart ? 'Next: `kith up` starts it.' : 'See `kith peers` for how each of them is reached.',
    ].join('\n'),
};
