// Who shows statements at the door signs the handshake's hash with its node key: so it owns that
// key, now, in this session, and nobody can show the same elsewhere.

import { concat } from '../bytes/cbor.js';
import { type Ed25519, ed25519, type Signer } from '../crypto/ed25519.js';

const DOMAIN = new TextEncoder().encode('kith1 show');

export function signShow(signer: Signer, handshakeHash: Uint8Array): Uint8Array {
  return signer.sign(concat([DOMAIN, handshakeHash]));
}

export function verifyShow(
  nodeKey: Uint8Array,
  handshakeHash: Uint8Array,
  signature: Uint8Array,
  crypto: Ed25519 = ed25519,
): boolean {
  return crypto.verify(nodeKey, concat([DOMAIN, handshakeHash]), signature);
}
