// Packages and feeds for opkg: the form, and signatures that a foreign program takes for good. With
// the real opkg: npm run test:boards.

import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageVersion } from '../../../flash/package/contents.js';
import { writeIpk } from '../../../flash/package/ipk.js';
import { writeOpkgIndex } from '../../../flash/package/opkgindex.js';
import { usignKeyName, usignPublicKey, usignSign } from '../../../flash/package/usign.js';
import { folder, sample } from './sample.js';

const opkg = suite('flash/package/opkg');
const key = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const contents = sample('1.2.3', { depends: ['a', 'b'] });

opkg('a package is gzip and tar around three parts in their order', () => {
  const place = folder('ipk');
  writeFileSync(join(place, 'x.ipk'), writeIpk(contents));
  const tar = (...args: string[]) => execFileSync('tar', args, { cwd: place, encoding: 'utf8' });
  assert.is(tar('-tzf', 'x.ipk'), './debian-binary\n./data.tar.gz\n./control.tar.gz\n');
  tar('-xzf', 'x.ipk');
  assert.is(readFileSync(join(place, 'debian-binary'), 'utf8'), '2.0\n');
  const names = tar('-tzf', 'control.tar.gz').trim().split('\n');
  assert.equal(
    names,
    ['conffiles', 'control', 'postinst', 'postrm', 'preinst', 'prerm'].map((n) => `./${n}`),
  );
  tar('-xzf', 'control.tar.gz');
  const control = readFileSync(join(place, 'control'), 'utf8');
  for (const line of ['Package: sample', 'Version: 1.2.3-r1', 'Depends: a, b', 'Architecture: all'])
    assert.match(control, `${line}\n`);
  assert.is(readFileSync(join(place, 'conffiles'), 'utf8'), '/etc/config/sample\n');
  for (const script of ['preinst', 'postinst', 'prerm', 'postrm'])
    execFileSync('sh', ['-n', join(place, script)]);
});

opkg('the index has an entry per kind of core, all for one file', () => {
  const bytes = writeIpk(contents);
  const entry = { contents, architectures: ['one', 'two'], fileName: 'x.ipk', bytes };
  const entries = Buffer.from(writeOpkgIndex([entry]))
    .toString()
    .split('\n\n');
  assert.is(entries.length, 3);
  assert.is(entries[2], '');
  assert.match(entries[0] ?? '', /^Package: sample\n/);
  assert.match(entries[0] ?? '', '\nArchitecture: one\n');
  assert.is(entries[1], entries[0]?.replace('Architecture: one', 'Architecture: two'));
  const sum = execFileSync('sha256sum', { input: bytes, encoding: 'utf8' }).slice(0, 64);
  assert.match(entries[0] ?? '', `\nSize: ${bytes.length}\nSHA256sum: ${sum}\n`);
});

opkg('signify takes the signature for good, and not that of an altered index', () => {
  const place = folder('usign');
  const index = Buffer.from('Package: sample\n');
  writeFileSync(join(place, 'key.pub'), usignPublicKey(key, 'a key'));
  writeFileSync(join(place, 'Packages'), index);
  writeFileSync(join(place, 'Packages.sig'), usignSign(index, key, 'signed by it'));
  const verify = () =>
    spawnSync('signify-openbsd', ['-V', '-p', 'key.pub', '-m', 'Packages'], { cwd: place });
  const good = verify();
  assert.is(good.status, 0, String(good.stderr));
  writeFileSync(join(place, 'Packages'), 'Package: sampler\n');
  assert.is.not(verify().status, 0);
  assert.match(usignKeyName(key), /^[0-9a-f]{16}$/);
  const inKey = Buffer.from(usignPublicKey(key, 'a key').split('\n')[1] ?? '', 'base64');
  assert.is(inKey.subarray(2, 10).toString('hex'), usignKeyName(key));
  assert.throws(() => usignPublicKey(key, 'two\nlines'), /more than one line/);
});

opkg('versions in the words of each package manager', () => {
  const all = (version: string) =>
    (['opkg', 'apk', 'dpkg'] as const).map((format) => packageVersion(version, 2, format));
  assert.equal(all('1.2.3'), ['1.2.3-r2', '1.2.3-r2', '1.2.3-2']);
  assert.equal(all('1.2.3-rc.1'), ['1.2.3~rc1-r2', '1.2.3_rc1-r2', '1.2.3~rc1-2']);
  for (const bad of ['', '1.2.3-nightly.5', '1.2.3+build', 'v1', '1.2.3 '])
    assert.equal(all(bad), [undefined, undefined, undefined], bad);
});

opkg.run();
