// Packages and indices for apk-tools 3, read by a reader of our own that was first held against a
// package made by the real `apk mkpkg`.

import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Apk, apkPattern, writeApk, writeApkIndex } from '../../../flash/package/apk.js';
import { file, link, treeOf } from '../../../flash/package/tree.js';
import { type Adb, isSignedBy, readAdb, type Value } from './adbreader.js';
import { LONG, sample } from './sample.js';

const apk = suite('flash/package/apk');

// apk mkpkg 3.0.6 with the files of `likeReal`, --sign-key, SOURCE_DATE_EPOCH=1700000000
const REAL = Buffer.from(
  [
    'QURCZO3Tf2gbZRjA8Te/mhh/rMOOla7I1Y1ZsU1SWvEHcWTBOUTHcK5OtlV2zS690CwX7k7XSRnBVpirbEKqdE5waC',
    'f4q5T9VVFR6hTLwPlHwVpQig4maKmCqKBTn0uuUPzbP78feHJ53rzv8773XG77/dlEOTc4kA6pmvaQWmpw9CPlohHr',
    'SqQSqU6762ZdK+u5QX3A0PKWrbmG4zoNJUu3c2Zo14N7NwwWXFNLe5+ZopXTi6bluNti/Z2OkbNKh5UKSt1dSlWiem',
    'e+YDuulx+S3NvSVGrpcYmwbVmu5GGJ5YBqHJbfh/05nlGZEzLcnJefk3Ev1+5Z2bRu/9jC2Imd7Yfe2FxZLG4M3Prt',
    'E59uzT/zx/PuqQP3eQt/edTwalbW1GyQPCbXBalxk1KN80pp05LHpX5SjpwvDNTO/IN3Lq9GoL7fDQE5g1V2vTNs8c',
    'cixpGye0z7fvpiduKv1qaX//z18zPWe1tum9p+5fDZ6sOTL57ZNLRnprd2X5P/OUOP1DgoNZV/hnsljxR1W/q8+2jH',
    'uzvOmw+0/FhdPtXzSDZx4M3O8Y9bunsvBa8efOju48pbP+qvL68P1NaflDxcLJQGo+pc7Vh+P/9Zs29U8osyb17WRf',
    'x9vVuck7G43Fuy/uxr64oy5x2JKwG/D0G/D0Hpw5OO7fWhwx/TvgldeLXr/Mnj4+kPP9v9tv53Zml5353V2MjXU9ne',
    'ZbO6Tuau9t2bv8HfOy3ro1Ir2V8o1f4XwfpeQ37diuRNixOXm38f3TYcOXs6bc6v7Cw2vzbmNc2vJ7UrEzK/Wa4dEt',
    '0S3vhdEmqNqvRp9XtZasscNS7XSYkmucd2iVbZLyVxQuI6I2daWtk24kqt/g8bQ9JjuU7L7z9LtIZqz0/1KZVR4bnZ',
    'hee+2/uCHr58tHt23y2XUjuCberaseYbE0/vz1d63p/bONP6Ujo2NFv5su+xZ+PZ0x2TQ68EtetH0plM/rcv5kY+6g',
    'v99In9QWhp6vaVq6/PvPVV4+KFa3dI/Rb/XQhIPGXYTsEqabX3M14/1/D6QCWi6u9aFAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAA/O+UaFOq4n0JSGxuS/YXSknHjBs509K6EqlEKq7q/gU=',
  ].join(''),
  'base64',
);
const REAL_KEY = [
  '-----BEGIN PUBLIC KEY-----',
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGfGXaTDujEzkyko4GvHfVp6U3qFp',
  'JRnXTOb6ZxW1OgLd0TzNngVgjxiND+OiwXruKUS8Zf4sFuSF3M0L7ShSVQ==',
  '-----END PUBLIC KEY-----',
].join('\n');

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

const likeReal = sample('1.0.0', {
  architecture: 'noarch',
  depends: ['b-second', 'a-first'],
  scripts: { preinst: 'echo pre\n' },
  tree: treeOf([
    file('usr/bin/sample', '#!/bin/sh\necho 1.0.0\n', 0o755),
    file('etc/config/sample', 'version 1.0.0\n', 0o600),
    file('opt/sample/empty', ''),
    file('opt/sample/large', new Uint8Array(70_000).fill(7)),
    link('opt/sample/link', 'empty'),
  ]),
});

const read = ({ bytes }: Apk) => readAdb(Buffer.from(bytes));
const slot = (value: Value | undefined, ...path: number[]) =>
  path.reduce<Value | undefined>(
    (inner, number) => (inner as { readonly [slot: number]: Value })[number],
    value,
  );

const list = (value: Value | undefined): Value[] =>
  typeof value === 'object' && value !== null ? Object.values(value) : [];

/** Every folder with its rights, every file with all that is said of it. */
function paths({ root }: Adb): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const folder of list(root[2])) {
    const name = String(slot(folder, 1) ?? '');
    found.set(`${name}/`, slot(folder, 2) ?? null);
    for (const one of list(slot(folder, 3))) found.set(`${name}/${String(slot(one, 1))}`, one);
  }
  return found;
}

