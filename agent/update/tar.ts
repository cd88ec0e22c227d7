// Reading a tar archive (POSIX.1-1988 ustar) as it comes in, piece by piece: files, folders and
// symbolic links that stay inside, nothing else. It holds one header at most.
//
//   512-byte header: 0 name[100] | 100 mode[8] | 124 size[12] | 148 checksum[8] | 156 type
//                    157 link[100] | 257 "ustar" | 345 prefix[155]       numbers in octal text
//   then the file's bytes, filled up to 512; two blocks of zeros end the archive

import { posix } from 'node:path';

const BLOCK = 512;
export const ENTRIES_MAX = 20_000; // node_modules of a router has some hundred
const NAME_LETTERS_MAX = 255; // all that ustar has room for

export type TarEntry = Readonly<
  | { type: 'file'; name: string; mode: number; size: number }
  | { type: 'folder'; name: string }
  | { type: 'link'; name: string; target: string }
>;

/** Takes what is in the archive: `begin`, `data` as often as it comes, `end`, for each entry. */
export interface TarTaker {
  begin(entry: TarEntry): void;
  data(bytes: Uint8Array): void;
  end(): void;
}

/** The archive is not one of ours; the message is fit for people. */
export class TarFailure extends Error {}

export class TarReader {
  private readonly header = new Uint8Array(BLOCK);
  private filled = 0;
  private left = 0; // bytes of the file that is being read
  private padding = 0;
  private zeros = 0; // blocks in a row
  private entries = 0;
  private bytes = 0;
  private readonly links = new Set<string>();

  constructor(
    private readonly taker: TarTaker,
    private readonly bytesMax: number, // of all files together
  ) {}

  /** Throws TarFailure, and what the taker throws. */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.left > 0) at += this.body(piece.subarray(at));
      else if (this.padding > 0) {
        const step = Math.min(this.padding, piece.length - at);
        this.padding -= step;
        at += step;
      } else at += this.head(piece.subarray(at));
    }
  }

  /** The archive has ended. Throws TarFailure where that was too early. */
  end(): void {
    if (this.zeros < 2) throw new TarFailure('the archive ends too early');
  }

  private body(piece: Uint8Array): number {
    const step = Math.min(this.left, piece.length);
    this.taker.data(piece.subarray(0, step));
    this.left -= step;
    if (this.left === 0) this.taker.end();
    return step;
  }

  private head(piece: Uint8Array): number {
    const step = Math.min(BLOCK - this.filled, piece.length);
    this.header.set(piece.subarray(0, step), this.filled);
    this.filled += step;
    if (this.filled < BLOCK) return step;
    this.filled = 0;
    if (this.header.every((byte) => byte === 0)) this.zeros++;
    else if (this.zeros > 0)
      throw new TarFailure('there is something behind the end of the archive');
    else this.entry();
    return step;
  }

  private entry(): void {
    if (++this.entries > ENTRIES_MAX) throw new TarFailure('the archive has too many files');
    const entry = readHeader(this.header);
    this.checkPlace(entry.name);
    if (entry.type === 'link') this.links.add(entry.name);
    this.taker.begin(entry);
    if (entry.type !== 'file' || entry.size === 0) {
      this.taker.end();
      return;
    }
    this.bytes += entry.size;
    if (this.bytes > this.bytesMax) throw new TarFailure('the archive is larger than announced');
    this.left = entry.size;
    this.padding = (BLOCK - (entry.size % BLOCK)) % BLOCK;
  }

  /** Nothing is written through a link of the archive itself. */
  private checkPlace(name: string): void {
    for (let at = name; at !== '.'; at = posix.dirname(at))
      if (this.links.has(at)) throw new TarFailure(`${name} lies behind a link`);
  }
}

function readHeader(header: Uint8Array): TarEntry {
  if (text(header, 257, 5) !== 'ustar') throw new TarFailure('this is no ustar archive');
  if (octal(header, 148, 8) !== checksum(header))
    throw new TarFailure('a header of the archive is damaged');
  const prefix = text(header, 345, 155);
  const whole = prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
  const name = cleanName(whole);
  const size = octal(header, 124, 12);
  const type = String.fromCharCode(header[156] ?? 0);
  if (type === '0' || type === '\0')
    return { type: 'file', name, mode: octal(header, 100, 8) & 0o777, size };
  if (size !== 0) throw new TarFailure(`${name} has a size, but is no file`);
  if (type === '5') return { type: 'folder', name };
  if (type === '2')
    return { type: 'link', name, target: cleanTarget(name, text(header, 157, 100)) };
  throw new TarFailure(`${name} is no file, folder or symbolic link`);
}

/** The sum of all bytes, those of the checksum itself counted as spaces. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw new TarFailure('a header of the archive is damaged');
  return Number.parseInt(digits, 8);
}

function text(header: Uint8Array, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('latin1');
}

function cleanName(name: string): string {
  const clean = name.replace(/^\.\//, '').replace(/\/$/, '') || '.';
  const parts = clean.split('/');
  const bad = parts.some((part) => part === '' || part === '..' || (part === '.' && clean !== '.'));
  if (bad || clean.length > NAME_LETTERS_MAX || !/^[\x20-\x7e]+$/.test(clean))
    throw new TarFailure(`the archive has a name that leads elsewhere: ${JSON.stringify(name)}`);
  return clean;
}

function cleanTarget(name: string, target: string): string {
  const lands = posix.normalize(posix.join(posix.dirname(name), target));
  const inside = target !== '' && !posix.isAbsolute(target) && !/^\.\.(\/|$)/.test(lands);
  if (!inside || !/^[\x20-\x7e]+$/.test(target)) throw new TarFailure(`${name} links to elsewhere`);
  return target;
}
