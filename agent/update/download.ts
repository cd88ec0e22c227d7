// Collecting an archive from several sources in turn. At most one chunk is in memory; it is stored
// when its hash is right. A source that breaks off is asked again where it ended as long as it
// gives anything; one that gives something wrong is not asked again in this download.

import { type ArchiveFolder, HalfArchive } from './archive.js';
import { FetchFailure, type FetchOptions, fetchFrom, fetchSmall } from './http.js';
import { CHUNK_BYTES, chunkCount, HASH_BYTES, isChunkFile, type Target } from './manifest.js';

/** Somewhere that a release may be had from. */
export type Source = Readonly<{ name: string; archive: string; chunks: string }>; // URLs

export type DownloadOptions = Readonly<{
  folder: ArchiveFolder;
  target: Target;
  sources: readonly Source[];
  signal: AbortSignal;
  stallMs?: number;
  onProgress: (bytes: number) => void;
  log: (line: string) => void;
}>;

const BREAKS_MAX = 20; // of one source in a row with hardly anything between

/** Resolves when the archive is there, whole and checked. Rejects with FetchFailure. */
export async function download(options: DownloadOptions): Promise<void> {
  const { folder, target, sources } = options;
  if (folder.isWhole(target) && folder.chunks(target)) return;
  if (sources.length === 0) throw new FetchFailure('nobody offers this release');
  const chunks = folder.chunks(target) ?? (await fetchChunks(options));
  folder.begin(target, chunks);
  const half = await HalfArchive.open(folder, target, chunks);
  let last = new FetchFailure('nobody offers this release');
  try {
    for (const source of sources) {
      if (half.complete) break;
      try {
        await drain(source, half, options);
      } catch (error) {
        if (!(error instanceof FetchFailure) || options.signal.aborted) throw error;
        last = error;
        options.log(`${source.name}: ${error.message}`);
      }
    }
    if (!half.complete) throw last;
    half.finish();
  } finally {
    half.close();
  }
}

async function fetchChunks(options: DownloadOptions): Promise<Uint8Array> {
  const { sources, target, signal, log } = options;
  let last = new FetchFailure('nobody offers this release');
  const size = HASH_BYTES * chunkCount(target.size);
  for (const source of sources) {
    try {
      const bytes = await fetchSmall(source.chunks, size, patience(options));
      if (isChunkFile(bytes, target)) return bytes;
      throw new FetchFailure(`${source.chunks} is not what was signed`);
    } catch (error) {
      if (!(error instanceof FetchFailure) || signal.aborted) throw error;
      last = error;
      log(`${source.name}: ${error.message}`);
    }
  }
  throw last;
}

/** Takes all that one source gives. Rejects with FetchFailure when it gives no more. */
async function drain(source: Source, half: HalfArchive, options: DownloadOptions): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let filled = 0; // of the chunk that comes next
  for (let breaks = 0; !half.complete; breaks++) {
    const before = half.bytes + filled;
    let broke: unknown;
    try {
      for await (const piece of fetchFrom(source.archive, before, patience(options))) {
        filled = store(source, half, chunk, filled, piece);
        options.onProgress(half.bytes);
        if (half.complete) return;
      }
    } catch (error) {
      if (!(error instanceof FetchFailure) || error instanceof WrongChunk) throw error;
      broke = error;
    }
    const came = half.bytes + filled - before;
    if (came === 0) throw broke ?? new FetchFailure(`${source.archive} ends too early`);
    if (came > CHUNK_BYTES) breaks = 0;
    if (breaks >= BREAKS_MAX)
      throw new FetchFailure(`${source.archive} breaks off again and again`);
  }
}

function patience({ signal, stallMs }: DownloadOptions): FetchOptions {
  return stallMs === undefined ? { signal } : { signal, stallMs };
}

class WrongChunk extends FetchFailure {}

/** Fills the chunk and stores it when it is full; how much of the next one is there then. */
function store(
  source: Source,
  half: HalfArchive,
  chunk: Uint8Array,
  filled: number,
  piece: Uint8Array,
): number {
  let at = 0;
  while (at < piece.length && !half.complete) {
    const step = Math.min(half.nextLength - filled, piece.length - at);
    chunk.set(piece.subarray(at, at + step), filled);
    at += step;
    filled += step;
    if (filled < half.nextLength) continue;
    if (!half.append(chunk.subarray(0, filled)))
      throw new WrongChunk(`${source.archive} is altered at byte ${half.bytes}`);
    filled = 0;
  }
  return filled;
}
