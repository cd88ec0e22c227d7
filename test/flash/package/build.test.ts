// `kith flash package` as a whole, without Node in it: the folder it leaves, and kith itself in the
// hands of dpkg.
// needs: root, busybox-static, signify-openbsd

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPackages, type Row } from '../../../flash/package/build.js';
import { Fetched } from '../../../flash/package/fetched.js';
import { feedKeys } from '../../../flash/package/keys.js';
import { packageProgram } from '../../../flash/package/program.js';
import { TARGETS } from '../../../flash/package/targets.js';
import { played } from '../stage.js';
import { isSignedBy, readAdb } from './adbreader.js';
import { bareRoot, difference, dpkg, filesIn } from './root.js';
import { folder } from './sample.js';

const build = suite('flash/package/build');
const ROOT = join(import.meta.dirname, '../../..');
const cpu = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const keyFolder = join(folder('keys'), 'feed-keys');

async function make(version: string): Promise<{ out: string; rows: Row[] }> {
  const out = folder(`packages-${version}`);
  const targets = TARGETS.filter((target) => target.cpu === cpu);
  const order = { root: ROOT, version, time: 1_700_000_000, targets, withRuntime: false, out };
  const fetched = new Fetched(folder('cache'), () => {}, new AbortController().signal);
  return { out, rows: await buildPackages(order, feedKeys(keyFolder), fetched, () => {}) };
}

const first = await make('1.0.0');
const second = await make('1.1.0');
const fileOf = ({ out, rows }: typeof first, kind: Row['kind']) =>
  join(out, rows.find((row) => row.kind === kind)?.file ?? 'none');

build('what lies there is what packages.json says, flat', () => {
  const { out, rows } = first;
  assert.equal(JSON.parse(readFileSync(join(out, 'packages.json'), 'utf8')), rows);
  assert.equal(rows.map(({ kind }) => kind).sort(), ['apk', 'deb', 'ipk', 'update']);
  for (const { file, bytes, sha256, installedBytes } of rows) {
    const content = readFileSync(join(out, file));
    assert.is(content.length, bytes);
    assert.is(createHash('sha256').update(content).digest('hex'), sha256);
    assert.ok(installedBytes > bytes);
  }
  assert.ok(readdirSync(out, { withFileTypes: true }).every((entry) => entry.isFile()));
});

build('the feeds are signed by keys that are kept to themselves', () => {
  const { out } = first;
  const [opkgKey = ''] = readdirSync(out).filter((name) => /^opkg-[0-9a-f]{16}\.pub$/.test(name));
  const signify = ['-V', '-q', '-p', opkgKey, '-m', 'Packages', '-x', 'Packages.sig'];
  assert.is(spawnSync('signify-openbsd', signify, { cwd: out }).status, 0);
  const packed = execFileSync('gzip', ['-dc', join(out, 'Packages.gz')]);
  assert.equal(packed, readFileSync(join(out, 'Packages')));
  const pem = readFileSync(join(out, 'apk-kith.pem'), 'utf8');
  const apk = readAdb(readFileSync(fileOf(first, 'apk')));
  assert.ok(isSignedBy(apk, pem));
  assert.ok(isSignedBy(readAdb(readFileSync(join(out, `packages-${cpu}.adb`))), pem));
  assert.is(statSync(keyFolder).mode & 0o777, 0o700);
  for (const name of readdirSync(keyFolder))
    assert.is(statSync(join(keyFolder, name)).mode & 0o777, 0o600, name);
  const secrets = readdirSync(keyFolder).map((name) => readFileSync(join(keyFolder, name), 'utf8'));
  for (const name of readdirSync(out)) {
    const text = readFileSync(join(out, name), 'latin1');
    assert.not(text.includes('PRIVATE KEY'), name);
    for (const secret of secrets) assert.not(text.includes(secret.split('\n')[1] ?? 'x'), name);
  }
});

build('same input, same bytes: all but what is signed by a fresh random number', async () => {
  const again = await make('1.0.0');
  const sums = ({ rows }: typeof first) =>
    rows.filter(({ kind }) => kind !== 'apk').map(({ file, sha256 }) => `${file} ${sha256}`);
  assert.equal(sums(again), sums(first));
  const database = (made: typeof first) => readAdb(readFileSync(fileOf(made, 'apk'))).database;
  assert.equal(database(again), database(first));
});

build(
  'dpkg installs, upgrades, removes and purges kith; settings outlive all but the purge',
  () => {
    const root = bareRoot(['nodejs', 'iproute2', 'nftables']);
    mkdirSync(join(root, 'usr/lib/kith/runtime/bin'), { recursive: true });
    const node = join(root, 'usr/lib/kith/runtime/bin/node'); // stands for kith-runtime
    writeFileSync(node, '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
    const before = filesIn(root);
    const kith = () => execFileSync('chroot', [root, '/usr/bin/kith', 'a b'], { encoding: 'utf8' });
    dpkg(root, '-i', fileOf(first, 'deb'));
    assert.is(kith(), '/opt/kith/releases/1.0.0/dist/kith.js a b\n');
    mkdirSync(join(root, 'etc/kith'));
    writeFileSync(join(root, 'etc/kith/identity'), 'mine');
    dpkg(root, '-i', fileOf(second, 'deb'));
    assert.is(kith(), '/opt/kith/releases/1.1.0/dist/kith.js a b\n');
    assert.equal(readdirSync(join(root, 'opt/kith/releases')), ['1.1.0']);
    assert.is(readFileSync(join(root, 'etc/kith/identity'), 'utf8'), 'mine');
    dpkg(root, '-r', 'kith');
    assert.equal(difference(before, filesIn(root)), ['+ etc/kith', '+ etc/kith/identity 4']);
    dpkg(root, '-P', 'kith');
    assert.equal(difference(before, filesIn(root)), []);
  },
);

build('the command refuses what it cannot do, and says what there is', async () => {
  const given = { all: false, list: false, target: [], withoutRuntime: true };
  const refused = async (more: object, message: RegExp) => {
    try {
      await packageProgram.run({ ...given, ...more }, played());
    } catch (error) {
      return assert.match(String((error as Error).message), message);
    }
    assert.unreachable('not refused');
  };
  await refused({}, /--all or --target NAME: there is openwrt-aarch64/);
  await refused({ target: ['openwrt-mips'] }, /no target "openwrt-mips": there is/);
  await refused({ all: true }, /lacks --out DIR/);
  const stage = played({ json: true });
  assert.is(await packageProgram.run({ ...given, list: true }, stage), 0);
  assert.is((JSON.parse(stage.seen.out) as unknown[]).length, TARGETS.length);
});

build.run();
