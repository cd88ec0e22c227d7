// Laying an archive down as a folder: everything is on the disk before the folder gets its name, so
// that a release is there whole or not at all.

import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { Disk } from './disk.js';
import { SlotFailure } from './slots.js';
import { type TarEntry, TarFailure, TarReader, type TarTaker } from './tar.js';

/** Puts the archive's tree into `folder`, which must not be there yet. Throws SlotFailure. */
export async function unpack(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  bytesMax: number,
  disk: Disk,
): Promise<void> {
  const tree = new Tree(folder, disk);
  try {
    await readArchive(archive, tree, bytesMax);
    tree.flush();
  } finally {
    tree.abandon();
  }
}

/** The same for whoever takes the entries another way. Throws SlotFailure. */
export async function readArchive(
  archive: AsyncIterable<Uint8Array>,
  taker: TarTaker,
  bytesMax: number,
): Promise<void> {
  const reader = new TarReader(taker, bytesMax);
  const gunzip = createGunzip();
  const feeding = feed(archive, gunzip);
  try {
    for await (const piece of gunzip) reader.push(piece as Uint8Array);
    await feeding;
    reader.end();
  } catch (error) {
    gunzip.destroy();
    await feeding.catch(() => {});
    if (error instanceof TarFailure || isZlib(error))
      throw new SlotFailure(`the release cannot be unpacked: ${error.message}`);
    throw error;
  }
}

async function feed(
  archive: AsyncIterable<Uint8Array>,
  into: ReturnType<typeof createGunzip>,
): Promise<void> {
  try {
    for await (const piece of archive) {
      if (into.destroyed) return;
      if (!into.write(piece)) await drained(into);
    }
    into.end();
  } catch (error) {
    into.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Also resolves when the stream is given up: nobody waits for ever. */
function drained(stream: ReturnType<typeof createGunzip>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

function isZlib(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_');
}

/** A tree of files under one folder. */
class Tree implements TarTaker {
  private file: number | undefined;
  private readonly folders = new Set<string>();

  constructor(
    private readonly root: string,
    private readonly disk: Disk,
  ) {
    disk.makeFolder(root);
    this.folders.add(root);
  }

  begin(entry: TarEntry): void {
    const path = join(this.root, entry.name);
    this.makeFolder(entry.type === 'folder' ? path : dirname(path));
    if (entry.type === 'link') this.disk.link(entry.target, path);
    if (entry.type === 'file')
      this.file = this.disk.create(path, entry.mode & 0o111 ? 0o755 : 0o644);
  }

  data(bytes: Uint8Array): void {
    if (this.file !== undefined) this.disk.append(this.file, bytes);
  }

  end(): void {
    if (this.file === undefined) return;
    this.disk.flush(this.file);
    this.abandon();
  }

  /** The names of all files. */
  flush(): void {
    for (const folder of this.folders) this.disk.flushFolder(folder);
  }

  abandon(): void {
    if (this.file === undefined) return;
    this.disk.close(this.file);
    this.file = undefined;
  }

  private makeFolder(path: string): void {
    if (this.folders.has(path)) return;
    this.makeFolder(dirname(path));
    this.disk.makeFolder(path);
    this.folders.add(path);
  }
}
