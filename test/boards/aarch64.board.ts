// The Node that travels to AArch64, under qemu's user mode on a root with nothing else in it: it
// starts, and loads the native modules that are in the package for it.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { agentTree } from '../../flash/package/agent.js';
import { Fetched } from '../../flash/package/fetched.js';
import { IMAGE, openwrtRuntime, RUNTIME } from '../../flash/package/runtime.js';
import { NODE_VERSION } from '../../flash/package/targets.js';
import { sizeOf } from '../../flash/package/tree.js';
import { folder } from '../flash/package/sample.js';
import { CACHE } from './cache.js';
import { needPrograms } from './needed.js';

const aarch64 = suite('boards/aarch64');
const QEMU = '/usr/bin/qemu-aarch64-static';
const ROOT = join(import.meta.dirname, '../..');
const RUNTIME_BYTES_MAX = 34 * 1024 * 1024; // compressed; the README names the size
const AGENT_BYTES_MAX = 4 * 1024 * 1024;

needPrograms({ [QEMU]: 'qemu-user-static', unsquashfs: 'squashfs-tools' });
const root = folder('aarch64');
const fetched = new Fetched(CACHE, () => {}, new AbortController().signal);
const runtime = await openwrtRuntime('aarch64', fetched, folder('work'));
const agent = await agentTree('aarch64', '1.0.0', ROOT, fetched);

function lay(path: string, bytes: Uint8Array, mode: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes, { mode });
}

for (const entry of [...runtime, ...agent])
  if (entry.kind === 'file') lay(entry.path, entry.bytes, entry.mode);
execFileSync('unsquashfs', ['-q', '-n', '-f', '-d', join(root, RUNTIME), join(root, IMAGE)]);
copyFileSync(QEMU, join(root, 'qemu'));

const node = (...args: string[]) =>
  execFileSync('chroot', [root, '/qemu', `/${RUNTIME}/bin/node`, ...args], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    timeout: 300_000,
  });

aarch64('Node starts, and the agent in it', () => {
  assert.is(node('--version').trim(), `v${NODE_VERSION}`);
  assert.is(node('-p', 'process.arch').trim(), 'arm64');
  assert.match(node('/dist/kith.js', '--version'), /^\d+\.\d+\.\d+/);
});

aarch64('koffi and serialport load their native modules', () => {
  const code =
    "import koffi from 'koffi'; import { SerialPort } from 'serialport';" +
    "const pid = koffi.load('libc.so.6').func('getpid', 'int', []);" +
    'console.log(pid() === process.pid, typeof SerialPort);';
  lay('dist/native.mjs', Buffer.from(code), 0o644);
  assert.is(node('/dist/native.mjs'), 'true function\n');
});

aarch64('sizes are within what is promised', () => {
  const image = readFileSync(join(root, IMAGE)).length;
  assert.ok(image < RUNTIME_BYTES_MAX, `${image} bytes`);
  assert.ok(sizeOf(agent) < AGENT_BYTES_MAX, `${sizeOf(agent)} bytes`);
});

aarch64.run();
