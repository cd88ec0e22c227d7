// Releases for tests: small archives made by the real tar and gzip, published with a key.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519, signerOf } from '../../agent/crypto/ed25519.js';
import { readManifest, type SignedManifest } from '../../agent/update/manifest.js';
import { publishRelease } from '../../agent/update/publish.js';

export const SIGNER = signerOf(new Uint8Array(32).fill(7));
export const STRANGER = signerOf(new Uint8Array(32).fill(8));
export const TARGET = 'any';

/** In memory where there is room for it: a real disk takes its time to flush, hundreds of times. */
export function scratch(): string {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  return mkdtempSync(join(base, 'kith-update-'));
}

/** Bytes that do not compress, the same ones each time. */
export function noise(bytes: number, seed = 1): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i < bytes; i += 64)
    pieces.push(createHash('sha512').update(`${seed} ${i}`).digest());
  return Buffer.concat(pieces).subarray(0, bytes);
}

export type TreeOptions = Readonly<{ target?: string; program?: string; load?: number }>;

/** A release's tree, with a program that says its version and its arguments. */
export function makeTree(folder: string, version: string, options: TreeOptions = {}): void {
  const { target = TARGET, program, load = 1_000 } = options;
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(folder, 'dist'), { recursive: true });
  const release = { name: 'kith', version, target };
  writeFileSync(join(folder, 'release.json'), JSON.stringify(release));
  writeFileSync(join(folder, 'bin/kith'), program ?? `#!/bin/sh\necho "${version} $*"\n`);
  chmodSync(join(folder, 'bin/kith'), 0o755);
  writeFileSync(join(folder, 'launch'), readFileSync('agent/update/launch.sh'));
  chmodSync(join(folder, 'launch'), 0o755);
  writeFileSync(join(folder, 'dist/load'), noise(load));
}

/** `names`: what files are called in the archive. */
export function packTree(
  tree: string,
  archive: string,
  names: Readonly<Record<string, string>> = {},
): void {
  const flags = ['--format=ustar', '--sort=name', '--owner=0', '--group=0', '-czf', archive];
  const renamed = Object.entries(names).map(([from, to]) => `--transform=s,^./${from}$,${to},`);
  execFileSync('tar', [...flags, ...renamed, '-C', tree, '.']);
}

/** An archive and its announcement in a folder as a web server has it. */
export async function publish(
  folder: string,
  version: string,
  options: TreeOptions &
    Readonly<{ signer?: typeof SIGNER; minimum?: string; issued?: number; channel?: string }> = {},
): Promise<SignedManifest> {
  const tree = scratch();
  const { target = TARGET, signer = SIGNER, minimum = null, issued = 1e12 } = options;
  makeTree(tree, version, options);
  packTree(tree, join(folder, `kith-${version}-${target}.tar.gz`));
  rmSync(tree, { recursive: true });
  const channel = options.channel ?? 'stable';
  const notes = `what is new in ${version}`;
  const { manifest } = await publishRelease({
    folder,
    version,
    minimum,
    notes,
    channel,
    issued,
    signer,
  });
  const read = readManifest(readFileSync(manifest), [signer.key], ed25519.verify);
  if ('refused' in read) throw new Error(read.refused);
  return read;
}
