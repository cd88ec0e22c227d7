// The mesh key: an Ed25519 seed whose public half names the mesh. Its text is the backup that a
// person writes down, once:
//
//   kithkey1 | letters of 32 bytes seed and 4 bytes checksum
//
// made as invites are (word.ts), and never taken for one.

import { type Ed25519, ed25519, SEED_BYTES } from '../crypto/ed25519.js';
import { decodeWord, encodeWord, type WordProblem } from './word.js';

export const MESH_KEY_PREFIX = 'kithkey1';

/** A fresh seed, which the caller wipes, and the public key. */
export function makeMeshKey(
  random: (bytes: number) => Uint8Array,
  crypto: Ed25519 = ed25519,
): { meshSeed: Uint8Array; meshKey: Uint8Array } {
  const meshSeed = random(SEED_BYTES);
  return { meshSeed, meshKey: crypto.publicKeyOf(meshSeed) };
}

export function encodeMeshKey(meshSeed: Uint8Array): string {
  if (meshSeed.length !== SEED_BYTES) throw new RangeError('"meshSeed" does not have 32 bytes');
  return encodeWord(MESH_KEY_PREFIX, meshSeed);
}

export function decodeMeshKey(text: string): Uint8Array | WordProblem {
  const read = decodeWord(MESH_KEY_PREFIX, text);
  if (!(read instanceof Uint8Array) || read.length === SEED_BYTES) return read;
  return { code: 'not-a-word', text: 'This is not the backup of a mesh key.' };
}
