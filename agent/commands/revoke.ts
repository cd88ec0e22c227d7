// `kith revoke`.

import type { Handler } from './command.js';

type Revoked = Readonly<{ name: string; was: 'member' | 'invite' }>;

export const revoke: Handler<Readonly<{ name: string }>, Revoked> = {
  run: async (context, { name }) => ({ name, was: await context.mesh.revoke(name) }),
  show: ({ name, was }) =>
    was === 'member'
      ? `${name} is no member any more; all nodes that are up have been told.`
      : `The invite for ${name} opens nothing any more.`,
};
