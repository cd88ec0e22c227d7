// ML-KEM-768 (FIPS 203), in front of X25519: a secret that both must break.

import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { wipe } from './secret.js';

export const KEM_SEED_BYTES = 64;
export const KEM_MESSAGE_BYTES = 32;
export const KEM_KEY_BYTES = 1_184;
export const KEM_BOX_BYTES = 1_088;

/** A key encapsulation mechanism; simulations put a cheaper one in the place of ML-KEM. */
export type Kem = Readonly<{
  /** From 64 random bytes. The caller wipes the secret key. */
  keys(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array };
  /** With 32 random bytes; undefined for what is no public key. The caller wipes the secret. */
  encapsulate(
    publicKey: Uint8Array,
    message: Uint8Array,
  ): { box: Uint8Array; secret: Uint8Array } | undefined;
  /** 32 bytes; of a box for another key: bytes that nobody else has (implicit rejection). */
  decapsulate(box: Uint8Array, secretKey: Uint8Array): Uint8Array;
}>;

export const mlKem768: Kem = {
  keys(seed) {
    const keys = ml_kem768.keygen(seed);
    wipe(seed);
    return keys;
  },
  encapsulate(publicKey, message) {
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
      return { box: cipherText, secret: sharedSecret };
    } catch {
      return undefined; // coefficients that are not reduced (FIPS 203, section 7.2)
    } finally {
      wipe(message);
    }
  },
  decapsulate: (box, secretKey) => ml_kem768.decapsulate(box, secretKey),
};
