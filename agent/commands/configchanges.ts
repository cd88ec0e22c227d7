// `kith config patch`, `apply`, `confirm` and `rollback`.

import { patchedConfig } from '../config/patch.js';
import type { Config } from '../config/schema.js';
import { parseConfig } from '../config/validate.js';
import type { Handler } from './command.js';
import type { Context } from './context.js';
import { Failure } from './failure.js';

type Changed = Readonly<{
  restart: readonly string[];
  pending: number | null; // seconds until it is taken back
}>;

type PatchGiven = Readonly<{ patch: string; confirm?: number | undefined }>;

export const configPatch: Handler<PatchGiven, Changed> = {
  run(context, { patch, confirm }) {
    const value = parsedJson(patch);
    return change(context, confirm, (before) => {
      const changed = patchedConfig(before, value);
      if ('problems' in changed) throw new Failure('nothing was changed:', changed.problems);
      return changed.config;
    });
  },
  show: said,
};

type ApplyGiven = Readonly<{ config?: string | undefined; confirm?: number | undefined }>;

export const configApply: Handler<ApplyGiven, Changed> = {
  run(context, { config, confirm }) {
    if (config === undefined) {
      if (confirm !== undefined)
        throw new Failure('give the new configuration too: of an edited file the old one is lost');
      return change(context, undefined, (now) => now);
    }
    const parsed = parseConfig(config);
    if ('problems' in parsed) throw new Failure('nothing was changed:', parsed.problems);
    return change(context, confirm, () => parsed.config);
  },
  show: said,
};

export const configConfirm: Handler<unknown, { kept: true }> = {
  run({ changes }) {
    if (!changes?.confirm()) throw new Failure('no change waits to be confirmed');
    return { kept: true };
  },
  show: () => 'the change stays',
};

export const configRollback: Handler<unknown, Changed> = {
  async run(context) {
    const outcome = await context.changes?.takeBack();
    if (outcome) return { restart: outcome.restart, pending: null };
    const last = context.store.previous();
    if (!last) throw new Failure('there is nothing to take back');
    return change(context, undefined, () => last);
  },
  show: said,
};

async function change(
  context: Context,
  confirm: number | undefined,
  to: (before: Config) => Config,
): Promise<Changed> {
  const { store, changes } = context;
  if (confirm !== undefined && !changes)
    throw new Failure('--confirm takes a running agent: nobody else could take the change back');
  const { restart } =
    confirm !== undefined && changes ? await changes.attempt(to, confirm) : await store.update(to);
  if (restart.length > 0)
    context.note(`restart needed: ${restart.join(', ')} changes at the next start of the agent`);
  return { restart, pending: confirm ?? null };
}

function said({ pending }: Changed): string {
  if (pending === null) return 'done';
  return `done, for ${pending} s: \`kith config confirm\` keeps it, else it is taken back`;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('the patch is not JSON');
  }
}
