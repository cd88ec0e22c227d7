// `kith admin add` and `kith admin remove`.

import type { Handler } from './command.js';

type Given = Readonly<{ name: string; key?: string }>;
type Done = Readonly<{ name: string; admin: boolean }>;

function set(admin: boolean): Handler<Given, Done> {
  return {
    run: async (context, { name, key }) => {
      await context.mesh.setAdmin(name, admin, key);
      return { name, admin };
    },
    show: ({ name }) => (admin ? `${name} is an admin now.` : `${name} is no admin any more.`),
  };
}

export const adminAdd = set(true);
export const adminRemove = set(false);
