// The Node that travels. On Debian it is the official binary without its symbols. On OpenWrt, whose
// releases from 25.12 on have no Node, and whose libc is musl, it brings glibc's loader and
// libraries along, and all of it is one squashfs file: a third of the size, read piece by piece.
// OpenWrt's kernels read squashfs with xz, since their own root is one; kmod-loop mounts the file.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';
import { relocated, stripped } from './elf.js';
import type { Fetched } from './fetched.js';
import { type Cpu, FACTS, NODE_VERSION } from './targets.js';
import { type Entry, file } from './tree.js';
import { filesOf } from './unpacked.js';

export const RUNTIME = 'usr/lib/kith/runtime';
export const IMAGE = 'usr/lib/kith/runtime.squashfs';
const LIBRARIES = `/${RUNTIME}/lib`;
const GLIBC = ['libc6', 'libstdc++6', 'libgcc-s1'];

// What Node and the native modules name, and what these name in turn.
const NEEDED = /^(libc|libm|libdl|libpthread|librt|libresolv|libstdc\+\+|libgcc_s)\.so\.\d+$/;
const SQUASHFS = ['squashfs-tools', 'liblzo2-2', 'liblz4-1', 'libzstd1', 'liblzma5', 'zlib1g'];

/** Node's own files, its licence among them. Throws Failure. */
async function nodeFiles(cpu: Cpu, fetched: Fetched) {
  const { node, nodeIntegrity } = FACTS[cpu];
  const archive = await fetched.npm(node, NODE_VERSION, nodeIntegrity);
  const files = filesOf(archive, ['package/bin/node', 'package/LICENSE']);
  const of = (name: string) => files.get(`package/${name}`) ?? new Uint8Array();
  return { binary: stripped(of('bin/node')), license: of('LICENSE') };
}

export async function debianRuntime(cpu: Cpu, fetched: Fetched): Promise<Entry[]> {
  const { binary, license } = await nodeFiles(cpu, fetched);
  return [file(`${RUNTIME}/bin/node`, binary, 0o755), file(`${RUNTIME}/LICENSE`, license)];
}

/** `work`: an empty folder to put the image together in. */
export async function openwrtRuntime(cpu: Cpu, fetched: Fetched, work: string): Promise<Entry[]> {
  const { loader, debian, libraries } = FACTS[cpu];
  const { binary, license } = await nodeFiles(cpu, fetched);
  const glibc = await fetched.debian(debian, GLIBC);
  const root = join(work, 'root');
  for (const folder of ['bin', 'lib', 'licenses'])
    mkdirSync(join(root, folder), { recursive: true });
  const own = relocated(binary, `${LIBRARIES}/${loader}`, LIBRARIES);
  writeFileSync(join(root, 'bin/node'), own, { mode: 0o755 });
  writeFileSync(join(root, 'licenses/node'), license);
  for (const name of GLIBC) {
    const copyright = join(glibc, 'usr/share/doc', name, 'copyright');
    if (existsSync(copyright))
      cpSync(copyright, join(root, 'licenses', name), { dereference: true });
  }
  for (const folder of [`lib/${libraries}`, `usr/lib/${libraries}`])
    for (const name of readable(join(glibc, folder)))
      if (name === loader || NEEDED.test(name))
        writeFileSync(join(root, 'lib', name), readFileSync(join(glibc, folder, name)), {
          mode: 0o755,
        });
  if (!existsSync(join(root, 'lib', loader)))
    throw new Failure(`the libraries for ${cpu} have no ${loader}: empty the cache and try again`);
  const image = join(work, 'runtime.squashfs');
  await makeSquashfs(root, image, fetched);
  const bytes = readFileSync(image);
  rmSync(work, { recursive: true });
  return [file(IMAGE, bytes), { kind: 'folder', path: RUNTIME, mode: 0o755 }];
}

/** `time`: Unix seconds, of every file. zstd is larger by a fifth and read much faster. */
export type SquashfsOptions = Readonly<{ time?: number; compression?: 'xz' | 'zstd' }>;

/** The machine's own mksquashfs, or one from Debian that runs out of the cache. */
export async function makeSquashfs(
  root: string,
  image: string,
  fetched: Fetched,
  { time = 0, compression = 'xz' }: SquashfsOptions = {},
): Promise<void> {
  const hint = 'apt install squashfs-tools gives a mksquashfs';
  // The same input gives the same bytes; 256 KiB is what OpenWrt's own images have.
  const options = ['-comp', compression, '-b', '256K', '-all-root', '-mkfs-time', `${time}`];
  options.push('-all-time', `${time}`);
  const args = [root, image, ...options, '-noappend', '-no-progress', '-quiet', '-no-xattrs'];
  try {
    await fetched.run('mksquashfs', args, '/', hint);
  } catch (error) {
    if (!(error instanceof Failure) || !error.message.includes('did not start')) throw error;
    const host = process.arch === 'arm64' ? FACTS.aarch64 : FACTS.x86_64;
    const tools = await fetched.debian(host.debian, SQUASHFS);
    const paths = ['lib', 'usr/lib'].map((folder) => join(tools, folder, host.libraries));
    await fetched.run(join(tools, 'usr/bin/mksquashfs'), args, '/', hint, {
      LD_LIBRARY_PATH: paths.join(':'),
    });
  }
}

function readable(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
