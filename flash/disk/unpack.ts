// gzip, xz and zstd, streamed. gzip is Node's own, and so is zstd where Node has it; else the
// programs `xz` and `zstd` do it: every Linux has the one and can have the other, they check the
// sums inside, know every filter, and use all cores, which small decoders in JavaScript do not.

import { spawn, spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { Failure, systemCode } from '../../agent/commands/failure.js';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

const MAGIC: ReadonlyArray<readonly [Compression | 'zip' | 'bzip2', string]> = [
  ['gzip', '1f8b'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['zip', '504b0304'],
  ['bzip2', '425a68'],
];

/** Throws Failure for what is no image and no form we unpack. */
export function compressionOf(head: Uint8Array): Compression {
  const hex = Buffer.from(head).toString('hex');
  const form = MAGIC.find(([, magic]) => hex.startsWith(magic))?.[0] ?? 'none';
  if (form === 'zip') throw new Failure('this is a zip archive: unpack it first, with `unzip`');
  if (form === 'bzip2') throw new Failure('this is bzip2: unpack it first, with `bunzip2`');
  return form;
}

/** Throws Failure while it is read, where the stream is damaged or cut off. */
export function unpack(
  form: Compression,
  pieces: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  if (form === 'none') return pieces;
  const source = Readable.from(pieces, { objectMode: false });
  if (form === 'gzip') return through(source, zlib.createGunzip());
  const native = zstdOfNode();
  if (form === 'zstd' && native) return through(source, native());
  return throughProgram(form, source);
}

/** Of what is known without unpacking it; `path` where it is a file. */
export async function unpackedSize(
  form: Compression,
  head: Uint8Array,
  path: string | undefined,
): Promise<number | undefined> {
  if (form === 'zstd') return zstdSize(head);
  if (form !== 'xz' || path === undefined) return undefined;
  const { stdout } = spawnSync('xz', ['--robot', '--list', '--', path], { encoding: 'utf8' });
  const size = /^totals\t\d+\t\d+\t\d+\t(\d+)/m.exec(stdout ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/** RFC 8878, 3.1.1: magic, descriptor, window?, dictionary?, content size. */
export function zstdSize(head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (head.length < 18) return undefined;
  const descriptor = view.getUint8(4);
  const single = (descriptor >> 5) & 1;
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  switch (descriptor >> 6) {
    case 0:
      return single ? view.getUint8(at) : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

/** Node 22.15 and later. */
function zstdOfNode(): (() => NodeJS.ReadWriteStream) | undefined {
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => NodeJS.ReadWriteStream };
  return createZstdDecompress;
}

async function* through(
  source: Readable,
  unpacker: NodeJS.ReadWriteStream,
): AsyncGenerator<Uint8Array> {
  let broken: unknown;
  source.once('error', (error) => {
    broken = error;
    unpacker.emit('error', error);
  });
  try {
    for await (const piece of source.pipe(unpacker)) yield piece as unknown as Uint8Array;
  } catch (error) {
    if (broken !== undefined) throw broken;
    const code = systemCode(error) ?? '';
    if (code === 'Z_BUF_ERROR') throw new Failure(CUT);
    if (/^(Z_|ERR_|ZSTD_)/.test(code)) throw new Failure(DAMAGED);
    throw error;
  } finally {
    source.destroy();
  }
}

const DAMAGED = 'the image is damaged: fetch it again';
const CUT = 'the image is cut off: fetch it again';

async function* throughProgram(form: 'xz' | 'zstd', source: Readable): AsyncGenerator<Uint8Array> {
  const more = form === 'zstd' ? ['--long=31'] : ['--threads=0'];
  const child = spawn(form, ['-d', '-c', '-q', ...more], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  let broken: unknown;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 1024);
  });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(-1)); // there is no such program
    child.once('close', (code) => resolve(code ?? -2));
  });
  source.once('error', (error) => {
    broken = error;
    child.kill();
  });
  child.stdin.on('error', () => {}); // it ended early; its code tells
  source.pipe(child.stdin);
  try {
    yield* child.stdout;
    const code = await ended;
    if (broken !== undefined) throw broken;
    if (code === -1) throw new Failure(`unpacking this needs the program ${MISSING[form]}`);
    if (code !== 0) throw new Failure(/end of (input|file)|premature/i.test(said) ? CUT : DAMAGED);
  } finally {
    source.destroy();
    child.kill();
  }
}

const MISSING = {
  xz: 'xz: `apt install xz-utils`',
  zstd: 'zstd, or Node 22.15: `apt install zstd`',
} as const;