apk('the reader reads what apk mkpkg wrote, and takes its signature for good', () => {
  const real = readAdb(REAL);
  assert.is(real.schema, 'pckg');
  assert.is(String(slot(real.root, 1, 1)), 'sample');
  assert.ok(isSignedBy(real, REAL_KEY));
  assert.not(isSignedBy(real, publicKey));
});

apk('we say the same as apk mkpkg of the same files', () => {
  const real = readAdb(REAL);
  const ours = read(writeApk(likeReal, key));
  for (const field of [1, 2, 4, 5, 6, 7, 8, 15])
    assert.equal(slot(ours.root, 1, field), slot(real.root, 1, field), `info ${field}`);
  const [mine, theirs] = [paths(ours), paths(real)];
  for (const [path, said] of theirs) assert.equal(mine.get(path), said, path);
  const more = [...mine.keys()].filter((path) => !theirs.has(path) && !path.startsWith('lib'));
  assert.equal(more, []);
});

apk('signed by our key, and by no other; a changed byte is seen', () => {
  const bytes = Buffer.from(writeApk(sample('1.0.0'), key).bytes);
  const adb = readAdb(bytes);
  assert.ok(isSignedBy(adb, publicKey));
  assert.not(isSignedBy(adb, REAL_KEY));
  const changed = Buffer.from(adb.database);
  changed.writeUInt8(changed.readUInt8(40) ^ 1, 40);
  assert.not(isSignedBy({ ...adb, database: changed }, publicKey));
  assert.is(readAdb(Buffer.from(writeApk(sample('1.0.0'), undefined).bytes)).signatures.length, 0);
});

apk('the contents of all files are there, at their places, with their hashes', () => {
  const contents = sample('1.0.0', { architecture: 'noarch' });
  const adb = read(writeApk(contents, key));
  const folders = list(adb.root[2]);
  const found = new Map(
    adb.files.map(({ folder, file: number, bytes }) => {
      const inside = folders[folder - 1];
      const entry = list(slot(inside, 3))[number - 1];
      assert.equal(slot(entry, 5), createHash('sha256').update(bytes).digest());
      return [`${String(slot(inside, 1))}/${String(slot(entry, 1))}`, bytes];
    }),
  );
  for (const entry of contents.tree)
    if (entry.kind === 'file' && entry.bytes.length > 0)
      assert.equal(found.get(entry.path), Buffer.from(entry.bytes), entry.path);
  assert.ok(found.has(LONG));
  const names = found.get('lib/apk/packages/sample.list')?.toString() ?? '';
  assert.match(names, '/opt/sample/link\n');
  assert.is(found.get('lib/apk/packages/sample.conffiles')?.toString(), '/etc/config/sample\n');
  assert.match(
    found.get('lib/apk/packages/sample.conffiles_static')?.toString() ?? '',
    /^\/etc\/config\/sample [0-9a-f]{64}\n$/,
  );
});

apk('its own hash is that of the database with zeros in its place', () => {
  const { database } = writeApk(sample('1.0.0'), key);
  const copy = Buffer.from(database);
  const hash = slot(readAdb(REAL).root, 1, 3) as Buffer;
  const own = slot(read(writeApk(sample('1.0.0'), key)).root, 1, 3) as Buffer;
  assert.is(own.length, hash.length);
  copy.fill(0, copy.indexOf(own), copy.indexOf(own) + own.length);
  assert.equal(createHash('sha256').update(copy).digest().subarray(0, 20), own);
  const real = Buffer.from(readAdb(REAL).database); // the real one keeps the same rule
  real.fill(0, real.indexOf(hash), real.indexOf(hash) + hash.length);
  assert.equal(createHash('sha256').update(real).digest().subarray(0, 20), hash);
});

apk('an index is sorted, names files by a pattern, and is signed', () => {
  const apks = ['sample', 'another'].map((name) => writeApk({ ...sample('1.0.0'), name }, key));
  const index = readAdb(Buffer.from(writeApkIndex(apks, apkPattern('aarch64'), key)));
  assert.is(index.schema, 'indx');
  assert.ok(isSignedBy(index, publicKey));
  const packages = list(index.root[2]);
  assert.equal(
    packages.map((one) => String(slot(one, 1))),
    ['another', 'sample'],
  );
  assert.is(String(index.root[3]), '$' + '{name}-$' + '{version}-aarch64.apk');
  assert.is(slot(packages[1], 13), apks[0]!.bytes.length);
  const whole = createHash('sha256').update(apks[0]!.database).digest();
  assert.equal(slot(packages[1], 3), whole);
});

apk('same input, same bytes, but for the signature', () => {
  const once = writeApk(sample('1.0.0'), undefined).bytes;
  assert.equal(writeApk(sample('1.0.0'), undefined).bytes, once);
});

apk.run();
