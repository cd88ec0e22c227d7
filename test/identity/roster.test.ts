import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clearVouchers, regrant } from '../../agent/identity/admin.js';
import { ownProfile } from '../../agent/identity/door.js';
import { PRIVATE_PREFIXES } from '../../agent/identity/fields.js';
import {
  issueAdmin,
  issueCertificate,
  issuePolicy,
  issueProfile,
  issueRevocation,
  issuerFor,
} from '../../agent/identity/issue.js';
import { meshPrefix } from '../../agent/identity/overlay.js';
import { SignedRecords } from '../../agent/identity/records.js';
import { Roster } from '../../agent/identity/roster.js';
import type { Records, Roll } from '../../agent/mesh/ground.js';
import { CHEAP, HOUR, type Somebody, START, TestMesh } from './meshes.js';

const NONE = new Uint8Array();
const rosters = suite('identity/roster');

const all = (roster: Roster) => [...roster.statements()].map(({ bytes }) => bytes);
const fresh = (mesh: TestMesh) => new Roster(mesh.meshKey, { crypto: CHEAP });

/** What two rosters must agree on. */
function picture(roster: Roster): string {
  const members = [...roster.members()].map((member) => ({
    ...member,
    nodeKey: undefined,
    publicKey: undefined,
  }));
  members.sort((a, b) => (a.node < b.node ? -1 : 1));
  return JSON.stringify({ members, ids: roster.ids.ids(NONE, NONE), seed: [...roster.seed] });
}

/** Offers both what the other has until nothing changes, as reconciliation does. */
function reconcile(...parts: Roster[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const a of parts)
      for (const b of parts) if (a !== b && b.add(all(a)).added.length > 0) changed = true;
  }
}

rosters('is what the machines of the mesh stand on', () => {
  const mesh = new TestMesh();
  const roll: Roll = mesh.roster;
  const { signer, node } = mesh.founder;
  const records: Records = new SignedRecords(mesh.meshKey, signer, roll, CHEAP.verify);
  assert.ok(
    records.openCandidates(records.signCandidates({ seq: 1, nat: 'easy', candidates: [] })),
  );
  assert.is(roll.seed.length, 16);
  assert.is(roll.member(node)?.admin, true);
  assert.is(roll.memberCount, [...roll.members()].length);
});

rosters('statements of another mesh, forged ones, junk: refused', () => {
  const mesh = new TestMesh();
  const other = new TestMesh();
  const before = picture(mesh.roster);
  const { refused, added } = mesh.roster.add([...all(other.roster), NONE, new Uint8Array(99)]);
  assert.equal(added, []);
  assert.ok(refused.length >= 7);
  for (const { reason } of refused)
    assert.ok(['malformed', 'forged', 'no-issuer', 'stranger'].includes(reason), reason);
  assert.is(picture(mesh.roster), before);
});

