import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { SignedRecords } from '../../agent/identity/records.js';
import type { Candidate, CandidateRecord } from '../../agent/mesh/ground.js';
import { CHEAP, HOUR, type Somebody, START, TestMesh } from './meshes.js';

const records = suite('identity/records');

function setting(crypto = CHEAP) {
  const mesh = new TestMesh(crypto);
  const of = ({ signer }: Somebody) =>
    new SignedRecords(mesh.meshKey, signer, mesh.roster, crypto.verify);
  const [cabin, office, shed] = ['cabin', 'office', 'shed'].map(
    (name) => mesh.join(mesh.invite(name)).joiner,
  ) as [Somebody, Somebody, Somebody];
  return { mesh, of, cabin, office, shed };
}

const HERE = { address: '192.0.2.9', port: 4000 };
const THERE = { address: '2001:db8::9', port: 4001 };

records('sixteen candidates of IPv6 fit, and come back', () => {
  const { of, cabin, office } = setting(ed25519);
  const candidates: Candidate[] = Array.from({ length: 20 }, (_, i) => ({
    kind: (['local', 'mapped', 'portmap', 'configured', 'remembered'] as const)[i % 5]!,
    endpoint: { address: `2001:db8::${(i + 1).toString(16)}`, port: 51820 + i },
  }));
  const sealed = of(cabin).signCandidates({ seq: 2 ** 53 - 1, nat: 'blocked', candidates });
  assert.ok(sealed.length <= 900, `${sealed.length} bytes`);
  const record: CandidateRecord | undefined = of(office).openCandidates(sealed);
  const expected = candidates.slice(0, 16);
  assert.equal(record, {
    node: cabin.node,
    seq: 2 ** 53 - 1,
    nat: 'blocked',
    candidates: expected,
  });
});

records('a link-local candidate with a scope is left out', () => {
  const { of, cabin } = setting();
  const candidates: Candidate[] = [
    { kind: 'local', endpoint: { address: 'fe80::1%2', port: 1 } },
    { kind: 'local', endpoint: HERE },
  ];
  const sealed = of(cabin).signCandidates({ seq: 1, nat: 'open', candidates });
  assert.equal(of(cabin).openCandidates(sealed)?.candidates, [{ kind: 'local', endpoint: HERE }]);
});

records('changed, cut, of another kind, of another mesh: not opened', () => {
  const { of, cabin, office } = setting();
  const sealed = of(cabin).signCandidates({ seq: 1, nat: 'easy', candidates: [] });
  const attestation = of(cabin).signAttestation({ node: office.node, endpoint: HERE, at: START });
  const opener = of(office);
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, x) => {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= x;
      assert.is(opener.openCandidates(changed), undefined);
      assert.is(opener.openCandidates(sealed.subarray(0, at)), undefined);
    }),
  );
  assert.is(opener.openCandidates(attestation), undefined);
  assert.is(opener.openAttestation(sealed), undefined);
  assert.is(opener.openReachable(attestation), undefined);
  assert.is(setting().of(office).openCandidates(sealed), undefined);
  assert.is(opener.openCandidates(Uint8Array.from(randomBytes(901))), undefined);
});

records('reachable: attested by members, about this node and this endpoint, each once', () => {
  const { mesh, of, cabin, office, shed } = setting();
  const { founder } = mesh;
  const by = (one: Somebody, node = cabin.node, endpoint = HERE, at = START) =>
    of(one).signAttestation({ node, endpoint, at });
  const sealed = of(cabin).signReachable(HERE, START, [by(office), by(shed)]);
  assert.ok(sealed.length <= 900, `${sealed.length} bytes`);
  assert.equal(of(founder).openReachable(sealed), {
    node: cabin.node,
    endpoint: HERE,
    at: START,
    witnesses: [office.node, shed.node],
  });
  assert.ok(of(founder).openReachable(of(cabin).signReachable(HERE, START, [by(office)])));
  const wrong: Uint8Array[][] = [
    [by(cabin)],
    [by(office), by(office)],
    [by(office), by(shed), by(founder)],
    [by(mesh.somebody())],
    [by(office, shed.node)],
    [by(office, cabin.node, THERE)],
    [by(office, cabin.node, HERE, START - 7 * HOUR)],
    [new Uint8Array(10)],
  ];
  for (const list of wrong)
    assert.throws(() => of(cabin).signReachable(HERE, START, list), /"attestations"/);

  const none = of(founder).openReachable(of(cabin).signReachable(HERE, START, []));
  assert.equal(none?.witnesses, [], 'it takes back what it said');

  const stale = mesh.roster.fork();
  const lone = new SignedRecords(mesh.meshKey, founder.signer, stale, CHEAP.verify);
  assert.ok(lone.openReachable(sealed));
  const alien = new SignedRecords(
    mesh.meshKey,
    founder.signer,
    { member: () => undefined },
    CHEAP.verify,
  );
  assert.is(alien.openReachable(sealed), undefined, 'witnesses that are no members');
});

records.run();
