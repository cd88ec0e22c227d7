// What the roster says of a node, and the words for it that all of the mesh uses.

import type { Prefix } from '../bytes/address.js';

/** A node key (Ed25519, 32 bytes) in base64url without padding, 43 letters: a node's name. */
export type NodeId = string;

/** The id of a statement (SHA-256 of its Sig_structure), base64url without padding, 43 letters. */
export type StatementId = string;

/** What a member may do for others; granted by its certificate. */
export type Role = 'tracker' | 'relay' | 'exit';
export const ROLES: readonly Role[] = ['tracker', 'relay', 'exit'];

/** A member as its chain and its newest profile have it now. */
export type Member = Readonly<{
  node: NodeId;
  nodeKey: Uint8Array; // Ed25519, 32 bytes
  publicKey: Uint8Array; // X25519, 32 bytes: its WireGuard key
  name: string;
  admin: boolean;
  roles: readonly Role[];
  /** Overlay addresses, hosts: IPv6 first, then IPv4 where its profile has taken one. */
  addresses: readonly Prefix[];
  guests: readonly Prefix[]; // of stock peers that it carries
  /** Prefixes behind it: offered by its profile, permitted by its certificate. */
  subnets: readonly Prefix[];
}>;

/** What became different after statements were added; the owner of the roster acts on it. */
export type RosterChange = Readonly<
  | { kind: 'member'; node: NodeId } // new, or known in another way now
  | { kind: 'member-gone'; node: NodeId; reason: string } // revoked, or its voucher went to another
  | { kind: 'epoch' } // a newer rendezvous key
>;
