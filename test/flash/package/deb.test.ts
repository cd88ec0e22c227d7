// Packages for Debian in the hands of the real dpkg, on a root of their own: install, upgrade,
// remove, purge.
// needs: root, busybox-static

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeDeb } from '../../../flash/package/deb.js';
import { bareRoot, difference, dpkg, filesIn } from './root.js';
import { folder, sample } from './sample.js';

const deb = suite('flash/package/deb');
const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const place = folder('deb');

function write(version: string): string {
  const path = join(place, `${version}.deb`);
  writeFileSync(path, writeDeb(sample(version, { architecture, depends: ['libc6 (>= 2.28)'] })));
  return path;
}

deb('dpkg-deb reads the fields and the files', () => {
  const path = write('1.2.3-beta.4');
  const field = (name: string) =>
    execFileSync('dpkg-deb', ['-f', path, name], { encoding: 'utf8' }).trim();
  assert.is(field('Package'), 'sample');
  assert.is(field('Version'), '1.2.3~beta4-1');
  assert.is(field('Architecture'), architecture);
  assert.is(field('Installed-Size'), '69');
  assert.match(
    execFileSync('dpkg-deb', ['-c', path], { encoding: 'utf8' }),
    './opt/sample/link ->',
  );
});

deb('a beta comes before its release, and after the release before', () => {
  const isLess = (a: string, b: string) =>
    spawnSync('dpkg', ['--compare-versions', a, 'lt', b]).status === 0;
  assert.ok(isLess('1.2.2-1', '1.2.3~beta4-1'));
  assert.ok(isLess('1.2.3~beta4-1', '1.2.3-1'));
});

deb('installed, upgraded, removed, purged: settings stay, then nothing does', () => {
  const root = bareRoot(['libc6']);
  const before = filesIn(root);
  dpkg(root, '-i', write('1.0.0'));
  assert.is(execFileSync('chroot', [root, '/usr/bin/sample'], { encoding: 'utf8' }), '1.0.0\n');
  const setting = join(root, 'etc/config/sample');
  writeFileSync(setting, 'mine\n');
  dpkg(root, '--force-confold', '-i', write('1.1.0'));
  assert.is(execFileSync('chroot', [root, '/usr/bin/sample'], { encoding: 'utf8' }), '1.1.0\n');
  assert.is(readFileSync(setting, 'utf8'), 'mine\n');
  assert.is(readFileSync(`${setting}.dpkg-dist`, 'utf8'), 'version 1.1.0\n');
  dpkg(root, '-r', 'sample');
  assert.is(readFileSync(setting, 'utf8'), 'mine\n');
  assert.not(existsSync(join(root, 'opt/sample')));
  dpkg(root, '-P', 'sample');
  const trace = readFileSync(join(root, 'trace'), 'utf8').split('\n');
  assert.equal(trace, [
    'preinst install ',
    'postinst configure ',
    'prerm upgrade ',
    'preinst upgrade ',
    'postrm upgrade ',
    'postinst configure ',
    'prerm remove ',
    'postrm remove ',
    'postrm purge ',
    '',
  ]);
  assert.equal(difference(before, filesIn(root)), ['+ trace 148', '- opt']);
});

deb('an altered package is refused', () => {
  const path = write('1.0.0');
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 200) ^ 1, bytes.length - 200);
  writeFileSync(path, bytes);
  const root = bareRoot(['libc6']);
  const ran = spawnSync('dpkg', [`--root=${root}`, '-i', path], { encoding: 'utf8' });
  assert.is.not(ran.status, 0);
  assert.equal(readdirSync(join(root, 'usr/bin')), []);
});

deb.run();
