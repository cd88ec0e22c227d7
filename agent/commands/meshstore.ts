// The mesh of this node as commands see it, whether an agent runs or not.

import type { GuestPlace } from '../config/guest.js';
import type { Config } from '../config/schema.js';
import type { Role } from '../identity/member.js';

export type MemberView = Readonly<{
  name: string;
  node: string; // node key, base64url
  publicKey: string; // WireGuard key, base64
  addresses: readonly string[];
  roles: readonly Role[];
  admin: boolean;
  self: boolean;
}>;

export type Founded = Readonly<{
  name: string;
  mesh: string; // the mesh's public key, base64url
  addresses: readonly string[];
  backup: string; // the mesh key: for the asker alone, this once
}>;

export type Invited = Readonly<{
  name: string;
  word: string; // for the asker alone
  expires: number; // Unix seconds
  endpoints: readonly string[]; // where the new node will knock
}>;

export type Joined = Readonly<{
  name: string;
  mesh: string;
  addresses: readonly string[];
  members: number;
  by: string; // the member that let us in
  restart: boolean; // no agent runs yet: `kith up` brings the mesh about
}>;

export type Renamed = Readonly<{
  node: string; // node key, base64url: as before
  was: string;
  name: string;
}>;

/** All methods throw Failure with a sentence that says what to do. */
export interface MeshStore {
  /** Null: this node belongs to no mesh yet. */
  members(): readonly MemberView[] | null;
  found(name: string | undefined): Promise<Founded>;
  invite(
    name: string,
    terms: Readonly<{ ttlMs: number; roles: readonly Role[]; subnets: readonly string[] }>,
  ): Promise<Invited>;
  join(word: string): Promise<Joined>;
  /** What it was: a member or an invite. */
  revoke(name: string): Promise<'member' | 'invite'>;
  /** Of a member, by an admin; the node itself follows as soon as it hears of it. */
  rename(name: string, to: string): Promise<Renamed>;
  /** Where a guest of this node is; in the mesh too, if there is one. `publicKey`: base64. */
  guestPlace(place: GuestPlace, publicKey: string, config: Config): GuestPlace;
  /** `key`: a file with the mesh key. */
  setAdmin(name: string, admin: boolean, key: string | undefined): Promise<void>;
  /** An order to a node over MQTT, signed by this one, which is an admin. */
  sign(order: string): Uint8Array;
  /** A result that was sealed to this node; the caller wipes it. */
  unseal(sealed: string): Uint8Array;
}
