// `kith flash package`: what was asked for, in terms of what there is.

import { join, resolve } from 'node:path';
import { Failure, UsageFailure } from '../../agent/commands/failure.js';
import { formatTable } from '../../agent/commands/table.js';
import { VERSION } from '../../agent/control/version.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { buildPackages, isPackageable } from './build.js';
import { Fetched } from './fetched.js';
import { feedKeys } from './keys.js';
import { CHECKOUT, cacheFolder, releaseTime } from './surroundings.js';
import { TARGETS, type Target } from './targets.js';

export type Given = Readonly<{
  all: boolean;
  list: boolean;
  target: readonly string[];
  out?: string;
  withoutRuntime: boolean;
  cache?: string;
  keys?: string;
}>;

export const packageProgram: Program<Given> = {
  async run(given: Given, stage: Stage): Promise<number> {
    if (given.list) {
      const rows = TARGETS.map(({ name, help }) => [name, help]);
      stage.out(stage.json ? `${JSON.stringify(TARGETS)}\n` : `${formatTable(rows)}\n`);
      return 0;
    }
    const targets = chosen(given);
    if (given.out === undefined)
      throw new UsageFailure('"flash package" lacks --out DIR, where the packages go');
    if (!isPackageable(VERSION))
      throw new Failure(`the version ${VERSION} has no form that apk, opkg and dpkg know`);
    const out = resolve(given.out);
    const say = (line: string) => stage.error(`${line}\n`);
    const order = {
      root: CHECKOUT,
      version: VERSION,
      time: releaseTime(),
      targets,
      withRuntime: !given.withoutRuntime,
      out,
    };
    const fetched = new Fetched(resolve(given.cache ?? cacheFolder()), say, stage.stop);
    const keys = feedKeys(resolve(given.keys ?? join(stage.statePath, 'feed-keys')));
    try {
      const rows = await buildPackages(order, keys, fetched, say);
      stage.out(
        stage.json ? `${JSON.stringify(rows)}\n` : `${rows.map((r) => r.file).join('\n')}\n`,
      );
      return 0;
    } catch (error) {
      if (stage.stop.aborted) return STOPPED;
      throw error;
    }
  },
};

function chosen({ all, target }: Given): readonly Target[] {
  if (all) return TARGETS;
  const unknown = target.find((name) => !TARGETS.some((one) => one.name === name));
  const names = TARGETS.map(({ name }) => name).join(', ');
  if (unknown !== undefined)
    throw new UsageFailure(`there is no target "${unknown.slice(0, 64)}": there is ${names}`);
  if (target.length === 0)
    throw new UsageFailure(`"flash package" lacks --all or --target NAME: there is ${names}`);
  return TARGETS.filter(({ name }) => target.includes(name));
}
