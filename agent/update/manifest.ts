// The manifest of a release: what there is of it for which machines, signed by its publisher. A
// COSE_Sign1 as all that is signed here (agent/identity/cose.ts), with the publisher's key in the
// place of the mesh key. Its payload:
//
//   { 0: 16, 1: key id, 2: issued, 3: channel, 4: version, 5: minimum version, 6: notes,
//     7: [[target, bytes of the archive, bytes unpacked, SHA-256 of the chunk file], …] }
//
// The chunk file has the SHA-256 of every 256 KiB of the archive, so that each chunk is checked
// before it is stored, wherever it came from. Names of files follow from version and target: there
// is nothing in here that could point elsewhere.

import { sha256 } from '@noble/hashes/sha2.js';
import type { Cbor } from '../bytes/cbor.js';
import type { Signer, Verify } from '../crypto/ed25519.js';
import { KINDS, readEnvelope, signEnvelope, verifyEnvelope } from '../identity/cose.js';
import * as fields from '../identity/fields.js';
import { isVersion } from './version.js';

export const MANIFEST_BYTES_MAX = 8_192; // sixteen targets and the notes
export const CHUNK_BYTES = 256 * 1_024;
export const HASH_BYTES = 32;
export const KEY_ID_BYTES = 8;
export const TARGETS_MAX = 32; // more kinds of machine than there are packages for
export const NOTES_LETTERS_MAX = 2_000; // a page; the rest belongs into a change log
export const ARCHIVE_BYTES_MAX = 2 ** 30; // an image of a card is a tenth of it
const UNPACKED_BYTES_MAX = 2 ** 33;

const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/;
const TARGET = /^[a-z0-9][a-z0-9_-]{0,31}$/;
// No control characters: notes are shown on terminals. Line feeds are fine.
const UNPRINTABLE = /(?!\n)\p{C}/u;

export type Target = Readonly<{
  target: string; // such as arm64-glibc
  size: number; // bytes of the archive
  unpacked: number; // bytes on the disk when it is installed
  chunks: Uint8Array; // SHA-256 of the chunk file
}>;

export type Manifest = Readonly<{
  channel: string;
  version: string;
  minimum: string | null; // nothing older may be installed once this was seen
  notes: string;
  issued: number; // Unix milliseconds, whole seconds
  targets: readonly Target[];
}>;

/** A manifest whose signature was checked. */
export type SignedManifest = Manifest & Readonly<{ key: string; bytes: Uint8Array }>;

export type ManifestRefusal = 'form' | 'unknown-key' | 'signature';

export function isChannel(text: string): boolean {
  return CHANNEL.test(text);
}

export function isTarget(text: string): boolean {
  return TARGET.test(text);
}

/** The first 8 bytes of the key's SHA-256: it tells which key to try, the signature decides. */
export function keyIdOf(key: Uint8Array): Uint8Array {
  return sha256(key).slice(0, KEY_ID_BYTES);
}

/** Throws RangeError where the manifest is none that would be read. */
export function signManifest(manifest: Manifest, signer: Signer): Uint8Array {
  const { channel, version, minimum, notes, issued, targets } = manifest;
  const payload = new Map<number, Cbor>([
    [0, KINDS.release],
    [1, keyIdOf(signer.key)],
    [2, fields.secondsOf(issued)],
    [3, channel],
    [4, version],
    ...(minimum === null ? [] : ([[5, minimum]] as const)),
    [6, notes],
    [7, targets.map(({ target, size, unpacked, chunks }) => [target, size, unpacked, chunks])],
  ]);
  if (readPayload(payload) === undefined) throw new RangeError('"manifest" is out of bounds');
  const bytes = signEnvelope('release', signer.key, payload, signer);
  if (bytes.length > MANIFEST_BYTES_MAX) throw new RangeError('"manifest" is too large');
  return bytes;
}

/**
 * What stands in a manifest, if one of these keys (Ed25519, 32 bytes) signed it. Never throws;
 * keeps a copy of `bytes`.
 */
export function readManifest(
  bytes: Uint8Array,
  keys: readonly Uint8Array[],
  verify: Verify,
): SignedManifest | Readonly<{ refused: ManifestRefusal }> {
  if (bytes.length > MANIFEST_BYTES_MAX) return { refused: 'form' };
  const envelope = readEnvelope(bytes);
  const map = envelope && fields.fieldsOf(envelope.payload);
  if (envelope === undefined || map === undefined) return { refused: 'form' };
  const id = fields.bytesOf(map.get(1), KEY_ID_BYTES);
  const manifest = readPayload(map);
  if (id === undefined || manifest === undefined) return { refused: 'form' };
  const key = keys.find((one) => equal(keyIdOf(one), id));
  if (key === undefined) return { refused: 'unknown-key' };
  if (!verifyEnvelope('release', key, envelope, key, verify)) return { refused: 'signature' };
  return { ...manifest, key: Buffer.from(key).toString('base64'), bytes: Uint8Array.from(bytes) };
}

function readPayload(map: fields.Fields): Manifest | undefined {
  if (map.get(0) !== KINDS.release) return undefined;
  const issued = fields.timeOf(map.get(2));
  const [channel, version, minimum, notes] = [3, 4, 5, 6].map((key) => map.get(key));
  const targets = fields.listed(map.get(7), TARGETS_MAX, readTarget);
  if (issued === undefined || targets === undefined || targets.length === 0) return undefined;
  if (typeof channel !== 'string' || !isChannel(channel)) return undefined;
  if (typeof version !== 'string' || !isVersion(version)) return undefined;
  if (minimum !== undefined && (typeof minimum !== 'string' || !isVersion(minimum)))
    return undefined;
  if (typeof notes !== 'string' || notes.length > NOTES_LETTERS_MAX) return undefined;
  if (UNPRINTABLE.test(notes)) return undefined;
  if (new Set(targets.map(({ target }) => target)).size < targets.length) return undefined;
  return { channel, version, minimum: minimum ?? null, notes, issued, targets };
}

function readTarget(value: Cbor): Target | undefined {
  const entry = fields.listOf(value, 4);
  const target = entry?.[0];
  const size = fields.wholeOf(entry?.[1], ARCHIVE_BYTES_MAX);
  const unpacked = fields.wholeOf(entry?.[2], UNPACKED_BYTES_MAX);
  const chunks = fields.bytesOf(entry?.[3], HASH_BYTES);
  if (typeof target !== 'string' || !isTarget(target)) return undefined;
  if (size === undefined || size === 0 || unpacked === undefined) return undefined;
  return chunks && { target, size, unpacked, chunks };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

// Names and numbers that follow from it

export function archiveName(version: string, target: string): string {
  return `kith-${version}-${target}.tar.gz`;
}

export function chunkCount(size: number): number {
  return Math.ceil(size / CHUNK_BYTES);
}

/** Bytes of chunk `index` in an archive of `size` bytes. */
export function chunkLength(size: number, index: number): number {
  return Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES);
}

/** The hash that names an archive everywhere, in hexadecimal. */
export function hashName({ chunks }: Target): string {
  return Buffer.from(chunks).toString('hex');
}

/** The chunk file, if it is the one that the manifest means. */
export function isChunkFile(bytes: Uint8Array, target: Target): boolean {
  return (
    bytes.length === HASH_BYTES * chunkCount(target.size) && equal(sha256(bytes), target.chunks)
  );
}
