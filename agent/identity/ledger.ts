// What a roster holds, by the things that statements speak of: nodes, vouchers, admins. Takes in
// and takes out one statement at a time, and says which nodes are to be judged anew.
//
// What is in the set depends on the statements alone, never on the time or on who asks:
//   - one statement supersedes another of the same signer about the same thing (newer wins);
//   - of several enrolments with one voucher the first few stay, by witness time and id;
//   - what an admin signed goes when the mesh key revokes it, except what the revocation names;
//   - vouchers that expired before an admin's cut go.
// What is revoked by an admin stays, unused: that admin may turn out to be the wrong one.

import type { IssuerId } from './chain.js';
import { hintOf } from './chain.js';
import { OrderedIds } from './idset.js';
import { Layered } from './layered.js';
import type { NodeId, StatementId } from './member.js';
import type { Reason } from './reasons.js';
import type {
  AdminCertificate,
  Certificate,
  Cut,
  Enrolment,
  Epoch,
  Policy,
  Profile,
  Revocation,
  Statement,
  Voucher,
} from './statements.js';
import { isVoided } from './voided.js';

export const STATEMENTS_MAX = 65_536; // some 20,000 members
export const BYTES_MAX = 32 * 1024 * 1024;
export const ADMINS_MAX = 256; // certificates, those of former admins too
export const ENROLMENTS_MAX = 4; // of one voucher: one counts, the others show who came too late

export type Held = Readonly<{ statement: Statement; issuer: IssuerId }>;

export type NodeRecord = Readonly<{
  certificates: readonly Certificate[];
  enrolments: readonly Enrolment[];
  profile: Profile | null;
  revocations: readonly Held[];
  witnessed: readonly NodeId[]; // whom it let in
}>;

export type VoucherRecord = Readonly<{
  voucher: Voucher | null;
  enrolments: readonly Enrolment[]; // by witness time, then id
  settled: readonly Certificate[];
  revocations: readonly Held[];
}>;

const NO_NODE: NodeRecord = {
  certificates: [],
  enrolments: [],
  profile: null,
  revocations: [],
  witnessed: [],
};
const NO_VOUCHER: VoucherRecord = { voucher: null, enrolments: [], settled: [], revocations: [] };

export class Ledger {
  items = new Layered<StatementId, Held>();
  ids = new OrderedIds();
  nodes = new Layered<NodeId, NodeRecord>();
  vouchers = new Layered<string, VoucherRecord>();
  bytes = 0;
  /** Highest time of issue ever seen on what an admin signed; Unix milliseconds. */
  newestIssue = 0;
  cut: Cut | undefined;
  policies: readonly Policy[] = [];
  epochs: readonly Epoch[] = [];
  /** Changed since they were last taken: to be judged anew. */
  dirty = new Set<NodeId>();
  allDirty = false; // a policy: every address may be another
  private admins: readonly AdminCertificate[] = [];
  private adminRevocations: ReadonlyMap<StatementId, readonly Revocation[]> = new Map();

  fork(): Ledger {
    const other = new Ledger();
    Object.assign(other, this);
    other.items = this.items.fork();
    other.ids = this.ids.fork();
    other.nodes = this.nodes.fork();
    other.vouchers = this.vouchers.fork();
    other.dirty = new Set(this.dirty);
    return other;
  }

  node(node: NodeId): NodeRecord {
    return this.nodes.get(node) ?? NO_NODE;
  }

  voucher(key: string): VoucherRecord {
    return this.vouchers.get(key) ?? NO_VOUCHER;
  }

  /** Those that a hint may mean, former admins too. */
  adminsByHint(hint: string): readonly AdminCertificate[] {
    return hint === '' ? [] : this.admins.filter(({ id }) => hintOf(id) === hint);
  }

  /** Certificates by which a node is an admin now. */
  adminsOf(node: NodeId): readonly AdminCertificate[] {
    return this.admins.filter((admin) => admin.node === node && this.isLive(admin.id));
  }

  isLive(admin: StatementId): boolean {
    return !this.adminRevocations.has(admin);
  }

  isAdmin(node: NodeId): boolean {
    return this.adminsOf(node).length > 0;
  }

  /** Signed by an admin that is none any more, and not among what stays. */
  isVoid(statement: Statement, issuer: IssuerId): boolean {
    if (statement.kind === 'profile' || statement.kind === 'cut') return false;
    const revocations = this.adminRevocations.get(issuer);
    return revocations !== undefined && isVoided(statement, revocations);
  }

  isKnown(node: NodeId): boolean {
    const { certificates, enrolments } = this.node(node);
    return certificates.length > 0 || enrolments.length > 0;
  }

  /** An admin's word does not remove another admin. */
  isRevoked(node: NodeId): boolean {
    const { revocations } = this.node(node);
    return (
      revocations.some(({ issuer }) => issuer === '') ||
      (revocations.length > 0 && !this.isAdmin(node))
    );
  }

