// Judges in the roster's name what is shown at the door, as a witness with our own signature.

import type { Ed25519, Signer } from '../crypto/ed25519.js';
import { admit } from '../identity/door.js';
import type { EpochKeys } from '../identity/epochkeys.js';
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
  /** A newcomer is given the rendezvous key as well. */
  epoch?: Readonly<{ keys: EpochKeys; random: (bytes: number) => Uint8Array }> | undefined;
  /** What came into the roster: to be kept, acted on and told to others. */
  added: (added: Added, at: Times, out: MeshEffect[]) => void;
}>;

export function doorkeeper(ports: DoorkeeperPorts): PorchPorts['judge'] {
  const { roster, signer, crypto } = ports;
  return ({ node, statements, signature }, handshakeHash, at, out) => {
    if (!verifyShow(idBytes(node), handshakeHash, signature, crypto)) {
      return { unwelcome: 'no-proof' };
    }
    const now = ports.meshTime(at);
    const judged = admit(roster, signer, statements, node, now, ports.epoch);
    if ('unwelcome' in judged) return judged;
    ports.added(judged.added, at, out);
    return judged;
  };
}
