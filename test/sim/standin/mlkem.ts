// What agent/crypto/mlkem.ts is to simulations of thousands of nodes: messages of the same lengths.

import type { Kem } from '../../../agent/crypto/mlkem.js';
import { hash } from './primitives.js';

export const KEM_SEED_BYTES = 64;
export const KEM_MESSAGE_BYTES = 32;
export const KEM_KEY_BYTES = 1_184;
export const KEM_BOX_BYTES = 1_088;

export const mlKem768: Kem = {
  keys(seed) {
    const secretKey = hash(seed);
    return { publicKey: filled(hash(secretKey), KEM_KEY_BYTES), secretKey };
  },
  encapsulate(publicKey, message) {
    if (publicKey.length !== KEM_KEY_BYTES) return undefined;
    const box = filled(hash(message), KEM_BOX_BYTES);
    return { box, secret: hash(publicKey.subarray(0, 32), box.subarray(0, 32)) };
  },
  decapsulate: (box, secretKey) => hash(hash(secretKey), box.subarray(0, 32)),
};

function filled(head: Uint8Array, bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  whole.set(head);
  return whole;
}