  isVoucherRevoked(key: string): boolean {
    return this.voucher(key).revocations.length > 0;
  }

  /** Why a statement that is well signed does not come in; undefined where it is in now. */
  take(statement: Statement, issuer: IssuerId, discarded: StatementId[]): Reason | undefined {
    if (this.isVoid(statement, issuer)) return 'admin-revoked';
    if (statement.kind !== 'revocation' && this.isFull(statement)) return 'full';
    const reason = this.supersede(statement, issuer, discarded);
    if (reason !== undefined) return reason;
    const held = { statement, issuer };
    this.items.set(statement.id, held);
    this.ids.add(statement.id);
    this.bytes += statement.bytes.length;
    if ('issued' in statement) this.newestIssue = Math.max(this.newestIssue, statement.issued);
    this.index(held);
    if (statement.kind === 'revocation' && statement.admins.length > 0) this.sweep(discarded);
    return undefined;
  }

  private isFull({ bytes }: Statement): boolean {
    return this.items.size >= STATEMENTS_MAX || this.bytes + bytes.length > BYTES_MAX;
  }

  private drop(id: StatementId, discarded: StatementId[]): void {
    const held = this.items.get(id);
    if (held === undefined) return;
    this.items.delete(id);
    this.ids.delete(id);
    this.bytes -= held.statement.bytes.length;
    discarded.push(id);
    this.unindex(held);
    const { statement } = held;
    if (statement.kind !== 'certificate' && statement.kind !== 'enrolment') return;
    const { profile } = this.node(statement.node);
    if (profile !== null && !this.isKnown(statement.node)) this.drop(profile.id, discarded);
  }

  /** Makes room for what is newer; a reason where what is there is newer. */
  private supersede(
    statement: Statement,
    issuer: IssuerId,
    discarded: StatementId[],
  ): Reason | undefined {
    switch (statement.kind) {
      case 'admin':
        return this.admins.length >= ADMINS_MAX ? 'full' : undefined;
      case 'certificate': {
        const same = this.node(statement.node).certificates.find(
          ({ id }) => this.items.get(id)?.issuer === issuer,
        );
        return this.replace(same, statement, ({ issued }) => issued, discarded);
      }
      case 'profile':
        if (!this.isKnown(statement.node)) return 'stranger';
        return this.replace(
          this.node(statement.node).profile ?? undefined,
          statement,
          ({ seq }) => seq,
          discarded,
        );
      case 'voucher':
        return this.cut !== undefined && statement.expires < this.cut.before ? 'cut' : undefined;
      case 'enrolment':
        return this.enrol(statement, discarded);
      case 'revocation':
        return statement.admins.length > 0 && issuer !== '' ? 'no-right' : undefined;
      case 'cut': {
        const reason = this.replace(this.cut, statement, ({ before }) => before, discarded);
        if (reason === undefined) this.dropExpired(statement.before, discarded);
        return reason;
      }
      case 'policy': {
        const same = this.policies.find(({ id }) => this.items.get(id)?.issuer === issuer);
        return this.replace(same, statement, ({ seq }) => seq, discarded);
      }
      case 'epoch':
        return this.beginEpoch(statement, issuer, discarded);
    }
  }

  private replace<T extends Statement>(
    old: T | undefined,
    fresh: T,
    rank: (statement: T) => number,
    discarded: StatementId[],
  ): Reason | undefined {
    if (old === undefined) return undefined;
    const difference = rank(fresh) - rank(old);
    if (difference < 0 || (difference === 0 && fresh.id < old.id)) return 'superseded';
    this.drop(old.id, discarded);
    return undefined;
  }

  /** Whether its witness is a member is not asked here: that may change (standing.ts). */
  private enrol(statement: Enrolment, discarded: StatementId[]): Reason | undefined {
    const { voucher, at, witness, node } = statement;
    if (at < voucher.issued || at > voucher.expires) return 'expired';
    if (witness === node) return 'no-witness';
    const { enrolments } = this.voucher(voucher.key);
    const last = enrolments.at(-1);
    if (last === undefined || enrolments.length < ENROLMENTS_MAX) return undefined;
    if (byWitnessTime(last, statement) < 0) return 'used';
    this.drop(last.id, discarded);
    return undefined;
  }

  private dropExpired(before: number, discarded: StatementId[]): void {
    for (const { voucher } of [...this.vouchers.values()])
      if (voucher !== null && voucher.expires < before) this.drop(voucher.id, discarded);
  }

  /** The buckets of an admin's newest epoch, all with one key. */
  private beginEpoch(fresh: Epoch, issuer: IssuerId, discarded: StatementId[]): Reason | undefined {
    const same = this.epochs.filter(({ id }) => this.items.get(id)?.issuer === issuer);
    const old = same[0];
    const order = old === undefined ? 0 : compareEpochs(fresh, old);
    if (order < 0) return 'superseded';
    if (order > 0) for (const { id } of same) this.drop(id, discarded);
    return undefined;
  }

