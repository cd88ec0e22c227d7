// This very Node, stripped and with a loader and libraries of its own, really runs on them.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { relocated, stripped } from '../../../flash/package/elf.js';
import { folder } from './sample.js';

const elf = suite('flash/package/elf');

/** Paths of the loader and of all libraries that a program needs here. */
function librariesOf(program: string): string[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
}

elf('Node runs with the loader and the libraries beside it alone', () => {
  const place = folder('elf');
  mkdirSync(join(place, 'lib'));
  const paths = librariesOf(process.execPath);
  for (const path of paths) copyFileSync(realpathSync(path), join(place, 'lib', basename(path)));
  const loader = join(place, 'lib', basename(paths.find((path) => /ld-linux/.test(path)) ?? ''));
  const slim = stripped(readFileSync(process.execPath));
  assert.ok(slim.length <= statSync(process.execPath).size);
  const node = join(place, 'node');
  writeFileSync(node, relocated(slim, loader, join(place, 'lib')), { mode: 0o755 });
  const show = 'process.stdout.write(require("fs").readFileSync("/proc/self/maps", "utf8"))';
  const maps = execFileSync(node, ['-e', show], { encoding: 'utf8', env: {} });
  const mapped = new Set([...maps.matchAll(/ (\/\S*\.so\S*)$/gm)].map(([, path = '']) => path));
  assert.ok(mapped.size >= 4, maps);
  for (const path of mapped) assert.ok(path.startsWith(`${place}/`), path);
  assert.is(execFileSync(node, ['-p', 'process.execPath'], { encoding: 'utf8' }).trim(), node);
  rmSync(loader);
  assert.throws(() => execFileSync(node, ['-p', '1'], { stdio: 'pipe' }), /ENOENT/);
});

elf('what is no such program is refused', () => {
  assert.throws(() => stripped(Buffer.alloc(100)), /no 64-bit ELF file/);
  const [library = ''] = librariesOf(process.execPath).filter((path) => /libdl|libm\./.test(path));
  assert.throws(() => relocated(readFileSync(library), '/a', '/b'), RangeError);
});

elf.run();
