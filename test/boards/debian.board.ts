// The .deb packages on a fresh Debian from debootstrap, by its own apt and dpkg: installed with the
// Node that travels, upgraded, removed, purged without a trace.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPackages } from '../../flash/package/build.js';
import { Fetched } from '../../flash/package/fetched.js';
import { feedKeys } from '../../flash/package/keys.js';
import { TARGETS } from '../../flash/package/targets.js';
import { difference, filesIn } from '../flash/package/root.js';
import { folder } from '../flash/package/sample.js';
import { CACHE } from './cache.js';
import { needPrograms } from './needed.js';

const debian = suite('boards/debian');
const ROOT = join(import.meta.dirname, '../..');
const SUITE = 'bookworm';
const ARCHITECTURE = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();

needPrograms({ debootstrap: 'debootstrap' });
const root = folder('debian');
const packages = ['--variant=minbase', '--include=iproute2,nftables,libstdc++6'];
execFileSync('debootstrap', [...packages, SUITE, root], { stdio: 'pipe' });
mkdirSync(join(root, 'packages'));
for (const [version, withRuntime] of [
  ['1.0.0', true],
  ['1.1.0', false],
] as const) {
  const out = folder('debs');
  const targets = TARGETS.filter(({ name }) => name === `debian-${ARCHITECTURE}`);
  const order = { root: ROOT, version, time: 1_700_000_000, targets, withRuntime, out };
  const fetched = new Fetched(CACHE, () => {}, new AbortController().signal);
  await buildPackages(order, feedKeys(folder('keys')), fetched, () => {});
  for (const name of readdirSync(out))
    if (name.endsWith('.deb')) copyFileSync(join(out, name), join(root, 'packages', name));
}

function inside(line: string): string {
  return execFileSync('chroot', [root, '/bin/sh', '-c', line], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', HOME: '/' },
  });
}

debian('apt installs, dpkg upgrades, removes and purges; nothing of ours is left', () => {
  const before = filesIn(root);
  inside(
    'cd /packages && apt-get install -y --no-install-recommends ./kith_1.0*.deb ./kith-run*.deb',
  );
  assert.match(inside('kith --version'), /^\d+\.\d+\.\d+/);
  assert.match(inside('ls /usr/lib/systemd/system'), 'kith.service');
  inside('dpkg --verify kith kith-runtime');
  assert.is(inside('dpkg --verify kith kith-runtime'), '');
  inside('kith config get --state /etc/kith >/dev/null 2>&1 || mkdir -p /etc/kith');
  writeFileSync(join(root, 'etc/kith/mine'), 'kept');
  inside('dpkg -i /packages/kith_1.1.0*.deb');
  assert.match(inside('readlink -f /opt/kith/current'), '/opt/kith/releases/1.1.0');
  assert.is(readFileSync(join(root, 'etc/kith/mine'), 'utf8'), 'kept');
  inside('kith --version');
  inside('dpkg -r kith kith-runtime');
  assert.ok(existsSync(join(root, 'etc/kith/mine')));
  inside('dpkg -P kith kith-runtime');
  const left = difference(before, filesIn(root));
  const kept = /^[+-] (var\/cache\/|var\/lib\/apt\/|etc\/ld\.so\.cache)/; // apt's and ldconfig's
  assert.equal(
    left.filter((line) => !kept.test(line)),
    [],
  );
});

debian.run();