  private index(held: Held): void {
    const { statement } = held;
    switch (statement.kind) {
      case 'admin':
        this.admins = [...this.admins, statement];
        this.dirty.add(statement.node);
        break;
      case 'certificate':
        this.changeNode(statement.node, (r) => ({ certificates: [...r.certificates, statement] }));
        this.settle(statement, (settled) => [...settled, statement]);
        break;
      case 'profile':
        this.changeNode(statement.node, () => ({ profile: statement }));
        break;
      case 'voucher':
        this.changeVoucher(statement.key, () => ({ voucher: statement }));
        break;
      case 'enrolment':
        this.changeNode(statement.node, (r) => ({ enrolments: [...r.enrolments, statement] }));
        this.changeNode(statement.witness, (r) => ({
          witnessed: [...r.witnessed, statement.node],
        }));
        this.changeVoucher(statement.voucher.key, (r) => ({
          enrolments: [...r.enrolments, statement].sort(byWitnessTime),
        }));
        break;
      case 'revocation':
        this.revoke(statement, (list) => [...list, held]);
        this.revokeAdmins(statement);
        break;
      case 'cut':
        this.cut = statement;
        break;
      case 'policy':
        this.policies = [...this.policies, statement];
        this.allDirty = true;
        break;
      case 'epoch':
        this.epochs = [...this.epochs, statement];
    }
  }

  private unindex({ statement }: Held): void {
    const { id } = statement;
    const others = <T extends { id: string }>(list: readonly T[]) =>
      list.filter((other) => other.id !== id);
    switch (statement.kind) {
      case 'certificate':
        this.changeNode(statement.node, (r) => ({ certificates: others(r.certificates) }));
        this.settle(statement, others);
        break;
      case 'profile':
        this.changeNode(statement.node, () => ({ profile: null }));
        break;
      case 'voucher':
        this.changeVoucher(statement.key, () => ({ voucher: null }));
        break;
      case 'enrolment':
        this.changeNode(statement.node, (r) => ({ enrolments: others(r.enrolments) }));
        this.changeNode(statement.witness, (r) => ({
          witnessed: r.witnessed.toSpliced(r.witnessed.indexOf(statement.node), 1),
        }));
        this.changeVoucher(statement.voucher.key, (r) => ({ enrolments: others(r.enrolments) }));
        break;
      case 'revocation':
        this.revoke(statement, (list) => list.filter((other) => other.statement.id !== id));
        break;
      case 'policy':
        this.policies = others(this.policies);
        this.allDirty = true;
        break;
      case 'epoch':
        this.epochs = others(this.epochs);
        break;
      default: // admin certificates stay for what they signed; a cut is followed by another
    }
  }

  private changeNode(node: NodeId, change: (record: NodeRecord) => Partial<NodeRecord>): void {
    const record = this.node(node);
    this.nodes.set(node, { ...record, ...change(record) });
    this.dirty.add(node);
  }

  private changeVoucher(
    key: string,
    change: (record: VoucherRecord) => Partial<VoucherRecord>,
  ): void {
    const record = { ...this.voucher(key), ...change(this.voucher(key)) };
    this.vouchers.set(key, record);
    for (const { node } of record.enrolments) this.dirty.add(node);
    for (const { node } of record.settled) this.dirty.add(node);
  }

  private settle(
    { settles }: Certificate,
    change: (settled: readonly Certificate[]) => readonly Certificate[],
  ): void {
    if (settles === null) return;
    this.changeVoucher(settles.voucher, ({ settled }) => ({ settled: change(settled) }));
  }

  private revoke({ nodes, vouchers }: Revocation, change: (l: readonly Held[]) => Held[]): void {
    for (const node of nodes)
      this.changeNode(node, (r) => ({ revocations: change(r.revocations) }));
    for (const key of vouchers)
      this.changeVoucher(key, (r) => ({ revocations: change(r.revocations) }));
  }

  private revokeAdmins(revocation: Revocation): void {
    const all = new Map(this.adminRevocations);
    for (const id of revocation.admins) {
      all.set(id, [...(all.get(id) ?? []), revocation]);
      for (const { node } of this.admins.filter((admin) => admin.id === id)) this.dirty.add(node);
    }
    this.adminRevocations = all;
  }

  private sweep(discarded: StatementId[]): void {
    const voided = [...this.items.values()].filter(({ statement, issuer }) =>
      this.isVoid(statement, issuer),
    );
    for (const { statement } of voided) this.drop(statement.id, discarded);
  }
}

export function byWitnessTime(a: Enrolment, b: Enrolment): number {
  return a.at - b.at || (a.id < b.id ? -1 : Number(a.id > b.id));
}

/** Highest epoch, then highest key id. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  const difference = a.epoch - b.epoch;
  if (difference !== 0) return difference;
  for (const [i, byte] of a.keyId.entries()) {
    const other = byte - (b.keyId[i] ?? 0);
    if (other !== 0) return other;
  }
  return 0;
}
