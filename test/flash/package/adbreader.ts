// A plain reader of apk-tools 3 files, made from the format alone: the judge of our writer, once a
// package of the real tool's has judged it.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';

// Lists are records, too: the real tool marks one and the same list now so, now so.
export type Value = number | Buffer | { readonly [slot: number]: Value } | null;

export type Adb = Readonly<{
  schema: string;
  database: Buffer;
  root: { readonly [slot: number]: Value };
  signatures: readonly Buffer[];
  files: readonly { folder: number; file: number; bytes: Buffer }[];
}>;

export function readAdb(bytes: Buffer): Adb {
  const plain =
    bytes.subarray(0, 4).toString() === 'ADBd' ? inflateRawSync(bytes.subarray(4)) : bytes;
  if (plain.subarray(0, 4).toString() !== 'ADB.') throw new Error('no ADB file');
  const databases: Buffer[] = [];
  const signatures: Buffer[] = [];
  const files: { folder: number; file: number; bytes: Buffer }[] = [];
  for (let at = 8; at < plain.length; ) {
    const head = plain.readUInt32LE(at);
    const length = head & 0x3fffffff;
    const inside = plain.subarray(at + 4, at + length);
    if (head >>> 30 === 0) databases.push(inside);
    else if (head >>> 30 === 1) signatures.push(inside);
    else if (head >>> 30 === 2)
      files.push({
        folder: inside.readUInt32LE(0),
        file: inside.readUInt32LE(4),
        bytes: inside.subarray(8),
      });
    else throw new Error('an extended block');
    const end = Math.ceil(length / 8) * 8;
    if (at + end > plain.length) throw new Error('a block that is not whole');
    at += end;
  }
  const [database] = databases;
  if (!database || databases.length !== 1) throw new Error(`${databases.length} databases`);
  const root = value(database, database.readUInt32LE(4));
  return {
    schema: plain.subarray(4, 8).toString(),
    database,
    root: root as Adb['root'],
    signatures,
    files,
  };
}

/** Whether the first signature is one of this key (PEM). */
export function isSignedBy({ schema, database, signatures }: Adb, key: string): boolean {
  const [signature] = signatures;
  if (signature?.[0] !== 0 || signature[1] !== 4) return false; // version, SHA-512
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  const point = Buffer.concat([
    Buffer.of(4),
    Buffer.from(x, 'base64url'),
    Buffer.from(y, 'base64url'),
  ]);
  const id = createHash('sha512').update(point).digest().subarray(0, 16);
  if (!signature.subarray(2, 18).equals(id)) return false;
  const digest = createHash('sha512').update(database).digest();
  const signed = Buffer.concat([Buffer.from(schema), signature.subarray(0, 18), digest]);
  return verify('sha512', signed, createPublicKey(key), signature.subarray(18));
}

function value(database: Buffer, word: number): Value {
  const [kind, rest] = [word >>> 28, word & 0x0fffffff];
  const bytes = (width: number) => {
    const length = database.readUIntLE(rest, width);
    return database.subarray(rest + width, rest + width + length);
  };
  if (kind === 0) return null;
  if (kind === 1) return rest;
  if (kind === 2) return database.readUInt32LE(rest);
  if (kind === 3) return Number(database.readBigUInt64LE(rest));
  if (kind === 8) return bytes(1);
  if (kind === 9) return bytes(2);
  if (kind === 10) return bytes(4);
  if (kind !== 13 && kind !== 14) throw new Error(`a value of kind ${kind}`);
  const slots = database.readUInt32LE(rest) - 1;
  const values = Array.from({ length: slots }, (_, i) =>
    value(database, database.readUInt32LE(rest + 4 * (i + 1))),
  );
  return Object.fromEntries(values.map((one, i) => [i + 1, one]));
}
