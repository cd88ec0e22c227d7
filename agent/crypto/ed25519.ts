// Ed25519 (RFC 8032). noble signs, and noble's verdict on a signature is the rule.
//
// Node's own OpenSSL verifies some 15 times as fast, but is stricter on crafted signatures (it
// refuses some points that noble, with ZIP 215, takes). All nodes must judge alike, whatever they
// run on; so OpenSSL's yes is taken, which is always noble's yes too, and its no is asked of noble.

import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import { hexToBytes } from '@noble/curves/utils.js';
import { isZero } from './secret.js';

export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;

/** True where the signature is good. Never throws: all three come from outside. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** What makes and checks signatures; a simulation of thousands brings a cheaper one. */
export type Ed25519 = Readonly<{
  publicKeyOf(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  verify: Verify;
  /** The same point in X25519's form; undefined for what is no key, or one of low order. */
  toX25519(publicKey: Uint8Array): Uint8Array | undefined;
}>;

/** Somebody who signs: a public key, and what only its owner can do. */
export type Signer = Readonly<{
  key: Uint8Array; // Ed25519, 32 bytes
  sign(message: Uint8Array): Uint8Array;
}>;

export const nobleVerify: Verify = (publicKey, message, signature) => {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return noble.verify(signature, message, publicKey);
  } catch {
    return false;
  }
};

export const opensslVerify: Verify = (publicKey, message, signature) => {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const x = Buffer.from(publicKey).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return nodeVerify(null, message, key, signature);
  } catch {
    return false;
  }
};

export const ed25519: Ed25519 = {
  publicKeyOf: (seed) => noble.getPublicKey(checkSeed(seed)),
  sign: (seed, message) => noble.sign(message, checkSeed(seed)),
  verify: (publicKey, message, signature) =>
    (opensslServes() && opensslVerify(publicKey, message, signature)) ||
    nobleVerify(publicKey, message, signature),
  toX25519(publicKey) {
    try {
      const u = noble.utils.toMontgomery(publicKey);
      return isZero(u) || noble.Point.fromBytes(publicKey).isSmallOrder() ? undefined : u;
    } catch {
      return undefined;
    }
  },
};

/** Signs with a seed that the caller keeps, and wipes when it is done. */
export function signerOf(seed: Uint8Array, crypto: Ed25519 = ed25519): Signer {
  return { key: crypto.publicKeyOf(seed), sign: (message) => crypto.sign(seed, message) };
}

/** Whether OpenSSL is asked first; the first call runs the self-test (some 20 ms). */
export function opensslServes(): boolean {
  serves ??= agrees(opensslVerify);
  return serves;
}

let serves: boolean | undefined;

function checkSeed(seed: Uint8Array): Uint8Array {
  if (seed.length !== SEED_BYTES) throw new RangeError(`"seed" has ${seed.length} bytes, not 32`);
  return seed;
}

// Public key, message, signature: RFC 8032, section 7.1, tests 1 to 3
const VECTORS = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
] as const;

// The neutral element as key and as R, with S = 0: ZIP 215 takes it for every message. Whether
// OpenSSL does is its affair: what matters is that it takes nothing that noble refuses.
const NEUTRAL = `01${'00'.repeat(31)}`;

/** Takes the vectors, and none of the forgeries that noble refuses; also false where it throws. */
export function agrees(other: Verify): boolean {
  try {
    return VECTORS.every((vector) => {
      const [key, message, signature] = vector.map(hexToBytes);
      if (!key || !message || !signature || !other(key, message, signature)) return false;
      return forgeries(key, message, signature).every((forgery) => {
        return !other(...forgery) || nobleVerify(...forgery);
      });
    });
  } catch {
    return false;
  }
}

type Triple = Parameters<Verify>;

function forgeries(...[key, message, signature]: Triple): Triple[] {
  const flips = [0, 31, 32, 63].map((at): Triple => [key, message, flipped(signature, at)]);
  const neutral = hexToBytes(NEUTRAL);
  const empty = new Uint8Array(SIGNATURE_BYTES);
  const crafted = Uint8Array.from(empty);
  crafted.set(neutral);
  return [
    ...flips,
    [flipped(key, 0), message, signature],
    [key, Uint8Array.of(...message, 1), signature],
    [key, message, plusOrder(signature)],
    [key, message, empty],
    [neutral, message, crafted],
    [neutral, message, empty],
  ];
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** S + L instead of S: the same equation, a second signature, which RFC 8032 refuses. */
function plusOrder(signature: Uint8Array): Uint8Array {
  const order = noble.Point.Fn.toBytes(noble.Point.Fn.create(-1n)); // L - 1, little-endian
  const copy = Uint8Array.from(signature);
  let carry = 1;
  for (let i = 0; i < 32; i++) {
    const sum = (copy[32 + i] ?? 0) + (order[i] ?? 0) + carry;
    copy[32 + i] = sum & 0xff;
    carry = sum >> 8;
  }
  return copy;
}
