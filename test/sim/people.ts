// The members of a simulated mesh on paper: their keys, and the statements that make them members,
// signed as `kith init` and `kith invite` would have it.

import { type Ed25519, ed25519, type Signer, signerOf } from '../../agent/crypto/ed25519.js';
import { Interner } from '../../agent/identity/chain.js';
import { makeMesh } from '../../agent/identity/found.js';
import { issueCertificate, issueProfile, issuerFor } from '../../agent/identity/issue.js';
import type { NodeId } from '../../agent/identity/member.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { Roster } from '../../agent/identity/roster.js';
import { Identity } from '../../agent/identity/seed.js';
import type { Random } from '../lab/random.js';
import { WALL_START } from './world.js';

export type Person = Readonly<{
  id: NodeId;
  name: string;
  signer: Signer;
  privateKey: () => Uint8Array; // X25519, a copy
}>;

export type People = Readonly<{
  crypto: Ed25519;
  meshKey: Uint8Array;
  persons: readonly Person[]; // the first is the admin; guests come last
  /** Whose X25519 key this is. */
  nodeOf(publicKey: Uint8Array): NodeId | undefined;
  /** With all of them in it but the guests; every node gets a fork of it. */
  roster: Roster;
  epochKey: Uint8Array;
}>;

/** Whether this process runs with the stand-ins of standin/ in the place of real cryptography. */
export const standsIn = 'kithStandIns' in globalThis;

/** `guests`: so many more, who are no members yet. */
export function makePeople(count: number, random: Random, guests = 0): People {
  const crypto = ed25519; // or what stands in for it
  const all = Array.from({ length: count + guests }, (_, i) => makePerson(`n${i}`, random, crypto));
  const persons = all.slice(0, count);
  const [admin] = persons;
  if (admin === undefined) throw new RangeError('"count" is 0');
  const at = WALL_START - 3_600_000;
  const founded = makeMesh({
    random: (bytes) => random.bytes(bytes),
    signer: admin.signer,
    name: admin.name,
    at,
    crypto,
  });
  const { meshKey, epochKey } = founded;
  const roster = new Roster(meshKey, { interner: new Interner(meshKey, crypto, true) });
  roster.add(founded.statements);
  const issuer = issuerFor(roster, admin.signer);
  if (issuer === undefined) throw new RangeError('the founder is no admin');
  const rights = { roles: ['tracker', 'relay'], subnets: [] } as const;
  const statements = persons
    .slice(1)
    .flatMap(({ name, signer }) => [
      issueCertificate(issuer, { nodeKey: signer.key, name, issued: at, rights }),
      issueProfile(meshKey, signer, { seq: at, host: null }),
    ]);
  roster.add(statements);
  const byKey = new Map(all.map(({ id, signer }) => [nameOf(crypto.toX25519(signer.key)), id]));
  const nodeOf = (publicKey: Uint8Array) => byKey.get(nameOf(publicKey));
  return { crypto, meshKey, persons: all, nodeOf, roster, epochKey };
}

function nameOf(publicKey: Uint8Array = new Uint8Array(0)): string {
  return String.fromCharCode(...publicKey);
}

function makePerson(name: string, random: Random, crypto: Ed25519): Person {
  const seed = random.bytes(32);
  if (standsIn) {
    const signer = signerOf(seed, crypto);
    return { id: idOf(signer.key), name, signer, privateKey: () => Uint8Array.from(seed) };
  }
  const identity = new Identity(seed);
  const { signer } = identity;
  const privateKey = () => Uint8Array.from(identity.privateKey.bytes);
  return { id: idOf(signer.key), name, signer, privateKey };
}
