// The pre-shared keys that come out of ML-KEM, and their short names.
//
//   key = HKDF(salt = handshake hash, old key | ML-KEM secret | lower node key | higher node key)
//
// As long as one exchange of a chain was out of an attacker's reach, so are all keys after it.

import { hash, kdf1, mac } from '../crypto/primitives.js';
import { wipe } from '../crypto/secret.js';
import type { NodeId } from '../identity/member.js';
import { idBytes } from '../identity/nodeid.js';

export const NAME_BYTES = 8; // tells a handful of keys apart; says nothing about them

const text = new TextEncoder();
const KEY_LABEL = text.encode('kith pre-shared key');
const SESSION_LABEL = text.encode('kith session');

/** No key: WireGuard's default. A session made with it is bare. */
export const ZERO = new Uint8Array(32);

export function derive(
  handshakeHash: Uint8Array,
  old: Uint8Array,
  secret: Uint8Array,
  nodes: readonly [NodeId, NodeId],
): Uint8Array {
  const input = new Uint8Array(128);
  for (const [i, part] of [old, secret, ...[...nodes].sort().map(idBytes)].entries()) {
    input.set(part, 32 * i);
  }
  const key = kdf1(handshakeHash, input);
  wipe(input);
  return key;
}

/** 8 bytes that name a pre-shared key. */
export function nameOfKey(key: Uint8Array): Uint8Array {
  return mac(key, KEY_LABEL).subarray(0, NAME_BYTES);
}

/** 8 bytes that name a session by its handshake hash. */
export function nameOfSession(handshakeHash: Uint8Array): Uint8Array {
  return hash(SESSION_LABEL, handshakeHash).subarray(0, NAME_BYTES);
}
