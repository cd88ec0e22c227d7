// What agent/crypto/x25519.ts is to simulations of thousands of nodes. The public key is the
// private one with its bits turned; both sides find the same secret, as would anybody who looked.

import { hash, KEY_BYTES } from './primitives.js';

const ALL_ONES = 0xff;

export class PrivateKey {
  readonly publicKey: Uint8Array;

  constructor(readonly bytes: Uint8Array) {
    this.publicKey = publicKeyOf(bytes);
  }

  dh(publicKey: Uint8Array): Uint8Array | undefined {
    if (publicKey.every((byte) => byte === 0)) return undefined;
    const [low, high] = ordered(this.publicKey, publicKey);
    return hash(low, high);
  }

  wipe(): void {
    this.bytes.fill(0);
  }
}

export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  if (privateKey.length !== KEY_BYTES) throw new RangeError('"privateKey" has not 32 bytes');
  return privateKey.map((byte) => byte ^ ALL_ONES);
}

function ordered(a: Uint8Array, b: Uint8Array): [Uint8Array, Uint8Array] {
  for (let i = 0; i < KEY_BYTES; i++)
    if (a[i] !== b[i]) return (a[i] ?? 0) < (b[i] ?? 0) ? [a, b] : [b, a];
  return [a, b];
}
