import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TarEntry, TarFailure, TarReader } from '../../agent/update/tar.js';
import { noise, scratch } from './release.js';

class Taken {
  readonly entries: (TarEntry & { content: string })[] = [];
  private pieces: Uint8Array[] = [];
  private entry: TarEntry | undefined;

  begin(entry: TarEntry): void {
    this.entry = entry;
    this.pieces = [];
  }

  data(bytes: Uint8Array): void {
    this.pieces.push(Uint8Array.from(bytes));
  }

  end(): void {
    assert.ok(this.entry);
    this.entries.push({ ...this.entry, content: Buffer.concat(this.pieces).toString('latin1') });
  }
}

function readAll(archive: Uint8Array, piece = 1_000, bytesMax = 1e9): Taken['entries'] {
  const taken = new Taken();
  const reader = new TarReader(taken, bytesMax);
  for (let at = 0; at < archive.length; at += piece) reader.push(archive.subarray(at, at + piece));
  reader.end();
  return taken.entries;
}

const refused = (archive: Uint8Array, what: RegExp, bytesMax = 1e9) =>
  assert.throws(
    () => readAll(archive, 10_240, bytesMax),
    (error: unknown) => error instanceof TarFailure && what.test(error.message),
  );

const folder = scratch();
const deep = `${'d'.repeat(90)}/${'e'.repeat(60)}`;

function real(): Buffer {
  const tree = join(folder, 'tree');
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(join(tree, deep), { recursive: true });
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'run'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(tree, 'exact'), noise(1_024));
  writeFileSync(join(tree, deep, 'far'), noise(1_025));
  symlinkSync('../run', join(tree, 'd'.repeat(90), 'link'));
  return execFileSync('tar', ['-c', '--format=ustar', '--sort=name', '-C', tree, '.']);
}

/** One header by hand, with a checksum that fits. */
function header(fields: Readonly<{ name?: string; type?: string; size?: number; link?: string }>) {
  const { name = 'file', type = '0', size = 0, link = '' } = fields;
  const block = Buffer.alloc(512);
  block.write(name, 0, 'latin1');
  block.write('0000644\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write(type, 156);
  block.write(link, 157, 'latin1');
  block.write('ustar\u000000', 257);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const END = Buffer.alloc(1_024);
const tar = suite('update/tar');

tar('what the real tar packs, in pieces of any size', () => {
  const archive = real();
  const whole = readAll(archive);
  const files = whole.filter(({ type }) => type === 'file');
  assert.equal(
    files.map(({ name }) => name).sort(),
    [`${deep}/far`, 'empty', 'exact', 'run'].sort(),
  );
  assert.is(files.find(({ name }) => name === 'exact')?.content, noise(1_024).toString('latin1'));
  assert.is(files.find(({ name }) => name.endsWith('far'))?.content.length, 1_025);
  const run = files.find(({ name }) => name === 'run');
  assert.is(run?.type === 'file' && run.mode & 0o111, 0o111);
  const link = whole.find(({ type }) => type === 'link');
  assert.is(link?.type === 'link' && link.target, '../run');
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), (piece) => {
      assert.equal(readAll(archive, piece), whole);
    }),
    { numRuns: 30 },
  );
});

tar('names that lead elsewhere', () => {
  for (const name of ['/etc/passwd', '../up', 'a/../../up', 'a//b', 'a\nb', 'a/./b'])
    refused(Buffer.concat([header({ name }), END]), /leads elsewhere/);
});

tar('links that lead elsewhere, and what lies behind a link', () => {
  for (const link of ['/etc', '..', '../..', 'x/../../y', ''])
    refused(Buffer.concat([header({ name: 'l', type: '2', link }), END]), /links to elsewhere/);
  const link = header({ name: 'l', type: '2', link: 'inside' });
  refused(Buffer.concat([link, header({ name: 'l/file' }), END]), /behind a link/);
  refused(Buffer.concat([link, header({ name: 'l' }), END]), /behind a link/);
});

tar('kinds that are none of ours, and the forms of other tars', () => {
  for (const type of ['1', '3', '4', '6', 'x', 'L', 'g'])
    refused(Buffer.concat([header({ type }), END]), /no file, folder or symbolic link/);
  real();
  const old = execFileSync('tar', ['-c', '--format=v7', '-C', join(folder, 'tree'), 'run']);
  refused(old, /no ustar/);
});

tar('damage, an early end, too much', () => {
  const archive = real();
  const flipped = Buffer.from(archive);
  flipped[3] = (flipped[3] ?? 0) ^ 1;
  refused(flipped, /damaged/);
  refused(archive.subarray(0, 1_536), /too early/);
  refused(archive, /larger than announced/, 2_000);
  refused(Buffer.concat([header({}), END, header({})]), /behind the end/);
});

tar('fuzz: it takes it, or throws TarFailure', () => {
  const archive = real();
  fc.assert(
    fc.property(fc.nat(archive.length - 1), fc.uint8Array({ maxLength: 16 }), (at, bytes) => {
      const altered = Buffer.from(archive);
      altered.set(bytes.subarray(0, altered.length - at), at);
      try {
        readAll(altered);
      } catch (error) {
        assert.instance(error, TarFailure);
      }
    }),
    { numRuns: 500 },
  );
});

tar.after(() => rmSync(folder, { recursive: true }));
tar.run();
