// The rendezvous key as one node has it: out of the roster's buckets, or from whoever let it in.
//
// A newcomer is in no bucket yet. An admin that lets it in adds a bucket for it alone, which is a
// statement like any other; another member gives it a share, good until an admin does.

import type { Signer } from '../crypto/ed25519.js';
import { equal } from '../crypto/primitives.js';
import type { PrivateKey } from '../crypto/x25519.js';
import { issueEpoch, issueShare, openEpoch, openShare } from './epoch.js';
import { issuerFor } from './issue.js';
import type { Member } from './member.js';
import { EPOCH_BITS_MAX } from './read.js';
import type { Roster } from './roster.js';
import type { Epoch } from './statements.js';

type Random = (bytes: number) => Uint8Array;

export class EpochKeys {
  private held: Readonly<{ keyId: Uint8Array; key: Uint8Array }> | undefined;
  /** Buckets that were tried in vain: asked again only when there are others. */
  private tried = '';

  constructor(
    private readonly roster: Roster,
    private readonly signer: Signer,
    private readonly privateKey: PrivateKey,
  ) {}

  /** Of the newest epoch; undefined as long as nobody has told us. */
  get key(): Uint8Array | undefined {
    const { epoch } = this.roster;
    if (epoch === undefined) return undefined;
    if (this.held && equal(this.held.keyId, epoch.keyId)) return this.held.key;
    const { buckets } = this.roster;
    const names = buckets.map(({ id }) => id).join();
    if (names === this.tried) return undefined;
    this.tried = names;
    const key = openEpoch(buckets, this.signer.key, this.privateKey);
    if (key !== undefined) this.held = { keyId: epoch.keyId, key };
    return key;
  }

  /** Takes what came with a welcome, or was kept since then; true where it had our key. */
  take(share: Uint8Array): boolean {
    const { epoch } = this.roster;
    const key = openShare(share, this.roster, this.signer.key, this.privateKey);
    if (key === undefined || epoch === undefined) return false;
    this.held = { keyId: epoch.keyId, key };
    return true;
  }

  /** For a member that may lack the key: sealed to it, not a statement. */
  shareFor(member: Member, random: Random): Uint8Array | undefined {
    const { key, roster, signer } = this;
    return key && issueShare(roster.meshKey, signer, key, member, random);
  }

  /** By an admin: buckets for members that came after the epoch began. */
  bucketsFor(members: readonly Member[], at: number, random: Random): Uint8Array[] {
    const { key, roster, signer } = this;
    const issuer = issuerFor(roster, signer);
    const { epoch } = roster;
    if (key === undefined || issuer === undefined || epoch === undefined) return [];
    const late = members.filter((member) => this.isLate(member));
    const rest = { epoch: epoch.epoch, key, issued: at, random };
    return late.flatMap((member) => issueEpoch(issuer, { ...rest, members: [member] }, true));
  }

  /** Came after the key was made, and no bucket was added for it yet. */
  private isLate({ node, nodeKey }: Member): boolean {
    const { buckets } = this.roster;
    const began = Math.min(...buckets.map(({ issued }) => issued));
    const since = this.roster.standing(node)?.since ?? began;
    if (since < began || equal(nodeKey, this.signer.key)) return false;
    const value = ((nodeKey[0] ?? 0) << 8) | (nodeKey[1] ?? 0);
    const isOwn = ({ prefix }: Epoch) => prefix.bits === EPOCH_BITS_MAX && prefix.value === value;
    return !buckets.some(isOwn);
  }
}
