// Publishing a release: the chunk file beside each archive, and one signed manifest for all of
// them, in a folder that any web server can serve as it is.

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Signer } from '../crypto/ed25519.js';
import { realDisk, writeWhole } from './disk.js';
import {
  ARCHIVE_BYTES_MAX,
  archiveName,
  CHUNK_BYTES,
  isTarget,
  type Manifest,
  signManifest,
  type Target,
} from './manifest.js';

/** What is published cannot be; the message says what to do. */
export class PublishFailure extends Error {}

export type PublishOptions = Readonly<{
  folder: string; // with the archives, kith-VERSION-TARGET.tar.gz
  version: string;
  minimum: string | null;
  notes: string;
  channel: string;
  issued: number; // Unix milliseconds
  signer: Signer;
}>;

export type Published = Readonly<{ manifest: string; targets: readonly string[] }>; // file, names

/** Writes the chunk files and CHANNEL.manifest. Rejects with PublishFailure. */
export async function publishRelease(options: PublishOptions): Promise<Published> {
  const { folder, version, signer, ...rest } = options;
  const names = archiveTargets(folder, version);
  if (names.length === 0)
    throw new PublishFailure(`${folder} has no ${archiveName(version, 'TARGET')} in it`);
  const targets: Target[] = [];
  for (const target of names) targets.push(await chunkArchive(folder, version, target));
  const manifest: Manifest = { ...rest, version, targets };
  const file = `${options.channel}.manifest`;
  try {
    writeWhole(realDisk, folder, file, signManifest(manifest, signer));
  } catch (error) {
    if (error instanceof RangeError) throw new PublishFailure(error.message);
    throw error;
  }
  return { manifest: join(folder, file), targets: names };
}

function archiveTargets(folder: string, version: string): string[] {
  const [before = '', after = ''] = archiveName(version, '\n').split('\n');
  return readdirSync(folder)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .map((name) => name.slice(before.length, -after.length))
    .filter(isTarget)
    .sort();
}

async function chunkArchive(folder: string, version: string, target: string): Promise<Target> {
  const name = archiveName(version, target);
  const path = join(folder, name);
  const { size } = statSync(path);
  if (size === 0 || size > ARCHIVE_BYTES_MAX)
    throw new PublishFailure(`${path} has ${size} bytes: that is no release`);
  const hashes: Uint8Array[] = [];
  for await (const piece of createReadStream(path, { highWaterMark: CHUNK_BYTES }))
    hashes.push(
      createHash('sha256')
        .update(piece as Buffer)
        .digest(),
    );
  const chunks = Buffer.concat(hashes);
  writeWhole(realDisk, folder, `${name}.chunks`, chunks);
  return { target, size, unpacked: await unpackedBytes(path), chunks: sha256(chunks) };
}

async function unpackedBytes(path: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const piece of createReadStream(path).pipe(createGunzip()))
      bytes += (piece as Buffer).length;
  } catch {
    throw new PublishFailure(`${path} is no gzip file`);
  }
  return bytes;
}
