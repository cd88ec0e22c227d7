// The roster: all statements of a mesh, the same on every node, and the members that follow from
// them. A CRDT: the same set gives the same members, in whatever order it came together.
//
//   bytes ─▶ parse ─▶ prove (signatures) ─▶ Ledger.take (the set) ─▶ judge (members) ─▶ changes
//
// Nothing here knows the time: it decides what applies at the door, never what is in the set.

import { type Ed25519, ed25519 } from '../crypto/ed25519.js';
import { Interner, type IssuerId } from './chain.js';
import type { IdSet } from './idset.js';
import { Layered } from './layered.js';
import { compareEpochs, Ledger, type NodeRecord } from './ledger.js';
import type { Member, NodeId, RosterChange, StatementId } from './member.js';
import type { Reason } from './reasons.js';
import { claimsOf, judge, type Standing, sameStanding } from './standing.js';
import type { Epoch, Policy, Statement, Voucher } from './statements.js';

export type RosterOptions = Readonly<{
  crypto?: Ed25519;
  /** Shared by all rosters of one simulation, made for the same mesh key. */
  interner?: Interner;
}>;

export type Added = Readonly<{
  changes: RosterChange[];
  added: StatementId[]; // in the set now, and were not before
  refused: Readonly<{ id?: StatementId; reason: Reason }>[];
  discarded: StatementId[]; // were in the set before
}>;

// What others build on comes first; within a kind the order of arrival stays.
const ORDER: Readonly<Record<Statement['kind'], number>> = {
  admin: 0,
  revocation: 1,
  policy: 2,
  cut: 2,
  epoch: 2,
  certificate: 3,
  voucher: 4,
  enrolment: 5,
  profile: 6,
};
const NO_SEED = new Uint8Array(16);

export class Roster {
  readonly meshKey: Uint8Array;
  readonly interner: Interner;
  private ledger = new Ledger();
  private standings = new Layered<NodeId, Standing>();
  private claims = new Layered<number, readonly NodeId[]>(); // who wants which IPv4 host

  constructor(meshKey: Uint8Array, { crypto = ed25519, interner }: RosterOptions = {}) {
    this.meshKey = Uint8Array.from(meshKey);
    this.interner = interner ?? new Interner(this.meshKey, crypto);
  }

  /** The same roster for another node; costs little, whatever its size. */
  fork(): Roster {
    const other = new Roster(this.meshKey, { interner: this.interner });
    other.ledger = this.ledger.fork();
    other.standings = this.standings.fork();
    other.claims = this.claims.fork();
    return other;
  }

  get crypto(): Ed25519 {
    return this.interner.crypto;
  }

  // The set

  /** For reconciliation. */
  get ids(): IdSet {
    return this.ledger.ids;
  }

  get size(): number {
    return this.ledger.items.size;
  }

  has(id: StatementId): boolean {
    return this.ledger.items.has(id);
  }

  /** The bytes as they were signed; not to be changed. */
  get(id: StatementId): Uint8Array | undefined {
    return this.ledger.items.get(id)?.statement.bytes;
  }

  statement(id: StatementId): Statement | undefined {
    return this.ledger.items.get(id)?.statement;
  }

  *statements(): IterableIterator<Statement> {
    for (const { statement } of this.ledger.items.values()) yield statement;
  }

  /** Statements that need each other are best added together, in any order. */
  add(batch: readonly Uint8Array[]): Added {
    const result: Added = { changes: [], added: [], refused: [], discarded: [] };
    const waiting = this.read(batch, result);
    const discarded: StatementId[] = [];
    const taken = this.takeAll(waiting, result, discarded);
    const gone = new Set(discarded);
    result.added.push(...taken.filter((id) => this.has(id)));
    const fresh = new Set(taken);
    result.discarded.push(...[...gone].filter((id) => !fresh.has(id) && !this.has(id)));
    this.judgeAnew(result.changes);
    if (result.added.some((id) => this.statement(id)?.kind === 'epoch'))
      result.changes.push({ kind: 'epoch' });
    return result;
  }

  private read(batch: readonly Uint8Array[], result: Added): Statement[] {
    const all = new Map<StatementId, Statement>();
    for (const bytes of batch) {
      const statement = this.interner.parse(bytes);
      if (statement === undefined) result.refused.push({ reason: 'malformed' });
      else if (!this.has(statement.id)) all.set(statement.id, statement);
    }
    return [...all.values()].sort((a, b) => ORDER[a.kind] - ORDER[b.kind]);
  }

