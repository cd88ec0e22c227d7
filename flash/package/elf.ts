// Making an official Node fit for a router: without its symbol tables, and with a loader and
// libraries of its own, which lie beside it. A router's libc is musl; the loader and the libraries
// are glibc's. The system's are neither looked at nor changed.
//
// An ELF file for Linux, 64 bits, little-endian (elf(5)):
//   header    32 offset of the program headers u64 | 40 of the section headers u64
//             56 number of program headers u16 | 60 of sections u16 | 62 names u16
//   program   0 type u32 | 4 flags u32 | 8 offset | 16 address | 24 | 32 bytes in the file
//   header    40 bytes in memory | 48 alignment                      (56 bytes, numbers u64)
//   dynamic   tag u64, value u64; the tag 0 ends the list

const HEADER_BYTES = 64;
const PROGRAM_BYTES = 56;
const LOAD = 1;
const DYNAMIC = 2;
const INTERPRETER = 3;
const NOTE = 4;
const READABLE = 4;
const TAG_STRING_TABLE = 5n;
const TAG_RUN_PATH = 0x1dn;
const PAGE = 0x10000; // the largest there is on AArch64

/** Bytes behind the last segment are symbols and such; no loader looks at them. */
export function stripped(binary: Uint8Array): Buffer {
  const all = checked(binary);
  const ends = programs(all).map((at) => number(all, at + 8) + number(all, at + 32));
  const rest = Buffer.from(all.subarray(0, Math.max(...ends)));
  rest.writeBigUInt64LE(0n, 40);
  rest.fill(0, 58, HEADER_BYTES); // no section headers
  return rest;
}

/**
 * With another loader (an absolute path) and a folder to look for libraries in (`$ORIGIN` is where
 * the program lies). A new segment behind all others holds the two texts; its header takes the
 * place of the one for notes, which tell debuggers about the build. The file must be stripped.
 */
export function relocated(binary: Uint8Array, loader: string, libraries: string): Buffer {
  const all = checked(binary);
  const found = programs(all);
  const place = (type: number) => found.find((at) => all.readUInt32LE(at) === type);
  const [interpreter, note, dynamic] = [place(INTERPRETER), place(NOTE), place(DYNAMIC)];
  if (interpreter === undefined || note === undefined || dynamic === undefined)
    throw new RangeError('"binary" lacks an interpreter, notes or a dynamic section');
  const loads = found.filter((at) => all.readUInt32LE(at) === LOAD);
  if (loads.some((at) => at > note))
    throw new RangeError('"binary" has its notes before a segment: addresses must go up');
  const end = Math.max(...loads.map((at) => number(all, at + 16) + number(all, at + 40)));
  const offset = roundUp(all.length, PAGE);
  const address = roundUp(end, PAGE);
  const texts = Buffer.from(`${loader}\0${libraries}\0`);
  const loaderBytes = Buffer.byteLength(loader) + 1;
  writeProgram(all, note, [LOAD, READABLE], offset, address, texts.length, PAGE);
  writeProgram(all, interpreter, [INTERPRETER, READABLE], offset, address, loaderBytes, 1);
  addRunPath(all, dynamic, address + loaderBytes);
  return Buffer.concat([all, Buffer.alloc(offset - all.length), texts]);
}

/** The linker leaves empty places at the end of the list; the first becomes the run path. */
function addRunPath(all: Buffer, dynamic: number, address: number): void {
  const start = number(all, dynamic + 8);
  const end = start + number(all, dynamic + 32);
  let strings: bigint | undefined;
  for (let at = start; at + 32 <= end; at += 16) {
    const tag = all.readBigUInt64LE(at);
    if (tag === TAG_STRING_TABLE) strings = all.readBigUInt64LE(at + 8);
    if (tag !== 0n) continue;
    if (strings === undefined) break;
    all.writeBigUInt64LE(TAG_RUN_PATH, at);
    all.writeBigUInt64LE(BigInt(address) - strings, at + 8);
    return;
  }
  throw new RangeError('"binary" has no room for a run path');
}

function writeProgram(
  all: Buffer,
  at: number,
  [type, flags]: readonly [number, number],
  offset: number,
  address: number,
  bytes: number,
  alignment: number,
): void {
  all.writeUInt32LE(type, at);
  all.writeUInt32LE(flags, at + 4);
  for (const [index, value] of [offset, address, address, bytes, bytes, alignment].entries())
    all.writeBigUInt64LE(BigInt(value), at + 8 + 8 * index);
}

function checked(binary: Uint8Array): Buffer {
  const all = Buffer.from(binary);
  const mark = all.subarray(0, 7).toString('latin1');
  if (mark !== '\x7fELF\x02\x01\x01') throw new RangeError('"binary" is no 64-bit ELF file');
  return all;
}

/** Offsets of the program headers. */
function programs(all: Buffer): number[] {
  const start = number(all, 32);
  return Array.from({ length: all.readUInt16LE(56) }, (_, index) => start + index * PROGRAM_BYTES);
}

function number(all: Buffer, at: number): number {
  return Number(all.readBigUInt64LE(at));
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
