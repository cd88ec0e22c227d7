// Meshes for tests: founded, invited to and joined as in life, with cheap signatures or real ones.

import { createHash, randomBytes } from 'node:crypto';
import type { Ed25519, Signer } from '../../agent/crypto/ed25519.js';
import { signerOf } from '../../agent/crypto/ed25519.js';
import { admit, enrol, makeInvite } from '../../agent/identity/door.js';
import { makeMesh } from '../../agent/identity/found.js';
import { decodeInvite, type Invite } from '../../agent/identity/invite.js';
import type { NodeId } from '../../agent/identity/member.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { Roster } from '../../agent/identity/roster.js';

const hash = (name: string, ...parts: Uint8Array[]) =>
  Uint8Array.from(createHash(name).update(Buffer.concat(parts)).digest());

/** Keyed hashes in the place of signatures: anybody could forge them, which no test here does. */
export const CHEAP: Ed25519 = {
  publicKeyOf: (seed) => hash('sha256', seed),
  sign: (seed, message) => hash('sha512', hash('sha256', seed), message),
  verify: (publicKey, message, signature) =>
    Buffer.compare(hash('sha512', publicKey, message), signature) === 0,
  toX25519: (publicKey) => hash('sha256', publicKey),
};

export const START = 1_800_000_000_000;
export const HOUR = 3_600_000;
export const HOME = { address: '192.0.2.7', port: 51820 };

export type Somebody = Readonly<{ signer: Signer; node: NodeId; seed: Uint8Array }>;

/** One mesh as seen by its first node, which is its admin. */
export class TestMesh {
  readonly founder: Somebody;
  readonly roster: Roster;
  readonly meshKey: Uint8Array;
  readonly mesh: Signer; // signs with the mesh key
  readonly epochKey: Uint8Array;
  now = START;

  constructor(
    readonly crypto: Ed25519 = CHEAP,
    readonly random: (bytes: number) => Uint8Array = (bytes) => Uint8Array.from(randomBytes(bytes)),
  ) {
    this.founder = this.somebody();
    const { signer } = this.founder;
    const founded = makeMesh({ random, signer, name: 'home', at: this.now, crypto });
    this.meshKey = founded.meshKey;
    this.mesh = signerOf(founded.meshSeed, crypto);
    this.epochKey = founded.epochKey;
    this.roster = new Roster(this.meshKey, { crypto });
    this.roster.add(founded.statements);
  }

  somebody(): Somebody {
    const seed = this.random(32);
    const signer = signerOf(seed, this.crypto);
    return { signer, node: idOf(signer.key), seed };
  }

  invite(name: string, by = this.founder, ttl = HOUR): Invite {
    const made = makeInvite(this.roster, by.signer, {
      name,
      roles: [],
      ttl,
      at: this.now,
      endpoints: [{ nodeKey: this.founder.signer.key, endpoint: HOME }],
      random: this.random,
      crypto: this.crypto,
    });
    if (made === undefined) throw new Error('not an admin');
    this.roster.add(made.statements);
    const read = decodeInvite(made.word, this.crypto);
    if ('problem' in read) throw new Error(read.problem.text);
    return read.invite;
  }

  /** Joins through `witness`, who knows `roster`. */
  join(invite: Invite, by = this.founder, roster = this.roster, joiner = this.somebody()) {
    const shown = enrol(invite, joiner.signer, this.crypto);
    return { joiner, admission: admit(roster, by.signer, shown, joiner.node, this.now) };
  }
}
