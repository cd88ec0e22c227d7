// Judges in the roster's name what is shown at the door, as a witness with our own signature.

import type { Ed25519, Signer } from '../crypto/ed25519.js';
import { admit } from '../identity/door.js';
import { idBytes } from '../identity/nodeid.js';
import type { Added, Roster } from '../identity/roster.js';
import { verifyShow } from '../identity/show.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { PorchPorts } from './porch.js';

export type DoorkeeperPorts = Readonly<{
  roster: Roster;
  signer: Signer;
  crypto: Ed25519;
  meshTime: (at: Times) => Millis;
  /** What came into the roster: to be kept, acted on and told to others. */
  added: (added: Added, at: Times, out: MeshEffect[]) => void;
}>;

export function doorkeeper(ports: DoorkeeperPorts): PorchPorts['judge'] {
  const { roster, signer, crypto } = ports;
  return ({ node, statements, signature }, handshakeHash, at, out) => {
    if (!verifyShow(idBytes(node), handshakeHash, signature, crypto)) {
      return { unwelcome: 'no-proof' };
    }
    const judged = admit(roster, signer, statements, node, ports.meshTime(at));
    if ('unwelcome' in judged) return judged;
    ports.added(judged.added, at, out);
    return judged;
  };
}
