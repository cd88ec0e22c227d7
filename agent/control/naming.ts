// Names of members: unique in the mesh, and changed by those who may sign. What a node is called
// stands twice: in its certificate, for all, and in its own kith.json. An admin's change of either
// changes both; of anybody else kith.json follows the certificate.

import type { Store } from '../commands/context.js';
import { Failure } from '../commands/failure.js';
import type { Renamed } from '../commands/meshstore.js';
import { suggestion } from '../config/words.js';
import type { Signer } from '../crypto/ed25519.js';
import { regrant } from '../identity/admin.js';
import { issuerFor } from '../identity/issue.js';
import type { Member } from '../identity/member.js';
import { idOf } from '../identity/nodeid.js';
import type { Roster } from '../identity/roster.js';
import type { Identity } from '../identity/seed.js';
import { adminsOf, checkName, memberNamed, noAdmin } from './members.js';

/** What is signed counts in seconds; of two of one second chance would decide. */
const SECOND_MS = 1_000;

export type NamingOptions = Readonly<{
  store: Store;
  roster: () => Roster | undefined; // of the mesh that this node belongs to
  withIdentity: <T>(use: (identity: Identity) => T) => T;
  add: (statement: Uint8Array) => void; // into the roster, the mesh and the file
}>;

export class Naming {
  private self: string | undefined;
  private followed: string | undefined; // what kith.json says for sure

  constructor(private readonly options: NamingOptions) {
    options.store.onName = (name) => this.onOwnName(name);
  }

  /** Of a member, by its name or its node key. */
  async rename(name: string, to: string): Promise<Renamed> {
    const roster = this.options.roster();
    const member = roster && memberNamed(roster, name);
    if (roster === undefined || member === undefined) {
      const names = Array.from(roster?.members() ?? [], (one) => one.name);
      throw new Failure(`there is no member "${name}"${suggestion(name, names)}`);
    }
    if (member.name !== to) this.grant(roster, member, to);
    await this.follow();
    return { node: member.node, was: member.name, name: to };
  }

  /** Where an admin has given this node another name, kith.json says so, too. */
  async follow(): Promise<void> {
    const { store, roster } = this.options;
    const name = roster()?.member(this.node())?.name;
    if (name === undefined || name === this.followed) return;
    this.followed = name;
    if (store.read().name !== name) await store.update((before) => ({ ...before, name }));
  }

  /** kith.json is about to call this node so. */
  private onOwnName(name: string): void {
    const roster = this.options.roster();
    const self = roster?.member(this.node());
    if (roster === undefined || self === undefined || self.name === name) return;
    const may = this.options.withIdentity(({ signer }) => issuerFor(roster, signer) !== undefined);
    if (!may)
      throw new Failure(
        `in its mesh this node is called ${self.name}, which only an admin changes; ` +
          `on ${adminsOf(roster) || 'an admin'}: kith rename ${self.name} ${name}`,
      );
    this.grant(roster, self, name);
    this.followed = undefined; // should it not be written after all
  }

  private grant(roster: Roster, member: Member, name: string): void {
    const now = Math.max(Date.now(), roster.newestIssue);
    checkFree(roster, name, now);
    const { withIdentity, add } = this.options;
    const made = withIdentity(({ signer }) => renamed(roster, signer, member, name, now));
    if (made === undefined) throw noAdmin(roster);
    add(made);
  }

  private node(): string {
    this.self ??= this.options.withIdentity(({ nodeKey }) => idOf(nodeKey));
    return this.self;
  }
}

/** Throws Failure where a member has this name, or is about to get it. */
export function checkFree(roster: Roster, name: string, now: number): void {
  checkName(name);
  for (const member of roster.members())
    if (member.name === name) throw new Failure(`there is a member "${name}" already`);
  for (const voucher of roster.openVouchers())
    if (voucher.name === name && voucher.expires > now)
      throw new Failure(`an invite for "${name}" is open already: use it, or: kith revoke ${name}`);
}

/** The certificate that gives the member this name; undefined where the signer is no admin. */
function renamed(
  roster: Roster,
  signer: Signer,
  member: Member,
  name: string,
  now: number,
): Uint8Array | undefined {
  const basis = roster.standing(member.node)?.basis;
  if (basis === undefined) return undefined;
  const { rights } = basis.kind === 'certificate' ? basis : basis.voucher;
  const last = basis.kind === 'certificate' ? basis.issued : basis.at;
  return regrant(roster, signer, member, { name, rights }, Math.max(now, last + SECOND_MS));
}
