// needs: root
// A disk that is too small, a real one in memory.

import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArchiveFolder } from '../../agent/update/archive.js';
import type { Target } from '../../agent/update/manifest.js';
import { Neighbours } from '../../agent/update/sources.js';
import type { Surroundings } from '../../agent/update/surroundings.js';
import { Works } from '../../agent/update/works.js';
import { noise } from './release.js';
import { removeArchives, Site } from './site.js';

const MEBIBYTE = 1_048_576;
const space = suite('update/space');
const like = new Site('0.1.0');
let small: Site;

space.before(() => {
  small = new Site('0.1.0');
  rmSync(small.root, { recursive: true });
  mkdirSync(small.root);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small.root]);
  assert.is(status, 0);
  spawnSync('cp', ['-a', `${like.root}/.`, small.root]);
});

space.after(() => {
  spawnSync('umount', [small.root]);
  for (const { folder } of [small, like]) rmSync(folder, { recursive: true });
  removeArchives();
});

space('said before anything is fetched', async () => {
  const slots = small.agent('0.1.0');
  const around = {
    slots,
    archives: new ArchiveFolder(slots.downloadFolder),
    settings: () => ({ url: null }),
    neighbours: () => [],
    log: () => {},
  };
  const { signal } = new AbortController();
  const works = new Works(around as unknown as Surroundings, new Neighbours(), signal);
  const fetch = async (target: Target) => {
    try {
      await works.fetch('0.2.0', target, signal, () => {});
      return 'fetched';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const target = { target: 'any', size: MEBIBYTE, unpacked: 6 * MEBIBYTE, chunks: noise(32) };
  assert.is(await fetch(target), '5 MiB more space is needed');
  assert.is(await fetch({ ...target, unpacked: MEBIBYTE }), 'nobody offers this release');
});

space('a disk that fills up meanwhile: nothing half is left, and the old one runs', async () => {
  const agent = small.agent('0.1.0');
  writeFileSync(join(small.root, 'hog'), noise(3 * MEBIBYTE));
  const archive = small.archive('0.2.0', { load: 2 * MEBIBYTE });
  try {
    await agent.install('0.2.0', createReadStream(archive), 4 * MEBIBYTE);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /ENOSPC/);
  }
  assert.equal(readdirSync(join(small.root, 'releases')), ['0.1.0']);
  assert.is(small.start(), '0.1.0');
  rmSync(join(small.root, 'hog'));
  await agent.install('0.2.0', createReadStream(archive), 4 * MEBIBYTE);
  agent.arm('0.2.0', 60, 'nobody');
  assert.is(small.start(), '0.2.0');
});

space.run();
