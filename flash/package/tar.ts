// Writing a tar archive (POSIX.1-1988 ustar): owner root, one time for all, no extensions, so that
// busybox, opkg, dpkg and our own updater read it alike.
//
//   512-byte header: 0 name[100] | 100 mode[8] | 108 uid[8] | 116 gid[8] | 124 size[12]
//     136 mtime[12] | 148 checksum[8] | 156 type | 157 link[100] | 257 "ustar" 0 "00"
//     265 user[32] | 297 group[32] | 345 prefix[155]          numbers: octal text, 0 at the end
//   then the file's bytes, filled up to 512; two blocks of zeros end the archive

import { gzipSync } from 'node:zlib';
import type { Entry, Tree } from './tree.js';

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const TYPES = { file: '0', link: '2', folder: '5' } as const;

/** `start` stands before each name: `./` as dpkg and opkg have it. */
export function writeTar(tree: Tree, time: number, start: '' | './' = './'): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const entry of tree) {
    pieces.push(header(entry, time, start));
    if (entry.kind !== 'file') continue;
    pieces.push(entry.bytes, new Uint8Array(-entry.bytes.length & (BLOCK - 1)));
  }
  pieces.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(pieces);
}

/** Compressed without name and time (RFC 1952), so that the same bytes come out each time. */
export function gzip(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255; // the operating system: unknown
  return packed;
}

function header(entry: Entry, time: number, start: string): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitName(`${start}${entry.path}${folderEnd(entry)}`);
  const target = entry.kind === 'link' ? entry.target : '';
  if (Buffer.byteLength(target) > NAME_BYTES)
    throw new RangeError(`"entry" is a link to too long a path: ${entry.path}`);
  block.write(name, 0);
  writeOctal(block, entry.mode, 100, 8);
  writeOctal(block, 0, 108, 8);
  writeOctal(block, 0, 116, 8);
  writeOctal(block, entry.kind === 'file' ? entry.bytes.length : 0, 124, 12);
  writeOctal(block, time, 136, 12);
  block.write(TYPES[entry.kind], 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257, 'latin1');
  block.write('root', 265);
  block.write('root', 297);
  block.write(prefix, 345);
  block.write(' '.repeat(8), 148); // the checksum is taken over blanks in its place
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148, 'latin1');
  return block;
}

function folderEnd({ kind }: Entry): string {
  return kind === 'folder' ? '/' : '';
}

/** A long name is split at a slash: the first part goes into the prefix. */
function splitName(full: string): { name: string; prefix: string } {
  if (Buffer.byteLength(full) <= NAME_BYTES) return { name: full, prefix: '' };
  for (let at = full.indexOf('/'); at > 0; at = full.indexOf('/', at + 1)) {
    const [prefix, name] = [full.slice(0, at), full.slice(at + 1)];
    if (Buffer.byteLength(prefix) > PREFIX_BYTES) break;
    if (Buffer.byteLength(name) <= NAME_BYTES && name !== '') return { name, prefix };
  }
  throw new RangeError(`"tree" has a name too long for an archive: ${full}`);
}

function writeOctal(block: Buffer, value: number, at: number, length: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), at);
}
