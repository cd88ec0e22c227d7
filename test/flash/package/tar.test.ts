// Our archives as the stock tar, our own updater and ar read them.

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TarEntry, TarReader } from '../../../agent/update/tar.js';
import { writeAr } from '../../../flash/package/ar.js';
import { gzip, writeTar } from '../../../flash/package/tar.js';
import { file, link, treeOf } from '../../../flash/package/tree.js';
import { folder, LONG, sample } from './sample.js';

const tar = suite('flash/package/tar');
const { tree, time } = sample('1.0.0');

tar('the stock tar unpacks it: contents, modes, links, times, owner', () => {
  const place = folder('tar');
  writeFileSync(join(place, 'a.tar.gz'), gzip(writeTar(tree, time)));
  execFileSync('tar', ['-xzpf', 'a.tar.gz'], { cwd: place });
  for (const entry of tree) {
    const path = join(place, entry.path);
    if (entry.kind === 'link') continue;
    const { mode, mtimeMs, uid } = statSync(path);
    assert.is(mode & 0o777, entry.mode, entry.path);
    assert.is(uid, process.getuid?.() === 0 ? 0 : process.getuid?.());
    assert.is(mtimeMs, time * 1000, entry.path);
    if (entry.kind === 'file') assert.equal(readFileSync(path), Buffer.from(entry.bytes));
  }
  const listed = execFileSync('tar', ['-tvzf', join(place, 'a.tar.gz')], { encoding: 'utf8' });
  assert.match(listed, 'root/root');
  assert.match(listed, './opt/sample/link -> empty');
});

tar('the updater reads it', () => {
  const seen: TarEntry[] = [];
  const taker = { begin: (entry: TarEntry) => seen.push(entry), data() {}, end() {} };
  const reader = new TarReader(taker, 2 ** 20);
  reader.push(writeTar(tree, time, ''));
  reader.end();
  assert.equal(
    seen.map(({ name }) => name),
    tree.map(({ path }) => path),
  );
  assert.ok(seen.some(({ name }) => name === LONG));
});

tar('same input, same bytes, whatever the order it came in', () => {
  const turned = treeOf([...tree].reverse());
  assert.equal(Buffer.from(gzip(writeTar(turned, 1))), Buffer.from(gzip(writeTar(tree, 1))));
});

tar('what no archive can hold is refused', () => {
  assert.throws(() => writeTar(treeOf([file('x'.repeat(101), '')]), 0), /name too long/);
  assert.throws(() => writeTar([link('a', 'b'.repeat(101))], 0), /too long a path/);
  for (const path of ['/etc/x', '../x', 'a//b', './a', ''])
    assert.throws(() => treeOf([file(path, '')]), /not plain/, path);
  assert.throws(() => treeOf([file('a', '1'), file('a', '2')]), /twice/);
});

// that dpkg reads it is seen in deb.test.ts
tar('ar: members of odd length are filled up', () => {
  const members = ['', 'odd', 'even'].map((text, i) => ({
    name: `m${i}`,
    bytes: Buffer.from(text),
  }));
  const text = Buffer.from(writeAr(members, time)).toString('latin1');
  assert.is(text.length, 8 + 3 * 60 + 0 + 4 + 4);
  assert.ok(text.endsWith('`\neven'));
});

tar.run();
