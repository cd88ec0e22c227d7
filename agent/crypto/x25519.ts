// DH of the WireGuard paper: X25519 (RFC 7748).
//
// noble is the reference. Node's own OpenSSL is some 30 times as fast and serves instead of it,
// but only after it has given noble's answers on this very machine: the vectors of RFC 7748, keys
// that both must clamp and mask alike, and the points of low order that both must refuse.

import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { x25519 as noble } from '@noble/curves/ed25519.js';
import { hexToBytes } from '@noble/curves/utils.js';
import { equal, KEY_BYTES } from './primitives.js';
import { isZero, Secret, wipe } from './secret.js';

/** A private key ready for use; OpenSSL's copy of it is cleansed when this is collected. */
type Loaded = Readonly<{
  publicKey(): Uint8Array;
  /** Undefined where the shared secret would be all zeros (RFC 7748, section 6.1). */
  sharedSecret(publicKey: Uint8Array): Uint8Array | undefined;
}>;

export type X25519 = Readonly<{ name: 'noble' | 'node'; load(privateKey: Uint8Array): Loaded }>;

/** Uses the very bytes it was given, so that nothing is left once they are wiped. */
export const nobleX25519: X25519 = {
  name: 'noble',
  load: (privateKey) => ({
    publicKey: () => noble.getPublicKey(privateKey),
    sharedSecret(publicKey) {
      try {
        return noble.getSharedSecret(privateKey, publicKey);
      } catch {
        return undefined;
      }
    },
  }),
};

// DER of an X25519 key up to its 32 bytes (RFC 8410, sections 4 and 7). A private key goes in so,
// and takes ten times as long as the rest: a JWK is faster but a string, which nobody can wipe.
const PKCS8 = hexToBytes('302e020100300506032b656e04220420');
const SPKI_HEADER_BYTES = 12;

export const nodeX25519: X25519 = {
  name: 'node',
  load(privateKey) {
    const ours = privateKeyObject(privateKey);
    return {
      publicKey() {
        const der = createPublicKey(ours).export({ format: 'der', type: 'spki' });
        return Uint8Array.from(der.subarray(SPKI_HEADER_BYTES));
      },
      sharedSecret(publicKey) {
        try {
          const x = Buffer.from(publicKey).toString('base64url');
          const key = { kty: 'OKP', crv: 'X25519', x };
          const theirs = createPublicKey({ key, format: 'jwk' });
          const shared = diffieHellman({ privateKey: ours, publicKey: theirs });
          const copy = Uint8Array.from(shared); // the Buffer may be a slice of something larger
          wipe(shared);
          return isZero(copy) ? undefined : copy;
        } catch {
          return undefined;
        }
      },
    };
  },
};

function privateKeyObject(privateKey: Uint8Array) {
  const key = Buffer.alloc(PKCS8.length + KEY_BYTES); // never out of Buffer's shared pool
  key.set(PKCS8);
  key.set(privateKey, PKCS8.length);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    wipe(key);
  }
}

/** An X25519 private key that does not print and can be wiped. */
export class PrivateKey {
  readonly #secret: Secret;
  #loaded: Loaded | undefined;
  #publicKey: Uint8Array | undefined;

  /** Takes the 32 bytes over: the caller keeps no use of them. */
  constructor(bytes: Uint8Array) {
    checkLength(bytes, 'privateKey');
    this.#secret = new Secret(bytes);
  }

  get publicKey(): Uint8Array {
    this.#publicKey ??= this.#load().publicKey();
    return this.#publicKey;
  }

  /** The bytes themselves, not a copy. */
  get bytes(): Uint8Array {
    return this.#secret.bytes;
  }

  /**
   * DH(private key, public key), 32 bytes that the caller wipes; undefined for a public key of low
   * order, which comes from outside and is no error of ours.
   */
  dh(publicKey: Uint8Array): Uint8Array | undefined {
    checkLength(publicKey, 'publicKey');
    return this.#load().sharedSecret(publicKey);
  }

  wipe(): void {
    this.#secret.wipe();
    this.#loaded = undefined;
  }

  #load(): Loaded {
    this.#loaded ??= chosen().load(this.#secret.bytes);
    return this.#loaded;
  }
}

/** The public key of a private key, 32 bytes each. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  checkLength(privateKey, 'privateKey');
  return chosen().load(privateKey).publicKey();
}

/** Which implementation serves; the first call runs the self-test (some 20 ms). */
export function chosen(): X25519 {
  choice ??= agrees(nodeX25519) ? nodeX25519 : nobleX25519;
  return choice;
}

let choice: X25519 | undefined;

function checkLength(key: Uint8Array, name: string): void {
  if (key.length !== KEY_BYTES) throw new RangeError(`"${name}" has ${key.length} bytes, not 32`);
}

// Private key, u-coordinate, shared secret: RFC 7748, sections 5.2 (twice) and 6.1. The first has
// an unclamped private key, the second a u-coordinate with its unused bit set.
const VECTORS = [
  [
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
  [
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
] as const;

// Public keys of order 1, 2, 4 and 8, and forms of them that are not reduced modulo the prime
const LOW_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
] as const;

/** Whether an implementation gives noble's answers; also false where it throws. */
export function agrees(other: X25519): boolean {
  try {
    return VECTORS.every((vector) => agreesOnVector(other, vector)) && refusesLowOrder(other);
  } catch {
    return false;
  }
}

function agreesOnVector(other: X25519, [scalar, point, shared]: (typeof VECTORS)[number]): boolean {
  const reference = nobleX25519.load(hexToBytes(scalar));
  const tested = other.load(hexToBytes(scalar));
  const want = reference.sharedSecret(hexToBytes(point));
  const got = tested.sharedSecret(hexToBytes(point));
  if (want === undefined || got === undefined || !equal(want, got)) return false;
  if (!equal(want, hexToBytes(shared))) return false;
  return equal(tested.publicKey(), reference.publicKey());
}

function refusesLowOrder(other: X25519): boolean {
  const tested = other.load(hexToBytes(VECTORS[0][0]));
  return LOW_ORDER.every((point) => tested.sharedSecret(hexToBytes(point)) === undefined);
}
