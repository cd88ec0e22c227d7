// The functions of the WireGuard paper, section 5.4, under its names; noble does the work.

import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { equalBytes } from '@noble/ciphers/utils.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { wipe } from './secret.js';

export const HASH_BYTES = 32;
export const MAC_BYTES = 16;
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;
export const XNONCE_BYTES = 24;

/** Hash(input): BLAKE2s of all parts in a row, 32 bytes. */
export function hash(...parts: Uint8Array[]): Uint8Array {
  const state = blake2s.create({ dkLen: HASH_BYTES });
  for (const part of parts) state.update(part);
  return state.digest();
}

/** Mac(key, input): keyed BLAKE2s with 16 bytes of output; the key has at most 32. */
export function mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const state = blake2s.create({ dkLen: MAC_BYTES, key });
  for (const part of parts) state.update(part);
  return state.digest();
}

/** Hmac(key, input): RFC 2104 over BLAKE2s, 32 bytes. */
export function hmacHash(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const state = hmac.create(blake2s, key);
  for (const part of parts) state.update(part);
  const output = state.digest();
  state.destroy(); // the padded key
  return output;
}

/** Kdf1(key, input): see kdf3. The caller wipes what it gets. */
export function kdf1(key: Uint8Array, input: Uint8Array): Uint8Array {
  return kdf(key, input, 1)[0];
}

/** Kdf2(key, input): see kdf3. The caller wipes what it gets. */
export function kdf2(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  const [first, second] = kdf(key, input, 2);
  return [first, second];
}

/** Kdf3(key, input): three outputs of HKDF (RFC 5869, empty info), 32 bytes each. */
export function kdf3(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  return kdf(key, input, 3);
}

function kdf(
  key: Uint8Array,
  input: Uint8Array,
  count: 1 | 2 | 3,
): [Uint8Array, Uint8Array, Uint8Array] {
  const none = new Uint8Array(0);
  const extracted = hmacHash(key, input);
  const first = hmacHash(extracted, Uint8Array.of(1));
  const second = count > 1 ? hmacHash(extracted, first, Uint8Array.of(2)) : none;
  const third = count > 2 ? hmacHash(extracted, second, Uint8Array.of(3)) : none;
  wipe(extracted);
  return [first, second, third];
}

/** Aead(key, counter, plain, auth): ChaCha20-Poly1305 (RFC 8439); the tag follows the text. */
export function seal(
  key: Uint8Array,
  counter: number,
  plain: Uint8Array,
  auth: Uint8Array,
): Uint8Array {
  return chacha20poly1305(key, nonceOf(counter), auth).encrypt(plain);
}

/** The reverse of `seal`; undefined where the tag is wrong. */
export function open(
  key: Uint8Array,
  counter: number,
  sealed: Uint8Array,
  auth: Uint8Array,
): Uint8Array | undefined {
  return opened(() => chacha20poly1305(key, nonceOf(counter), auth).decrypt(sealed), sealed);
}

/** Xaead(key, nonce, plain, auth): XChaCha20-Poly1305, the nonce has 24 bytes. */
export function xseal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  auth: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, nonce, auth).encrypt(plain);
}

/** The reverse of `xseal`; undefined where the tag is wrong. */
export function xopen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  auth: Uint8Array,
): Uint8Array | undefined {
  return opened(() => xchacha20poly1305(key, nonce, auth).decrypt(sealed), sealed);
}

/** Equality in constant time for one length. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return equalBytes(a, b);
}

/** noble throws at a wrong tag, which is input from outside and no error of ours. */
function opened(decrypt: () => Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  try {
    return decrypt();
  } catch {
    return undefined;
  }
}

/** 4 zero bytes, then the counter as u64, little-endian (paper, section 5.4). */
function nonceOf(counter: number): Uint8Array {
  if (!Number.isSafeInteger(counter) || counter < 0) {
    throw new RangeError(`"counter" is no counter: ${counter}`);
  }
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter >>> 0, true);
  view.setUint32(8, Math.floor(counter / 2 ** 32), true);
  return nonce;
}
