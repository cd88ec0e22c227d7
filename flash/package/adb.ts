// The container of apk-tools 3: a little database of values, and around it blocks with signatures
// and file contents. Everything is little-endian.
//
//   file     "ADB." schema u32, then blocks; or "ADBd" and all of that as a raw deflate stream
//   block    type<<30 | 4+length  u32, bytes, filled up to 8      0 database 1 signature 2 file
//   database 0 u8, 0 u8, 0 u16, root value u32, then what the values point to
//   value    u32: kind<<28 | number, or an offset from the database's start
//     1 number  2 u32  3 u64  8/9/a bytes behind their length as u8/u16/u32  d list  e record
//   list and record: u32 slots (themselves counted), then a value per slot; 0 is none

import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

export type Schema = 'pckg' | 'indx';

/** A value to be written: numbers below 2^32, texts, bytes, lists, and records by field number. */
export type Value = number | string | Uint8Array | readonly Value[] | Fields | undefined;
export type Fields = Readonly<{ fields: Readonly<Record<number, Value>> }>;

const INLINE_MAX = 0x0fff_ffff;
const KIND = {
  number: 1,
  u32: 2,
  bytes8: 8,
  bytes16: 9,
  bytes32: 10,
  list: 13,
  record: 14,
} as const;
const BLOCKS = { database: 0, signature: 1, file: 2 } as const;
const BLOCK_BYTES_MAX = 0x3fff_ffff - 4; // longer ones have another head; nothing of ours is
const HASH_SHA512 = 4;

export function record(fields: Readonly<Record<number, Value>>): Fields {
  return { fields };
}

/** The database of one root record. */
export function writeDatabase(root: Fields): Buffer {
  const writer = new Writer();
  return writer.end(writer.put(root));
}

export type FileBlock = Readonly<{ folder: number; file: number; bytes: Uint8Array }>; // from 1

/** A whole file: compressed, signed by the key if there is one (PEM, EC P-256). */
export function writeFile(
  schema: Schema,
  database: Uint8Array,
  files: readonly FileBlock[],
  privateKey: string | undefined,
): Buffer {
  const blocks = [Buffer.from('ADB.'), Buffer.from(schema), block(BLOCKS.database, [database])];
  if (privateKey !== undefined)
    blocks.push(block(BLOCKS.signature, [signature(schema, database, privateKey)]));
  for (const { folder, file, bytes } of files) {
    const place = Buffer.alloc(8);
    place.writeUInt32LE(folder, 0);
    place.writeUInt32LE(file, 4);
    blocks.push(block(BLOCKS.file, [place, bytes]));
  }
  const plain = Buffer.concat(blocks);
  return Buffer.concat([Buffer.from('ADBd'), deflateRawSync(plain, { level: 9 })]);
}

/** By which apk knows a key: the start of SHA-512 over the public point, uncompressed. */
export function keyId(privateKey: string): Buffer {
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const point = [Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
  return createHash('sha512').update(Buffer.concat(point)).digest().subarray(0, 16);
}

/** Version 0, hash, key id; then ECDSA over schema, these 18 bytes and SHA-512 of the database. */
function signature(schema: Schema, database: Uint8Array, privateKey: string): Buffer {
  const head = Buffer.concat([Buffer.of(0, HASH_SHA512), keyId(privateKey)]);
  const digest = createHash('sha512').update(database).digest();
  const signed = Buffer.concat([Buffer.from(schema), head, digest]);
  return Buffer.concat([head, sign('sha512', signed, createPrivateKey(privateKey))]);
}

function block(type: number, pieces: readonly Uint8Array[]): Buffer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > BLOCK_BYTES_MAX) throw new RangeError(`"pieces" are ${length} bytes together`);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(((type << 30) | (4 + length)) >>> 0);
  return Buffer.concat([head, ...pieces, Buffer.alloc(-(4 + length) & 7)]);
}

class Writer {
  private readonly pieces: Buffer[] = [Buffer.alloc(8)];
  private length = 8;
  private readonly known = new Map<string, number>();

  /** Writes what does not fit into a value itself; the same bytes are written once. */
  put(value: Value): number {
    if (value === undefined) return 0;
    if (typeof value === 'number') return this.number(value);
    if (typeof value === 'string') return this.bytes(Buffer.from(value));
    if (value instanceof Uint8Array) return this.bytes(value);
    if (!isList(value)) {
      const slots = Object.entries(value.fields).map(([key, one]) => [Number(key), one] as const);
      const last = Math.max(0, ...slots.flatMap(([key, one]) => (one === undefined ? [] : [key])));
      const values = Array.from({ length: last }, (_, index) => this.put(value.fields[index + 1]));
      return this.slots(KIND.record, values);
    }
    return this.slots(
      KIND.list,
      value.map((one) => this.put(one)),
    );
  }

  end(root: number): Buffer {
    const all = Buffer.concat(this.pieces);
    all.writeUInt32LE(root, 4);
    return all;
  }

  private number(value: number): number {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
      throw new RangeError(`"value" is no u32: ${value}`);
    if (value <= INLINE_MAX) return tag(KIND.number, value);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return tag(KIND.u32, this.append(bytes, 4));
  }

  private bytes(value: Uint8Array): number {
    const { length } = value;
    if (length === 0) return 0;
    const width = length > 0xffff ? 4 : length > 0xff ? 2 : 1;
    const head = Buffer.alloc(width);
    head.writeUIntLE(length, 0, width);
    const kind = width === 4 ? KIND.bytes32 : width === 2 ? KIND.bytes16 : KIND.bytes8;
    return tag(kind, this.append(Buffer.concat([head, value]), width));
  }

  private slots(kind: number, values: readonly number[]): number {
    if (values.length === 0) return 0;
    const bytes = Buffer.alloc(4 * (1 + values.length));
    bytes.writeUInt32LE(values.length + 1);
    for (const [index, one] of values.entries()) bytes.writeUInt32LE(one, 4 * (index + 1));
    return tag(kind, this.append(bytes, 4));
  }

  private append(bytes: Buffer, alignment: number): number {
    const key = `${alignment} ${bytes.toString('latin1')}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const gap = -this.length & (alignment - 1);
    const at = this.length + gap;
    this.pieces.push(Buffer.alloc(gap), bytes);
    this.length = at + bytes.length;
    this.known.set(key, at);
    return at;
  }
}

function isList(value: object): value is readonly Value[] {
  return Array.isArray(value);
}

function tag(kind: number, value: number): number {
  return ((kind << 28) | value) >>> 0;
}