  /** Goes over what is left as long as something came in that others may have waited for. */
  private takeAll(
    statements: readonly Statement[],
    result: Added,
    discarded: StatementId[],
  ): StatementId[] {
    const taken: StatementId[] = [];
    let left = statements;
    for (let before = -1; before !== taken.length && left.length > 0; ) {
      before = taken.length;
      const again: Statement[] = [];
      const refused: { id: StatementId; reason: Reason }[] = [];
      for (const statement of left) {
        const reason = this.take(statement, discarded);
        if (reason === undefined) taken.push(statement.id);
        else if (isForNow(reason)) again.push(statement);
        else result.refused.push({ id: statement.id, reason });
        if (reason !== undefined && isForNow(reason)) refused.push({ id: statement.id, reason });
      }
      left = again;
      if (before === taken.length) result.refused.push(...refused);
    }
    return taken;
  }

  private take(statement: Statement, discarded: StatementId[]): Reason | undefined {
    const hint = issuerHint(statement);
    const admins = this.ledger.adminsByHint(hint);
    if (hint !== '' && admins.length === 0) return 'no-issuer';
    const issuer = this.interner.prove(statement, admins);
    if (issuer === undefined) return 'forged';
    return this.ledger.take(statement, issuer, discarded);
  }

  // The members

  member(node: NodeId): Member | undefined {
    return this.standings.get(node)?.member;
  }

  *members(): IterableIterator<Member> {
    for (const { member } of this.standings.values()) yield member;
  }

  get memberCount(): number {
    return this.standings.size;
  }

  /** Why a node is no member; undefined where it is one. */
  whyNot(node: NodeId): Reason | undefined {
    const found = judge(node, this.ask());
    return typeof found === 'string' ? found : undefined;
  }

  get seed(): Uint8Array {
    return this.policy?.seed ?? NO_SEED;
  }

  /** The one that applies: highest seq, then latest, then highest id. */
  get policy(): Policy | undefined {
    let best: Policy | undefined;
    for (const policy of this.ledger.policies) {
      if (best === undefined || comparePolicies(policy, best) > 0) best = policy;
    }
    return best;
  }

  /** Any bucket of the newest rendezvous key. */
  get epoch(): Epoch | undefined {
    let best: Epoch | undefined;
    for (const epoch of this.ledger.epochs) {
      if (best === undefined || compareEpochs(epoch, best) > 0) best = epoch;
    }
    return best;
  }

  /** All buckets of the newest rendezvous key. */
  get buckets(): readonly Epoch[] {
    const { epoch } = this;
    if (epoch === undefined) return [];
    return this.ledger.epochs.filter((other) => compareEpochs(other, epoch) === 0);
  }

  /** What is held of a node, member or not. */
  record(node: NodeId): NodeRecord {
    return this.ledger.node(node);
  }

  /** How it came to be a member: by which certificate or enrolment. */
  standing(node: NodeId): Standing | undefined {
    return this.standings.get(node);
  }

  /** Invites that nobody has used yet and that are not revoked; expired ones too. */
  *openVouchers(): IterableIterator<Voucher> {
    for (const { voucher, enrolments, settled, revocations } of this.ledger.vouchers.values()) {
      const used = enrolments.length + settled.length + revocations.length > 0;
      if (voucher !== null && !used) yield voucher;
    }
  }

  isVoucherRevoked(key: string): boolean {
    return this.ledger.isVoucherRevoked(key);
  }

  isRevoked(node: NodeId): boolean {
    return this.ledger.isRevoked(node);
  }

  /** Admin certificates in force for a node. */
  adminCertificates(node: NodeId): readonly StatementId[] {
    return this.ledger.adminsOf(node).map(({ id }) => id);
  }

  /** Latest time of issue of anything that an admin signed; Unix milliseconds, 0: none. */
  get newestIssue(): number {
    return this.ledger.newestIssue;
  }

  /** By a member other than `except`. */
  isHostTaken(host: number, except?: NodeId): boolean {
    return (this.claims.get(host) ?? []).some((node) => node !== except);
  }

  /** Whether a member has the IPv4 host that its profile claims. */
  ownsHost(node: NodeId): boolean {
    const standing = this.standings.get(node);
    if (standing === undefined || standing.host === null) return false;
    return this.hasHost(node, standing.host, standing.since);
  }

  /** Issuers of what is held, for `voided`. */
  issuerOf(id: StatementId): IssuerId | undefined {
    return this.ledger.items.get(id)?.issuer;
  }

  /** Whether a request that a newcomer shows is well signed, or why it cannot be taken. */
  proveRequest(
    request: Uint8Array,
    voucher: Voucher,
  ): { ok: true } | { ok: false; reason: Reason } {
    const admins = this.ledger.adminsByHint(voucher.issuer);
    if (voucher.issuer !== '' && admins.length === 0) return { ok: false, reason: 'no-issuer' };
    const issuer = this.interner.request(request, voucher, admins);
    if (issuer === undefined) return { ok: false, reason: 'forged' };
    const isVoid = this.ledger.isVoid(voucher, issuer);
    return isVoid ? { ok: false, reason: 'admin-revoked' } : { ok: true };
  }

