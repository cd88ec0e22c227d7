// Are the signatures of a statement good? And an interner, which asks that once for each.
//
//   mesh key ─▶ admin certificate ─▶ certificate
//                                 └▶ voucher ─▶ request ─▶ enrolment (witness)
//
// Never longer. What a signature cannot tell (is the admin revoked? is the witness a member?)
// the roster judges.

import { base64urlnopad } from '@scure/base';
import type { Prefix } from '../bytes/address.js';
import { type Ed25519, ed25519 } from '../crypto/ed25519.js';
import { type Kind, readEnvelope, verifyEnvelope } from './cose.js';
import type { NodeId, StatementId } from './member.js';
import { idBytes } from './nodeid.js';
import { overlayIpv6 } from './overlay.js';
import { readStatement } from './read.js';
import {
  type AdminCertificate,
  type Enrolment,
  HINT_BYTES,
  type Statement,
  type Voucher,
} from './statements.js';

/** Who issued: an admin certificate's id, or '' for the mesh key itself. */
export type IssuerId = StatementId | '';

/** Of a member: its WireGuard key, its IPv6 address. */
export type Derived = Readonly<{ publicKey: Uint8Array; ipv6: Prefix }>;

/** The first bytes of an admin certificate's id, as its statements have them. */
export function hintOf(id: StatementId): string {
  return base64urlnopad.encode(idBytes(id).subarray(0, HINT_BYTES));
}

/**
 * Statements of one mesh, read once and verified once, whoever holds them. An agent has one for
 * its roster; a simulation shares one among all its nodes.
 */
export class Interner {
  private readonly read = new Map<StatementId, Statement>();
  private readonly bySource = new WeakMap<Uint8Array, Statement>();
  private readonly proofs = new Map<StatementId, IssuerId>();
  private readonly keys = new Map<NodeId, Derived>();

  /** `keeps`: remembers all it ever read, which only a simulation can afford. */
  constructor(
    readonly meshKey: Uint8Array,
    readonly crypto: Ed25519 = ed25519,
    private readonly keeps = false,
  ) {
    if (meshKey.length !== 32) throw new RangeError(`"meshKey" has ${meshKey.length} bytes`);
  }

  /** Undefined where it is none of our statements. Verifies nothing. */
  parse(bytes: Uint8Array): Statement | undefined {
    const seen = this.bySource.get(bytes);
    if (seen !== undefined) return seen;
    const fresh = readStatement(bytes, this.meshKey);
    if (fresh === undefined) return undefined;
    const statement = this.read.get(fresh.id) ?? fresh;
    if (this.keeps) {
      this.read.set(statement.id, statement);
      this.bySource.set(bytes, statement);
      this.bySource.set(statement.bytes, statement);
    }
    return statement;
  }

  /**
   * Who issued it, where all its signatures are good; `admins`: certificates that its hint may
   * mean. For an enrolment: who issued its voucher. For a profile: ''.
   */
  prove(statement: Statement, admins: readonly AdminCertificate[]): IssuerId | undefined {
    const known = this.proofs.get(statement.id);
    if (known !== undefined) return known;
    const found = this.verify(statement, admins);
    if (found !== undefined && this.keeps) this.proofs.set(statement.id, found);
    return found;
  }

  /** What follows from a node key; undefined for what is no key. */
  derived(node: NodeId, nodeKey: Uint8Array): Derived | undefined {
    const known = this.keys.get(node);
    if (known !== undefined) return known;
    const publicKey = this.crypto.toX25519(nodeKey);
    if (publicKey === undefined) return undefined;
    const address = overlayIpv6(this.meshKey, nodeKey);
    const derived = { publicKey, ipv6: { address, length: 128 } };
    this.keys.set(node, derived);
    return derived;
  }

  private verify(statement: Statement, admins: readonly AdminCertificate[]): IssuerId | undefined {
    switch (statement.kind) {
      case 'profile':
        return this.good(statement.kind, statement.bytes, statement.nodeKey) ? '' : undefined;
      case 'admin': // granted by the mesh key alone
        return this.issued(statement.kind, statement.bytes, statement.issuer, []);
      case 'enrolment':
        return this.enrolment(statement, admins);
      default:
        return this.issued(statement.kind, statement.bytes, statement.issuer, admins);
    }
  }

  private enrolment(
    { bytes, request, voucher, witness }: Enrolment,
    admins: readonly AdminCertificate[],
  ): IssuerId | undefined {
    if (!this.good('enrolment', bytes, idBytes(witness))) return undefined;
    return this.request(request, voucher, admins);
  }

  /** Who issued the voucher, where the request and the voucher are good. */
  request(
    request: Uint8Array,
    voucher: Voucher,
    admins: readonly AdminCertificate[],
  ): IssuerId | undefined {
    if (!this.good('request', request, idBytes(voucher.key))) return undefined;
    return this.issued('voucher', voucher.bytes, voucher.issuer, admins);
  }

  private issued(
    kind: Kind,
    bytes: Uint8Array,
    issuer: string,
    admins: readonly AdminCertificate[],
  ): IssuerId | undefined {
    if (issuer === '') return this.good(kind, bytes, this.meshKey) ? '' : undefined;
    return admins.find(({ nodeKey }) => this.good(kind, bytes, nodeKey))?.id;
  }

  private good(kind: Kind, bytes: Uint8Array, key: Uint8Array): boolean {
    const envelope = readEnvelope(bytes);
    if (envelope === undefined) return false;
    return verifyEnvelope(kind, this.meshKey, envelope, key, this.crypto.verify);
  }
}
