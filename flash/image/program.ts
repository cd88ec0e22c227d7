// `kith flash image`: what was asked for, in terms of what there is.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';
import { VERSION } from '../../agent/control/version.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { Fetched } from '../package/fetched.js';
import { CHECKOUT, cacheFolder, releaseTime } from '../package/surroundings.js';
import { buildImage } from './build.js';

type Given = Readonly<{ out: string; cache?: string; mirror?: string }>;

export const imageProgram: Program<Given> = {
  async run(given: Given, stage: Stage): Promise<number> {
    const say = (line: string) => stage.error(`${line}\n`);
    const fetched = new Fetched(resolve(given.cache ?? cacheFolder()), say, stage.stop);
    const order = {
      root: CHECKOUT,
      version: VERSION,
      time: releaseTime(),
      out: resolve(given.out),
    };
    try {
      const files = await buildImage(order, fetched, given.mirror ?? debianArchive(), say);
      stage.out(stage.json ? `${JSON.stringify(files)}\n` : `${files.image}\n${files.update}\n`);
      return 0;
    } catch (error) {
      if (stage.stop.aborted) return STOPPED;
      throw error;
    }
  },
};

/** Where this machine's apt gets Debian from. Throws Failure. */
export function debianArchive(): string {
  const args = ['indextargets', '--format', '$(ORIGIN) $(SUITE) $(REPO_URI)'];
  const { stdout } = spawnSync('apt-get', [...args, 'Created-By: Packages'], { encoding: 'utf8' });
  const rows = (stdout ?? '').split('\n').map((line) => line.split(' '));
  const found = rows.find(([origin, suite]) => origin === 'Debian' && !suite?.includes('-'));
  if (found?.[2] !== undefined) return found[2];
  throw new Failure(
    "this machine's apt has no archive of Debian: name one with --mirror URL (and apt-get update " +
      'must have run once)',
  );
}
