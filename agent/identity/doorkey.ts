// The door: an X25519 key that everybody can compute who knows the mesh key, and nobody else. A
// handshake with it says "I know of your mesh" and no more.

import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../bytes/cbor.js';
import { publicKeyOf } from '../crypto/x25519.js';
import { clamp } from './seed.js';

const DOMAIN = new TextEncoder().encode('kith1 door');

export function doorKeyOf(meshKey: Uint8Array): { privateKey: Uint8Array; publicKey: Uint8Array } {
  const privateKey = clamp(sha256(concat([DOMAIN, meshKey])));
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}
