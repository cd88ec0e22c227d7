// What agent/crypto/ed25519.ts is to simulations of thousands of nodes; it fits standin/x25519.ts.
// Anybody could sign for anybody, if he tried: liars of the simulation that are to be caught by
// their signatures run with the real one.

import type { Ed25519, Signer } from '../../../agent/crypto/ed25519.js';
import { equal, hash } from './primitives.js';
import { publicKeyOf as tunnelKeyOf } from './x25519.js';

export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;

const TURN = 0x5a;

const turned = (key: Uint8Array) => key.map((byte) => byte ^ TURN);

function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const made = new Uint8Array(SIGNATURE_BYTES);
  made.set(hash(publicKey, message));
  made.set(hash(message, publicKey), 32);
  return made;
}

export const ed25519: Ed25519 = {
  publicKeyOf: turned,
  sign: (seed, message) => signature(turned(seed), message),
  verify: (publicKey, message, given) => equal(given, signature(publicKey, message)),
  toX25519: (publicKey) => tunnelKeyOf(turned(publicKey)),
};

export function signerOf(seed: Uint8Array, crypto: Ed25519 = ed25519): Signer {
  return { key: crypto.publicKeyOf(seed), sign: (message) => crypto.sign(seed, message) };
}
