// A node is one random seed of 32 bytes. From it come, in RFC 8032's own way,
//
//   SHA-512(seed) = first half | second half
//                       |
//                       +-- clamped: scalar --+-- times the Edwards base: Ed25519 node key
//                                             +-- times the Montgomery base: WireGuard key
//
// The two public keys are one point in two forms (RFC 7748, section 4.1), so that whoever signs
// with the node key also owns the tunnel key, and anyone can compute the latter from the former.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { type Signer, ed25519 as signatures } from '../crypto/ed25519.js';
import { equal } from '../crypto/primitives.js';
import { Secret, wipe } from '../crypto/secret.js';
import { publicKeyOf } from '../crypto/x25519.js';

export const SEED_BYTES = 32;

/** The keys of one node. */
export class Identity {
  /** Ed25519, 32 bytes: the node's name among nodes. */
  readonly nodeKey: Uint8Array;
  /** X25519, 32 bytes: what WireGuard peers know it by. */
  readonly publicKey: Uint8Array;
  /** X25519, clamped, 32 bytes. */
  readonly privateKey: Secret;
  readonly #seed: Secret;

  /** The seed is copied; wiping the caller's is the caller's. */
  constructor(seed: Uint8Array) {
    if (seed.length !== SEED_BYTES) throw new RangeError(`"seed" has ${seed.length} bytes, not 32`);
    const hash = sha512(seed);
    this.privateKey = new Secret(clamp(hash.slice(0, 32)));
    wipe(hash);
    this.nodeKey = ed25519.getPublicKey(seed);
    this.publicKey = ed25519.utils.toMontgomery(this.nodeKey);
    if (!equal(this.publicKey, publicKeyOf(this.privateKey.bytes)))
      throw new RangeError('"seed" gives two different public keys');
    this.#seed = Secret.copyOf(seed);
  }

  /** Ed25519 over `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array {
    return signatures.sign(this.#seed.bytes, message);
  }

  /** The same as somebody who signs, for statements and records. */
  get signer(): Signer {
    return { key: this.nodeKey, sign: (message) => this.sign(message) };
  }

  /** No key of this node works afterwards. */
  wipe(): void {
    this.#seed.wipe();
    this.privateKey.wipe();
  }
}

/** RFC 7748, section 5: a multiple of eight below 2^255 with the highest bit of 255 set. */
export function clamp(scalar: Uint8Array): Uint8Array {
  if (scalar.length !== 32) throw new RangeError(`"scalar" has ${scalar.length} bytes, not 32`);
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = ((scalar[31] ?? 0) & 0x7f) | 0x40;
  return scalar;
}
