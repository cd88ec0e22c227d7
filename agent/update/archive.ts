// An archive on its way here: chunks that were checked, in order, in one file. What is there after
// a restart is checked again, so the file needs no record beside it, and no care when the power
// fails.

import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breath } from 'node:timers/promises';
import {
  CHUNK_BYTES,
  chunkCount,
  chunkLength,
  HASH_BYTES,
  hashName,
  isChunkFile,
  type Target,
} from './manifest.js';

/** The folder in which archives are collected: one release, half or whole, and its chunk file. */
export class ArchiveFolder {
  constructor(readonly path: string) {}

  /** The chunk file, if it came already. */
  chunks(target: Target): Uint8Array | undefined {
    const path = join(this.path, `${hashName(target)}.chunks`);
    try {
      if (statSync(path).size !== HASH_BYTES * chunkCount(target.size)) return undefined;
      const bytes = readFileSync(path);
      return isChunkFile(bytes, target) ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Everything of other releases goes. */
  begin(target: Target, chunks: Uint8Array): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    this.clear(hashName(target));
    writeFileSync(join(this.path, `${hashName(target)}.chunks`), chunks, { mode: 0o600 });
  }

  /** Removes all but what has this name. */
  clear(kept = ''): void {
    for (const name of existsSync(this.path) ? readdirSync(this.path) : [])
      if (kept === '' || !name.startsWith(kept)) rmSync(join(this.path, name), { force: true });
  }

  /** Bytes of this archive that lie here, checked or not. */
  held(target: Target): number {
    try {
      const half = this.half(target);
      return statSync(existsSync(half) ? half : this.whole(target)).size;
    } catch {
      return 0;
    }
  }

  isWhole(target: Target): boolean {
    return existsSync(this.whole(target));
  }

  /** Where the whole archive lies, for peers and for the installation. */
  whole(target: Target): string {
    return join(this.path, `${hashName(target)}.tar.gz`);
  }

  half(target: Target): string {
    return join(this.path, `${hashName(target)}.half`);
  }
}

export class HalfArchive {
  private constructor(
    private readonly file: number,
    private readonly folder: ArchiveFolder,
    private readonly target: Target,
    private readonly chunks: Uint8Array,
    private stored: number, // chunks
  ) {}

  /** Checks what is there already, up to the first chunk that is not right. */
  static async open(
    folder: ArchiveFolder,
    target: Target,
    chunks: Uint8Array,
  ): Promise<HalfArchive> {
    const file = openSync(
      folder.half(target),
      existsSync(folder.half(target)) ? 'r+' : 'wx+',
      0o600,
    );
    try {
      const there = fstatSync(file).size;
      const buffer = new Uint8Array(CHUNK_BYTES);
      let good = 0;
      for (; good < chunkCount(target.size); good++) {
        const chunk = buffer.subarray(0, chunkLength(target.size, good));
        const at = good * CHUNK_BYTES;
        if (at + chunk.length > there || readSync(file, chunk, 0, chunk.length, at) < chunk.length)
          break;
        if (!isChunk(chunks, good, chunk)) break;
        await breath(); // checking a hundred megabytes takes seconds; packets do not wait so long
      }
      ftruncateSync(file, Math.min(target.size, good * CHUNK_BYTES));
      return new HalfArchive(file, folder, target, chunks, good);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** Bytes that are here and right; the next chunk begins there. */
  get bytes(): number {
    return Math.min(this.target.size, this.stored * CHUNK_BYTES);
  }

  get complete(): boolean {
    return this.stored === chunkCount(this.target.size);
  }

  /** Bytes that the next chunk must have. */
  get nextLength(): number {
    return this.complete ? 0 : chunkLength(this.target.size, this.stored);
  }

  /** The next chunk; false, and nothing is stored, where it is not the right one. */
  append(chunk: Uint8Array): boolean {
    if (chunk.length !== this.nextLength || !isChunk(this.chunks, this.stored, chunk)) return false;
    const place = this.stored * CHUNK_BYTES;
    for (let at = 0; at < chunk.length; )
      at += writeSync(this.file, chunk, at, chunk.length - at, place + at);
    this.stored++;
    return true;
  }

  /** It is complete: it gets its name, and is on the disk. */
  finish(): void {
    if (!this.complete) throw new RangeError('the archive is not complete');
    fsyncSync(this.file);
    renameSync(this.folder.half(this.target), this.folder.whole(this.target));
  }

  close(): void {
    closeSync(this.file);
  }
}

function isChunk(chunks: Uint8Array, index: number, chunk: Uint8Array): boolean {
  const wanted = chunks.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  return createHash('sha256').update(chunk).digest().equals(wanted);
}

/** The whole archive again, each chunk checked as it is read: flash forgets. */
export async function* checkedArchive(
  path: string,
  target: Target,
  chunks: Uint8Array,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const piece of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    const chunk = piece as Buffer;
    if (chunk.length !== chunkLength(target.size, index) || !isChunk(chunks, index, chunk))
      throw new ArchiveDamaged(`${path} is damaged at chunk ${index}`);
    index++;
    yield chunk;
  }
  if (index !== chunkCount(target.size)) throw new ArchiveDamaged(`${path} is too short`);
}

/** What was stored is not what was stored: fetch it again. */
export class ArchiveDamaged extends Error {}
