// `kith config get`, `set` and `schema`.

import { valueAt, withValueAt } from '../config/path.js';
import { ConfigSchema } from '../config/schema.js';
import type { Handler } from './command.js';
import { Failure } from './failure.js';

/** The value itself, so that `--json` prints what stands in the file. */
export const configGet: Handler<Readonly<{ path: string }>> = {
  run(context, { path }) {
    const found = valueAt(context.store.read(), path);
    if ('problem' in found) throw new Failure('there is no such setting', [found.problem]);
    return found.value;
  },
  show: (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2)),
};

type SetGiven = Readonly<{ path: string; value: string }>;
type WasSet = Readonly<{ path: string; value: unknown; restart: readonly string[] }>;

export const configSet: Handler<SetGiven, WasSet> = {
  async run(context, { path, value }) {
    const { config, restart } = await context.store.update((before) => {
      const changed = withValueAt(before, path, value);
      if ('problems' in changed) throw new Failure('nothing was changed:', changed.problems);
      return changed.config;
    });
    if (restart.length > 0)
      context.note(`restart needed: ${restart.join(', ')} changes at the next start of the agent`);
    const now = valueAt(config, path);
    return { path, value: 'value' in now ? now.value : null, restart };
  },
  show: ({ path, value }) =>
    `${path}: ${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}`,
};

/** Rules between fields are not in it: JSON Schema cannot say them. */
export const configSchema: Handler = {
  async run() {
    const { toJsonSchema } = await import('@valibot/to-json-schema');
    const schema = toJsonSchema(ConfigSchema, { typeMode: 'input', errorMode: 'ignore' });
    return { title: 'kith.json', ...schema };
  },
  show: (schema) => JSON.stringify(schema, null, 2),
};