rosters('no statement passes for one of another kind, or with a changed byte', () => {
  const mesh = new TestMesh();
  mesh.join(mesh.invite('cabin'));
  const { roster } = mesh;
  const before = picture(roster);
  const statements = all(roster);
  fc.assert(
    fc.property(
      fc.nat(statements.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (i, at, x) => {
        const changed = Uint8Array.from(statements[i]!);
        changed[at % changed.length]! ^= x;
        roster.add([changed]);
        assert.is(picture(roster), before);
      },
    ),
    { numRuns: 3_000 },
  );
});

rosters('rights only shrink: nobody but the mesh key makes an admin, members issue nothing', () => {
  const mesh = new TestMesh();
  const { roster, meshKey, founder } = mesh;
  const { joiner } = mesh.join(mesh.invite('cabin'));
  const granted = { nodeKey: joiner.signer.key, name: 'cabin', issued: mesh.now };
  const byAdmin = issuerFor(roster, founder.signer)!;
  const reasonOf = (bytes: Uint8Array) => roster.add([bytes]).refused[0]?.reason;
  assert.is(reasonOf(issueAdmin(byAdmin, granted)), 'forged'); // not by the mesh key
  assert.is(reasonOf(issueAdmin({ ...byAdmin, as: '' }, granted)), 'forged');
  assert.is(issuerFor(roster, joiner.signer), undefined);
  const posing = { ...byAdmin, signer: joiner.signer };
  const rights = { roles: [], subnets: [] };
  assert.is(reasonOf(issueCertificate(posing, { ...granted, rights })), 'forged');
  const admins = [roster.adminCertificates(founder.node)[0]!];
  assert.is(reasonOf(issueRevocation(byAdmin, { issued: 1, admins })), 'no-right');
  const stranger = mesh.somebody();
  assert.is(reasonOf(issueProfile(meshKey, stranger.signer, { seq: 1, host: 1 })), 'stranger');
  assert.not(roster.member(joiner.node)?.admin);
});

rosters('a subnet counts where the certificate permits it', () => {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  const subnets = [
    { address: '192.168.7.0', length: 24 },
    { address: '203.0.113.0', length: 24 },
    { address: '192.0.0.0', length: 8 },
    { address: 'fd12::', length: 48 },
    { address: '2000::', length: 3 },
  ];
  roster.add([ownProfile(roster, founder.signer, { subnets }, mesh.now + 1)]);
  assert.equal(roster.member(founder.node)?.subnets, [subnets[0], subnets[3]]);
});

rosters('nobody offers addresses of other members, though all private ones are permitted', () => {
  const mesh = new TestMesh();
  const { roster, founder, meshKey } = mesh;
  const { joiner } = mesh.join(mesh.invite('thief'));
  roster.add([ownProfile(roster, founder.signer, {}, mesh.now)]);
  const victim = roster.member(founder.node)!.addresses;
  assert.is(victim.length, 2);
  const granted = {
    name: 'thief',
    rights: { roles: [], subnets: [...PRIVATE_PREFIXES, ...victim] },
  };
  const member = roster.member(joiner.node)!;
  roster.add([regrant(roster, founder.signer, member, granted, mesh.now + 1)!]);
  const home = { address: '192.168.7.0', length: 24 };
  const all = [...victim, meshPrefix(meshKey), { address: 'fc00::', length: 7 }, home];
  roster.add([ownProfile(roster, joiner.signer, { subnets: all }, mesh.now + 2)]);
  assert.equal(roster.member(joiner.node)?.subnets, [home]);
});

rosters('of one node the profile with the highest seq stays, in any order', () => {
  const mesh = new TestMesh();
  const { roster, founder, meshKey } = mesh;
  const base = START + 5_000;
  const profiles = [1, 2, 3].map((n) =>
    issueProfile(meshKey, founder.signer, { seq: base + n, host: n }),
  );
  const size = roster.size;
  for (const i of [1, 0, 2]) roster.add([profiles[i]!]);
  assert.is(roster.size, size);
  assert.is(roster.record(founder.node).profile?.host, 3);
  assert.is(roster.add([profiles[0]!]).refused[0]?.reason, 'superseded');
});

rosters('two devices with one invite: the earlier witness time wins, everywhere', () => {
  const mesh = new TestMesh();
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const { joiner: office } = mesh.join(mesh.invite('office'));
  const invite = mesh.invite('shed');
  const [left, right] = [mesh.roster.fork(), mesh.roster.fork()];
  mesh.now += 10_000;
  const late = mesh.join(invite, cabin, left).joiner;
  mesh.now -= 5_000;
  const early = mesh.join(invite, office, right).joiner;
  assert.ok(left.member(late.node) && right.member(early.node));
  const changes = left.add(all(right)).changes;
  assert.equal(
    changes.find(({ kind }) => kind === 'member-gone'),
    { kind: 'member-gone', node: late.node, reason: 'used' },
  );
  right.add(all(left));
  assert.is(picture(left), picture(right));
  assert.is(left.member(early.node)?.name, 'shed');
  assert.is(left.whyNot(late.node), 'used');

  // the admin had met the late one only, and re-issued it: that decides
  const admin = mesh.roster;
  const third = left.fork();
  third.add(reissueOf(mesh, late, invite.voucher));
  reconcile(admin, third, left, right);
  for (const roster of [left, right, third, admin]) {
    assert.is(roster.member(late.node)?.name, 'shed');
    assert.is(roster.whyNot(early.node), 'used');
  }
});

function reissueOf(mesh: TestMesh, { signer }: Somebody, voucher: Uint8Array): Uint8Array[] {
  const issuer = issuerFor(mesh.roster, mesh.founder.signer)!;
  const read = mesh.roster.interner.parse(voucher);
  if (read?.kind !== 'voucher') throw new Error('no voucher');
  const settles = { voucher: read.key, at: mesh.now };
  const rights = { roles: [], subnets: [] };
  const granted = { nodeKey: signer.key, name: 'shed', issued: mesh.now };
  return [issueCertificate(issuer, { ...granted, rights, settles })];
}

rosters('a cut clears vouchers that expired, for good, and no enrolment', () => {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  const { joiner } = mesh.join(mesh.invite('cabin'));
  mesh.invite('never', founder, HOUR);
  mesh.invite('later', founder, 9 * HOUR);
  const vouchers = all(roster).filter((b) => roster.interner.parse(b)?.kind === 'voucher');
  assert.is(vouchers.length, 3);
  mesh.now += 2 * HOUR;
  roster.add([clearVouchers(roster, founder.signer, mesh.now, mesh.now)!]);
  assert.equal(
    [...roster.openVouchers()].map(({ name }) => name),
    ['later'],
  );
  assert.equal(
    roster.add(vouchers).refused.map(({ reason }) => reason),
    ['cut', 'cut'],
  );
  assert.ok(roster.member(joiner.node));
});

rosters('IPv4: the hash decides, then the next; a clash goes to the earlier', () => {
  const mesh = new TestMesh();
  const { roster, meshKey } = mesh;
  const { joiner: a } = mesh.join(mesh.invite('a'));
  mesh.now += 60_000;
  const { joiner: b } = mesh.join(mesh.invite('b'));
  const claim = (one: Somebody, host: number, seq: number) =>
    issueProfile(meshKey, one.signer, { seq, host });
  roster.add([claim(b, 777, 1)]);
  assert.ok(roster.ownsHost(b.node));
  const { changes } = roster.add([claim(a, 777, 1)]);
  assert.equal(new Set(changes.map((c) => 'node' in c && c.node)), new Set([a.node, b.node]));
  assert.is(roster.member(a.node)?.addresses[1]?.address.endsWith('.3.9'), true);
  assert.is(roster.member(b.node)?.addresses.length, 1);
  assert.not(roster.ownsHost(b.node));
  roster.add([ownProfile(roster, b.signer, {}, mesh.now)]);
  assert.ok(roster.ownsHost(b.node));
  assert.is(roster.member(b.node)?.addresses.length, 2);
  const kept = roster.record(b.node).profile?.host;
  roster.add([ownProfile(roster, b.signer, { exit: true }, mesh.now)]);
  assert.is(roster.record(b.node).profile?.host, kept);
  assert.match(roster.member(b.node)!.addresses[0]!.address, /^fd/);
});

rosters('the policy with the highest seq applies', () => {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  const issuer = issuerFor(roster, founder.signer)!;
  const ipv4 = { address: '100.99.0.0', length: 16 };
  const seed = new Uint8Array(16).fill(9);
  roster.add([issuePolicy(issuer, { issued: mesh.now, seq: 2, seed, ipv4 })]);
  assert.equal(roster.seed, seed);
  assert.match(roster.member(founder.node)!.addresses[1]!.address, /^100\.99\./);
});

rosters('guests are at addresses of the mesh; of two claims to one host the earlier counts', () => {
  const mesh = new TestMesh();
  const { roster, founder, meshKey } = mesh;
  mesh.now += 60_000;
  const { joiner } = mesh.join(mesh.invite('cabin'));
  const claim = (who: Somebody, host: number, guests: number[], seq: number) =>
    roster.add([issueProfile(meshKey, who.signer, { seq: START + seq, host, guests })]);
  const hosts = ({ node }: Somebody) =>
    [...roster.member(node)!.addresses.slice(1), ...roster.member(node)!.guests].map(
      ({ address }) => address.split('.').slice(2).join('.'),
    );
  claim(joiner, 0x0203, [0x0401, 0x0402], 10_000);
  assert.equal(hosts(joiner), ['2.3', '4.1', '4.2']);
  assert.ok(roster.isHostTaken(0x0402));
  // The founder belongs longer: both for itself and for a guest.
  const { changes } = claim(founder, 0x0401, [0x0203], 10_001);
  assert.equal(
    changes.map((change) => 'node' in change && change.node).sort(),
    [founder.node, joiner.node].sort(),
  );
  assert.equal(hosts(founder), ['4.1', '2.3']);
  assert.equal(hosts(joiner), ['4.2']);
  assert.not(roster.ownsHost(joiner.node));
  claim(founder, 0x0505, [], 10_002);
  assert.equal(hosts(joiner), ['2.3', '4.1', '4.2']);
  assert.not(roster.isHostTaken(0x0402, joiner.node));
});

rosters('another name for a member', () => {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  const { joiner } = mesh.join(mesh.invite('cabin'));
  const granted = { name: 'hut', rights: { roles: [], subnets: PRIVATE_PREFIXES } };
  const member = roster.member(joiner.node)!;
  const bytes = regrant(roster, founder.signer, member, granted, mesh.now + 1_000)!;
  const { changes, discarded } = roster.add([bytes]);
  assert.equal(changes, [{ kind: 'member', node: joiner.node }]);
  assert.is(discarded.length, 1);
  assert.is(roster.member(joiner.node)?.name, 'hut');
});

rosters('a fork goes its own way', () => {
  const mesh = new TestMesh();
  const before = picture(mesh.roster);
  const fork = mesh.roster.fork();
  const { joiner } = mesh.join(mesh.invite('cabin'));
  assert.is(picture(fork), before);
  assert.is(fork.member(joiner.node), undefined);
  fork.add(all(mesh.roster));
  assert.is(picture(fork), picture(mesh.roster));
});

rosters('a chain proves a member to whoever knows the mesh key alone', () => {
  const mesh = new TestMesh();
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const { joiner: office } = mesh.join(mesh.invite('office'), cabin);
  for (const { node } of [mesh.founder, cabin, office]) {
    const stranger = fresh(mesh);
    assert.equal(stranger.add(mesh.roster.chainOf(node)).refused, []);
    assert.ok(stranger.member(node));
  }
  assert.equal(mesh.roster.chainOf(mesh.somebody().node), []);
});

rosters('two admins re-issued one invite to two nodes: the earlier witness time wins', () => {
  const mesh = new TestMesh();
  const { roster } = mesh;
  const { voucher } = mesh.invite('shed');
  const [late, early] = [mesh.somebody(), mesh.somebody()];
  mesh.now += 5_000;
  roster.add(reissueOf(mesh, late, voucher));
  mesh.now -= 2_000;
  assert.ok(roster.member(late.node));
  roster.add(reissueOf(mesh, early, voucher));
  assert.ok(roster.member(early.node));
  assert.is(roster.whyNot(late.node), 'used');
});

rosters.run();
