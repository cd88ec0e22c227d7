// A result that holds a secret crosses the broker only sealed to whoever asked for it:
//
//     32 bytes: X25519 public key, made for this result | XChaCha20-Poly1305 of the JSON
//
// Key and nonce (24 of its 32 bytes) are Kdf2(hash of both public keys, shared secret); the key is
// used once.

import { decodeKey } from '../../bytes/base64.js';
import { hash, KEY_BYTES, kdf2, XNONCE_BYTES, xopen, xseal } from '../../crypto/primitives.js';
import { wipe } from '../../crypto/secret.js';
import { PrivateKey } from '../../crypto/x25519.js';
import type { Identity } from '../../identity/seed.js';

const LABEL = new TextEncoder().encode('kith1 mqtt result');

/** Undefined where `recipient` is no public key in base64. The result is base64. */
export function sealedTo(
  recipient: string,
  plain: Uint8Array,
  random: (bytes: number) => Uint8Array,
): string | undefined {
  const key = decodeKey(recipient);
  if (!key) return undefined;
  const own = new PrivateKey(random(KEY_BYTES));
  try {
    const keys = keysFor(own, key, own.publicKey, key);
    if (!keys) return undefined;
    const box = xseal(keys.key, keys.nonce, plain, LABEL);
    wipe(keys.key, keys.nonce);
    return Buffer.concat([own.publicKey, box]).toString('base64');
  } finally {
    own.wipe();
  }
}

/** What was sealed to this node, see openSealed. */
export function openAs({ privateKey }: Identity, sealed: string): Uint8Array | undefined {
  const key = new PrivateKey(privateKey.bytes.slice());
  try {
    return openSealed(sealed, key);
  } finally {
    key.wipe();
  }
}

/** The reverse; undefined where it was not sealed to this key. The caller wipes the plain bytes. */
export function openSealed(sealed: string, recipient: PrivateKey): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(sealed, 'base64'));
  if (bytes.length < KEY_BYTES) return undefined;
  const sender = bytes.subarray(0, KEY_BYTES);
  const keys = keysFor(recipient, sender, sender, recipient.publicKey);
  if (!keys) return undefined;
  const plain = xopen(keys.key, keys.nonce, bytes.subarray(KEY_BYTES), LABEL);
  wipe(keys.key, keys.nonce);
  return plain;
}

function keysFor(own: PrivateKey, other: Uint8Array, sender: Uint8Array, recipient: Uint8Array) {
  const shared = own.dh(other);
  if (!shared) return undefined;
  const [key, second] = kdf2(hash(LABEL, sender, recipient), shared);
  wipe(shared);
  return { key, nonce: second.subarray(0, XNONCE_BYTES) };
}
