// The signature of an order (signed.ts): a COSE_Sign1 of kind `order` under the admin's node key,
// its payload {1: node key of the admin, 2: the JSON text}.

import { type Cbor, decode } from '../../bytes/cbor.js';
import { ed25519, type Signer, type Verify } from '../../crypto/ed25519.js';
import { readEnvelope, signEnvelope, verifyEnvelope } from '../../identity/cose.js';
import { idOf } from '../../identity/nodeid.js';
import type { Roster } from '../../identity/roster.js';
import type { VerifySigned } from './signed.js';

const ADMIN = 1;
const TEXT = 2;
const KEY_BYTES = 32;

/** The mesh as far as orders concern it. `admin`: its name, where this node key is one now. */
export type Commanders = Readonly<{
  meshKey: Uint8Array;
  admin(nodeKey: Uint8Array): string | undefined;
}>;

/** The admins of a roster. */
export function commandersOf(roster: Roster | undefined): Commanders | null {
  if (!roster) return null;
  const admin = (nodeKey: Uint8Array) => {
    const member = roster.member(idOf(nodeKey));
    return member?.admin ? member.name : undefined;
  };
  return { meshKey: roster.meshKey, admin };
}

export function signOrder(text: string, meshKey: Uint8Array, signer: Signer): Uint8Array {
  const payload = new Map<number, Cbor>([
    [ADMIN, signer.key],
    [TEXT, text],
  ]);
  return signEnvelope('order', meshKey, payload, signer);
}

/** `mesh` is asked each time: admins come and go. Null: this node is in no mesh. */
export function orderVerifier(
  mesh: () => Commanders | null,
  verify: Verify = ed25519.verify,
): VerifySigned {
  return (signed) => {
    const current = mesh();
    if (!current) return { refused: 'this node is in no mesh, so it knows no admin' };
    const envelope = readEnvelope(signed);
    const payload = envelope && decode(envelope.payload);
    if (!envelope || !(payload instanceof Map)) return { refused: 'it is no COSE_Sign1 of ours' };
    const [key, text] = [payload.get(ADMIN), payload.get(TEXT)];
    if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES || typeof text !== 'string')
      return { refused: 'what was signed is no order' };
    const admin = current.admin(key);
    if (admin === undefined) return { refused: 'whoever signed it is no admin of this mesh' };
    if (!verifyEnvelope('order', current.meshKey, envelope, key, verify))
      return { refused: 'the signature is wrong' };
    return { content: new TextEncoder().encode(text), admin };
  };
}