  /** What was enrolled with a voucher so far, the first of them counting; for the door. */
  enrolledWith(voucher: string): NodeId | undefined {
    const { settled, enrolments } = this.ledger.voucher(voucher);
    return settled[0]?.node ?? enrolments[0]?.node;
  }

  /**
   * The statements that prove a node a member, from the mesh key down; those that let in its
   * witness too, where the witness is not certified itself. Empty for who is none.
   */
  chainOf(node: NodeId): readonly Uint8Array[] {
    const chain = new Map<StatementId, Uint8Array>();
    let next: NodeId | undefined = node;
    for (let i = 0; next !== undefined && i < 10; i++) next = this.linksOf(next, chain);
    return [...chain.values()];
  }

  /** The witness whose chain is still needed. */
  private linksOf(node: NodeId, chain: Map<StatementId, Uint8Array>): NodeId | undefined {
    const standing = this.standings.get(node);
    if (standing === undefined) return undefined;
    const { basis } = standing;
    const issuer = this.issuerOf(basis.id);
    const links = [issuer, ...this.adminCertificates(node), basis.id];
    const profile = this.ledger.node(node).profile?.id;
    for (const id of [...links, profile]) {
      const bytes = id === undefined ? undefined : this.get(id);
      if (id !== undefined && bytes !== undefined) chain.set(id, bytes);
    }
    return basis.kind === 'enrolment' ? basis.witness : undefined;
  }

  // Judging

  private ask() {
    return {
      ledger: this.ledger,
      ipv4: this.policy?.ipv4,
      standing: (node: NodeId) => this.standings.get(node),
      derived: (node: NodeId, key: Uint8Array) => this.interner.derived(node, key),
      hasHost: (node: NodeId, host: number, since: number) => this.hasHost(node, host, since),
    };
  }

  private judgeAnew(changes: RosterChange[]): void {
    const { ledger } = this;
    const before = new Map<NodeId, Standing | undefined>();
    const reasons = new Map<NodeId, Reason>();
    const queue = ledger.allDirty ? new Set(this.standings.keys()) : new Set<NodeId>();
    for (const node of ledger.dirty) queue.add(node);
    ledger.dirty = new Set();
    ledger.allDirty = false;
    const ask = this.ask();
    for (const node of queue) {
      queue.delete(node);
      const old = this.standings.get(node);
      const found = judge(node, ask);
      const standing = typeof found === 'string' ? undefined : found;
      if (typeof found === 'string') reasons.set(node, found);
      if (sameStanding(old, standing)) continue;
      if (!before.has(node)) before.set(node, old);
      this.stand(node, old, standing, queue);
    }
    for (const [node, old] of before) {
      const standing = this.standings.get(node);
      if (standing !== undefined) changes.push({ kind: 'member', node });
      else if (old !== undefined)
        changes.push({ kind: 'member-gone', node, reason: reasons.get(node) ?? 'stranger' });
    }
  }

  /** Takes a new standing over; whoever depends on it is judged again. */
  private stand(
    node: NodeId,
    old: Standing | undefined,
    fresh: Standing | undefined,
    queue: Set<NodeId>,
  ): void {
    if (fresh === undefined) this.standings.delete(node);
    else this.standings.set(node, fresh);
    if (old?.rank !== fresh?.rank)
      for (const other of this.ledger.node(node).witnessed) queue.add(other);
    const [was, is] = [claimsOf(old), claimsOf(fresh)];
    if (was.join() === is.join() && old?.since === fresh?.since) return;
    for (const host of new Set([...was, ...is])) {
      const claims = (this.claims.get(host) ?? []).filter((other) => other !== node);
      if (is.includes(host)) claims.push(node);
      this.claims.set(host, claims);
      for (const other of claims) queue.add(other);
    }
  }

  private hasHost(node: NodeId, host: number, since: number): boolean {
    for (const other of this.claims.get(host) ?? []) {
      const theirs = this.standings.get(other);
      if (other === node || theirs === undefined) continue;
      if (theirs.since < since || (theirs.since === since && other < node)) return false;
    }
    return true;
  }
}

/** What may be good as soon as something else has come in. */
function isForNow(reason: Reason): boolean {
  return reason === 'no-issuer' || reason === 'stranger';
}

function issuerHint(statement: Statement): string {
  if (statement.kind === 'profile') return '';
  return statement.kind === 'enrolment' ? statement.voucher.issuer : statement.issuer;
}

function comparePolicies(a: Policy, b: Policy): number {
  return a.seq - b.seq || a.issued - b.issued || (a.id < b.id ? -1 : 1);
}
