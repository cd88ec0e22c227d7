// What agent/crypto/primitives.ts is to simulations of thousands of nodes: the same functions with
// the same lengths, out of a short keyed hash instead of BLAKE2s and ChaCha20-Poly1305. Nothing is
// hidden by it; but what was not made with the key, or was altered, does not open.

export const HASH_BYTES = 32;
export const MAC_BYTES = 16;
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;
export const XNONCE_BYTES = 24;

export function hash(...parts: Uint8Array[]): Uint8Array {
  return digest(HASH_BYTES, 1, parts);
}

export function mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return digest(MAC_BYTES, 2, [key, ...parts]);
}

export function hmacHash(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return digest(HASH_BYTES, 3, [key, ...parts]);
}

export function kdf1(key: Uint8Array, input: Uint8Array): Uint8Array {
  return digest(HASH_BYTES, 4, [key, input]);
}

export function kdf2(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array] {
  return [kdf1(key, input), digest(HASH_BYTES, 5, [key, input])];
}

export function kdf3(key: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  return [...kdf2(key, input), digest(HASH_BYTES, 6, [key, input])];
}

export function seal(
  key: Uint8Array,
  counter: number,
  plain: Uint8Array,
  auth: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(plain.length + TAG_BYTES);
  mask(key, counter, plain, sealed);
  sealed.set(tag(key, counter, sealed.subarray(0, plain.length), auth), plain.length);
  return sealed;
}

export function open(
  key: Uint8Array,
  counter: number,
  sealed: Uint8Array,
  auth: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const text = sealed.subarray(0, sealed.length - TAG_BYTES);
  if (!equal(tag(key, counter, text, auth), sealed.subarray(text.length))) return undefined;
  const plain = new Uint8Array(text.length);
  mask(key, counter, text, plain);
  return plain;
}

export function xseal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  auth: Uint8Array,
): Uint8Array {
  return seal(kdf1(key, nonce), 0, plain, auth);
}

export function xopen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  auth: Uint8Array,
): Uint8Array | undefined {
  return open(kdf1(key, nonce), 0, sealed, auth);
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Hides the text from a search for it, no more. */
function mask(key: Uint8Array, counter: number, from: Uint8Array, to: Uint8Array): void {
  const first = (key[0] ?? 0) ^ (counter & 0xff) ^ 0xa5;
  for (let i = 0; i < from.length; i++) to[i] = (from[i] ?? 0) ^ ((first + 29 * i) & 0xff);
}

function tag(key: Uint8Array, counter: number, text: Uint8Array, auth: Uint8Array): Uint8Array {
  const high = Math.floor(counter / 2 ** 32);
  return digest(TAG_BYTES, (7 + counter) ^ Math.imul(high, 0x9e3779b1), [key, text, auth]);
}

/** FNV-1a over all parts in two lanes, spread over so many bytes. */
function digest(bytes: number, domain: number, parts: readonly Uint8Array[]): Uint8Array {
  let a = Math.imul(0x811c9dc5 ^ domain, 0x01000193);
  let b = Math.imul(0x7ee3623a ^ domain, 0x01000193);
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      const byte = part[i] ?? 0;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b + byte, 0x5bd1e995) ^ (b >>> 13);
    }
    a = Math.imul(a ^ part.length, 0x01000193);
  }
  const out = new Uint32Array(bytes >> 2);
  for (let i = 0; i < out.length; i++) {
    a = Math.imul(a ^ (a >>> 15) ^ b, 0x2c1b3c6d);
    b = Math.imul(b ^ (b >>> 12) ^ (a + i), 0x297a2d39);
    out[i] = a ^ (b >>> 7);
  }
  return new Uint8Array(out.buffer);
}
