import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../agent/commands/failure.js';
import { publisher } from '../../agent/control/publisher.js';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { readManifest } from '../../agent/update/manifest.js';
import { makeTree, packTree } from '../update/release.js';

const folder = mkdtempSync(join(tmpdir(), 'kith-publisher-'));
const key = join(folder, 'key');
const here = publisher((bytes) => new Uint8Array(randomBytes(bytes)));
const publishers = suite('control/publisher');

const ORDER = { folder, key, version: '1.2.0', minimum: null, notes: '', channel: 'stable' };

async function fails(order: Partial<typeof ORDER>, what: RegExp): Promise<void> {
  try {
    await here.sign({ ...ORDER, ...order });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Failure);
    assert.match((error as Error).message, what);
  }
}

publishers('a key, once; and what it signs is read with its public half', async () => {
  const publicKey = here.makeKey(key);
  assert.is(statSync(key).mode & 0o777, 0o600);
  assert.throws(() => here.makeKey(key), /never overwritten/);
  assert.throws(() => here.makeKey(join(folder, 'none/key')), /ENOENT/);
  for (const target of ['x64-glibc', 'arm64-musl']) {
    const tree = join(folder, target);
    makeTree(tree, '1.2.0', { target });
    packTree(tree, join(folder, `kith-1.2.0-${target}.tar.gz`));
  }
  const { manifest, targets } = await here.sign({ ...ORDER, notes: 'new' });
  assert.equal(targets, ['arm64-musl', 'x64-glibc']);
  const keys = [new Uint8Array(Buffer.from(publicKey, 'base64'))];
  const read = readManifest(readFileSync(manifest), keys, ed25519.verify);
  assert.ok('version' in read);
  assert.equal(
    ['version' in read && read.version, 'notes' in read && read.notes],
    ['1.2.0', 'new'],
  );
});

publishers('what cannot be signed is a clear sentence', async () => {
  await fails({ version: '1.2' }, /"1\.2" is no version/);
  await fails({ version: '9.9.9' }, /has no kith-9\.9\.9-TARGET\.tar\.gz/);
  await fails({ channel: '../x' }, /no name of a channel/);
  await fails({ key: join(folder, 'absent') }, /cannot read the key .*ENOENT/);
  await fails({ folder: join(folder, 'absent') }, /cannot be used: ENOENT/);
  await fails({ notes: 'x'.repeat(3_000) }, /out of bounds/);
  writeFileSync(join(folder, 'word'), 'kith1abc\n');
  await fails({ key: join(folder, 'word') }, /holds no key/);
  writeFileSync(join(folder, 'kith-1.3.0-any.tar.gz'), 'no gzip');
  await fails({ version: '1.3.0' }, /is no gzip file/);
});

publishers.after(() => rmSync(folder, { recursive: true }));
publishers.run();
