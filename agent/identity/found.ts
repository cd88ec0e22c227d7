// A new mesh: its key, its first node as admin and member, its policy, its first rendezvous key.

import type { Prefix } from '../bytes/address.js';
import { type Ed25519, ed25519, type Signer, signerOf } from '../crypto/ed25519.js';
import { Interner } from './chain.js';
import { issueEpoch, makeEpochKey } from './epoch.js';
import { PRIVATE_PREFIXES } from './fields.js';
import { type Issuer, issueAdmin, issueCertificate, issuePolicy, issueProfile } from './issue.js';
import { ROLES } from './member.js';
import { makeMeshKey } from './meshkey.js';
import { chooseHost, chooseMeshIpv4 } from './overlay.js';

export type Founding = Readonly<{
  random: (bytes: number) => Uint8Array;
  signer: Signer; // of the first node
  name: string;
  at: number; // Unix milliseconds
  seen?: readonly Prefix[]; // of this machine's networks, for the mesh's IPv4 to keep clear of
  crypto?: Ed25519;
}>;

export type Founded = Readonly<{
  meshSeed: Uint8Array; // the caller stores and wipes it
  meshKey: Uint8Array;
  statements: readonly Uint8Array[];
  epochKey: Uint8Array;
}>;

export function makeMesh(founding: Founding): Founded {
  const { random, signer, name, at, seen = [], crypto = ed25519 } = founding;
  const { meshSeed, meshKey } = makeMeshKey(random, crypto);
  const byMesh: Issuer = { meshKey, signer: signerOf(meshSeed, crypto), as: '' };
  const granted = { nodeKey: signer.key, name, issued: at };
  const admin = issueAdmin(byMesh, granted);
  const as = new Interner(meshKey, crypto).parse(admin)?.id;
  const publicKey = crypto.toX25519(signer.key);
  if (as === undefined || publicKey === undefined)
    throw new RangeError('"name" is no name for a node, or "signer" has no key');
  const issuer: Issuer = { meshKey, signer, as };
  const rights = { roles: ROLES, subnets: PRIVATE_PREFIXES };
  const certificate = issueCertificate(issuer, { ...granted, rights });
  const ipv4 = chooseMeshIpv4(random, seen) ?? { address: '100.64.0.0', length: 16 };
  const policy = issuePolicy(issuer, { issued: at, seq: 1, seed: random(16), ipv4 });
  const host = chooseHost(signer.key, () => false) ?? null;
  const profile = issueProfile(meshKey, signer, { seq: at, host });
  const epochKey = makeEpochKey(random);
  const members = [{ nodeKey: signer.key, publicKey }];
  const buckets = issueEpoch(issuer, { epoch: 1, key: epochKey, members, issued: at, random });
  const statements = [admin, certificate, policy, profile, ...buckets];
  return { meshSeed, meshKey, statements, epochKey };
}
