// What a simulated machine has beside its sockets: a disk, and what is made anew from it at each
// start of its agent.

import type { Endpoint } from '../../agent/bytes/address.js';
import type { Signer } from '../../agent/crypto/ed25519.js';
import type { NodeId } from '../../agent/identity/member.js';
import type { Roster } from '../../agent/identity/roster.js';
import type { Mesh } from '../../agent/mesh/mesh.js';
import type { SimNode } from './node.js';

/** What survives a crash. */
export class Disk {
  ceiling: number | undefined;
  readonly statements = new Map<string, Uint8Array>();
  readonly remembered = new Map<NodeId, Endpoint>();
}

/** What makes the mesh of a node, at each start; the node itself is its ground's outside. */
export type Brain = Readonly<{
  mesh: Mesh;
  /** The X25519 key of a member; undefined: none. */
  publicKeyOf(node: NodeId): Uint8Array | undefined;
  /** Whose key this is. */
  nodeOf(publicKey: Uint8Array): NodeId | undefined;
  /** Its first overlay address. */
  addressOf(node: NodeId): string | undefined;
  roster: Roster;
  signer: Signer;
  privateKey: Uint8Array; // X25519, a copy that is wiped
  nameOf(statement: Uint8Array): string; // its id
}>;

export type Watcher = Readonly<{
  onPacket(to: SimNode, from: NodeId | undefined, packet: Uint8Array): void;
  onHeard(at: SimNode, from: NodeId): void; // a frame was taken from it
}>;
