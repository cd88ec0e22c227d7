// The statements that make up a roster. Who may sign which:
//
//   mesh key ── admin ──┬─ certificate                                a node belongs
//                       ├─ voucher ── (in) request ── (in) enrolment  the holder lets in one node
//                       ├─ revocation, cut, policy, epoch
//   any node ───────────┴─ profile                                    of itself
//
// The mesh key may sign what an admin may. Admins are named by a hint, the first 8 bytes of the id
// of their admin certificate: it only tells which key to try, the signature decides.

import type { Prefix } from '../bytes/address.js';
import type { Rights } from './fields.js';
import type { NodeId, StatementId } from './member.js';

export const HINT_BYTES = 8;
/** 16 bytes of an id: that nobody can find another statement with these, even among thousands. */
export const KEEP_BYTES = 16;

/** 1 KiB takes every kind that grows with one node; revocations and epochs name many. */
export const STATEMENT_BYTES_MAX = 1_024;
export const PROFILE_BYTES_MAX = 512;
export const LONG_STATEMENT_BYTES_MAX = 24 * 1_024;
export const REVOKED_MAX = 256; // nodes, or vouchers, or admins, in one revocation
export const KEPT_MAX = 1_000; // ids that stay valid when an admin goes
export const GUESTS_MAX = 64; // of one node; the rest of its 512 bytes has room for them
export const WRAPS_MAX = 128; // members in one bucket of an epoch: 64 and what chance adds

type Base = Readonly<{ id: StatementId; bytes: Uint8Array }>;
/** The hint as text (11 letters); empty: the mesh key. `issued`: Unix milliseconds. */
type Issued = Base & Readonly<{ issuer: string; issued: number }>;

/** This node may admit and revoke. */
export type AdminCertificate = Issued &
  Readonly<{ kind: 'admin'; node: NodeId; nodeKey: Uint8Array; name: string }>;

export type Certificate = Issued &
  Readonly<{
    kind: 'certificate';
    node: NodeId;
    nodeKey: Uint8Array;
    name: string;
    rights: Rights;
    /** The voucher that this re-issue decides about, and when its witness took it. */
    settles: Readonly<{ voucher: string; at: number }> | null;
  }>;

/** What a node makes of its rights; the highest `seq` wins. */
export type Profile = Base &
  Readonly<{
    kind: 'profile';
    node: NodeId;
    nodeKey: Uint8Array;
    seq: number;
    host: number | null; // its part of the mesh's IPv4 /16
    guests: readonly number[]; // hosts of the same /16 that its guests have
    subnets: readonly Prefix[];
    exit: boolean;
    share: Share | null;
  }>;

export type Share = Readonly<{ megabits: number; gigabytes: number }>; // per second, per month

/** The holder of `key` may enrol one node until `expires`. `key` is Ed25519, as an id. */
export type Voucher = Issued &
  Readonly<{
    kind: 'voucher';
    key: string;
    name: string;
    rights: Rights;
    expires: number;
  }>;

/** A witness took a request, signed with the voucher's key, at its mesh time. */
export type Enrolment = Base &
  Readonly<{
    kind: 'enrolment';
    node: NodeId;
    nodeKey: Uint8Array;
    voucher: Voucher;
    request: Uint8Array;
    witness: NodeId;
    at: number;
  }>;

export type Revocation = Issued &
  Readonly<{
    kind: 'revocation';
    nodes: readonly NodeId[];
    vouchers: readonly string[];
    admins: readonly StatementId[]; // admin certificates; only the mesh key may
    keep: readonly string[]; // 16 bytes of each id that these admins signed and that stays
  }>;

/** Vouchers that expired before this leave the roster. */
export type Cut = Issued & Readonly<{ kind: 'cut'; before: number }>;

export type Policy = Issued &
  Readonly<{
    kind: 'policy';
    seq: number;
    seed: Uint8Array; // 16 bytes: spreads the load of trackers
    ipv4: Prefix; // a /16 in 100.64.0.0/10
  }>;

/** A rendezvous key, sealed to the members whose keys begin as `prefix` does. */
export type Epoch = Issued &
  Readonly<{
    kind: 'epoch';
    epoch: number;
    keyId: Uint8Array; // 16 bytes of the key's hash
    prefix: Readonly<{ bits: number; value: number }>; // of the node keys, at most 16 bits
    ephemeral: Uint8Array; // X25519
    wraps: Uint8Array; // 48 bytes each
  }>;

export type Statement =
  | AdminCertificate
  | Certificate
  | Profile
  | Voucher
  | Enrolment
  | Revocation
  | Cut
  | Policy
  | Epoch;

export type IssuedStatement = Exclude<Statement, Profile | Enrolment>;
