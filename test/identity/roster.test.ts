import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addAdmin,
  clearVouchers,
  regrant,
  reissue,
  removeAdmin,
  revokeNode,
  revokeVoucher,
} from '../../agent/identity/admin.js';
import { ownProfile } from '../../agent/identity/door.js';
import { PRIVATE_PREFIXES } from '../../agent/identity/fields.js';
import { voucherSigner } from '../../agent/identity/invite.js';
import {
  issueAdmin,
  issueCertificate,
  issueEnrolment,
  issuePolicy,
  issueProfile,
  issueRequest,
  issueRevocation,
  issuerFor,
} from '../../agent/identity/issue.js';
import type { NodeId } from '../../agent/identity/member.js';
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

rosters('a revoked node is out, cannot come back with its invite, and those it let in stay', () => {
  const mesh = new TestMesh();
  const { roster, founder, random } = mesh;
  const invite = mesh.invite('cabin');
  const { joiner: cabin } = mesh.join(invite);
  const away = roster.fork();
  const { joiner: guest } = mesh.join(mesh.invite('guest'), cabin, away);
  assert.ok(away.member(guest.node), 'the request brings its voucher');
  roster.add(all(away));
  const { joiner: shed } = mesh.join(mesh.invite('shed'), founder);
  const office = mesh.invite('office');
  const far = roster.fork();
  const { joiner: officer } = mesh.join(office, cabin, far);
  roster.add(all(far));
  assert.is(roster.standing(officer.node)?.rank, 1);

  const revoked = revokeNode(roster, founder.signer, cabin.node, mesh.now, random)!;
  const { changes } = roster.add(revoked.statements);
  assert.ok(changes.some(({ kind }) => kind === 'epoch'));
  const gone = changes.find(({ kind }) => kind === 'member-gone');
  assert.equal(gone, { kind: 'member-gone', node: cabin.node, reason: 'revoked' });
  assert.is(roster.member(officer.node)?.name, 'office');
  assert.ok(roster.member(shed.node));

  // by its own invite, with another key, at an earlier time, witnessed by itself or by a friend
  const again = mesh.somebody();
  const voucher = voucherSigner(invite.secret, CHEAP);
  const request = issueRequest(mesh.meshKey, voucher, invite.voucher, again.signer.key);
  for (const witness of [cabin, officer]) {
    const enrolment = issueEnrolment(mesh.meshKey, witness.signer, request, START);
    roster.add([enrolment]);
    assert.is(roster.member(again.node), undefined);
    assert.is(roster.whyNot(again.node), 'revoked');
  }
  const { admission } = mesh.join(invite, founder, roster, again);
  assert.is('unwelcome' in admission && admission.unwelcome, 'revoked');
});

rosters('a revoked witness lets nobody in, not even in the past', () => {
  const mesh = new TestMesh();
  const { roster, founder, random } = mesh;
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const invite = mesh.invite('open');
  const revoked = revokeNode(roster, founder.signer, cabin.node, mesh.now, random)!;
  roster.add(revoked.statements);
  const thief = mesh.somebody();
  const signer = voucherSigner(invite.secret, CHEAP);
  const request = issueRequest(mesh.meshKey, signer, invite.voucher, thief.signer.key);
  roster.add([issueEnrolment(mesh.meshKey, cabin.signer, request, mesh.now)]);
  assert.is(roster.whyNot(thief.node), 'no-witness');
});

rosters(
  'an enrolment outside the life of its voucher, or by a stranger, or by itself: refused',
  () => {
    const mesh = new TestMesh();
    const { roster, founder, meshKey } = mesh;
    const invite = mesh.invite('cabin', founder, HOUR);
    const signer = voucherSigner(invite.secret, CHEAP);
    const joiner = mesh.somebody();
    const request = issueRequest(meshKey, signer, invite.voucher, joiner.signer.key);
    const reasonOf = (witness: Somebody, at: number) => {
      const fork = roster.fork();
      const { refused } = fork.add([issueEnrolment(meshKey, witness.signer, request, at)]);
      return refused[0]?.reason ?? fork.whyNot(joiner.node);
    };
    assert.is(reasonOf(founder, mesh.now - 1_000), 'expired');
    assert.is(reasonOf(founder, mesh.now + HOUR + 1_000), 'expired');
    assert.is(reasonOf(mesh.somebody(), mesh.now), 'no-witness');
    assert.is(reasonOf(joiner, mesh.now), 'no-witness');
    assert.is(reasonOf(founder, mesh.now + HOUR), undefined);
  },
);

rosters('a member without the secret of an invite makes no enrolment of it', () => {
  const mesh = new TestMesh();
  const { joiner: member } = mesh.join(mesh.invite('member'));
  const { voucher } = mesh.invite('other'); // as everybody reads it in the roster
  const friend = mesh.somebody();
  const request = issueRequest(mesh.meshKey, member.signer, voucher, friend.signer.key);
  const enrolment = issueEnrolment(mesh.meshKey, member.signer, request, mesh.now);
  assert.is(mesh.roster.add([enrolment]).refused[0]?.reason, 'forged');
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

rosters('of two profiles with one seq the same stays, in either order', () => {
  const mesh = new TestMesh();
  const { founder, meshKey } = mesh;
  const two = [1, 2].map((host) => issueProfile(meshKey, founder.signer, { seq: 2 ** 50, host }));
  const [a, b] = [mesh.roster.fork(), mesh.roster.fork()];
  for (const bytes of two) a.add([bytes]);
  for (const bytes of two.toReversed()) b.add([bytes]);
  assert.is(picture(a), picture(b));
});

rosters('witnesses in a circle carry nobody', () => {
  const mesh = new TestMesh();
  const { roster, founder, random, meshKey } = mesh;
  const { joiner: first } = mesh.join(mesh.invite('first'));
  const enrolBy = (name: string, witness: Somebody, joiner: Somebody) => {
    const invite = mesh.invite(name);
    const signer = voucherSigner(invite.secret, CHEAP);
    const request = issueRequest(meshKey, signer, invite.voucher, joiner.signer.key);
    return issueEnrolment(meshKey, witness.signer, request, mesh.now);
  };
  const [a, b] = [mesh.somebody(), mesh.somebody()];
  roster.add([enrolBy('a', first, a)]);
  roster.add([enrolBy('b', a, b)]);
  roster.add([enrolBy('a', b, a)]);
  assert.equal(
    [a, b].map(({ node }) => roster.standing(node)?.rank),
    [1, 2],
  );
  const { statements } = revokeNode(roster, founder.signer, first.node, mesh.now, random)!;
  const bare = statements.filter((bytes) => roster.interner.parse(bytes)?.kind === 'revocation');
  roster.add(bare);
  assert.is(roster.member(a.node), undefined);
  assert.is(roster.member(b.node), undefined);
  const again = fresh(mesh);
  again.add(all(roster).toReversed());
  assert.is(picture(again), picture(roster));
});

rosters(
  'an admin that is removed: what is kept stays, the rest is void, also what comes later',
  () => {
    const mesh = new TestMesh();
    const { roster, mesh: meshSigner } = mesh;
    const { joiner: second } = mesh.join(mesh.invite('second'));
    mesh.now += 1_000;
    roster.add([addAdmin(roster, meshSigner, roster.member(second.node)!, mesh.now)!]);
    assert.ok(roster.member(second.node)?.admin);
    const { joiner: kept } = mesh.join(mesh.invite('kept', second), second);
    const secret = roster.fork(); // of what the second did in the dark
    const dark = mesh.join(darkInvite(mesh, secret, second), second, secret).joiner;
    assert.ok(secret.member(dark.node));

    const removal = removeAdmin(roster, meshSigner, second.node, mesh.now)!;
    roster.add([removal]);
    assert.is(roster.member(second.node)?.admin, false);
    assert.ok(roster.member(kept.node));
    const { changes } = secret.add([removal]);
    assert.ok(changes.some((change) => change.kind === 'member-gone' && change.node === dark.node));
    assert.is(roster.add(all(secret)).added.length, 0);
    assert.is(picture(roster), picture(secret));

    mesh.now += 1_000;
    roster.add([addAdmin(roster, meshSigner, roster.member(second.node)!, mesh.now)!]);
    assert.ok(roster.member(second.node)?.admin, 'made an admin once more');
    mesh.join(mesh.invite('third', second), second);
    assert.is(roster.memberCount, 4);
  },
);

function darkInvite(mesh: TestMesh, roster: Roster, by: Somebody) {
  const other = Object.assign(Object.create(TestMesh.prototype), mesh, { roster }) as TestMesh;
  return other.invite('dark', by);
}

rosters('an admin does not remove another; the mesh key does', () => {
  const mesh = new TestMesh();
  const { roster, founder, random, mesh: meshSigner } = mesh;
  const { joiner: second } = mesh.join(mesh.invite('second'));
  roster.add([addAdmin(roster, meshSigner, roster.member(second.node)!, mesh.now)!]);
  assert.is(revokeNode(roster, second.signer, founder.node, mesh.now, random), undefined);
  const bySecond = issuerFor(roster, second.signer)!;
  const nodes = [founder.node];
  roster.add([issueRevocation(bySecond, { issued: mesh.now, nodes })]);
  assert.ok(roster.member(founder.node));
  const { statements } = revokeNode(roster, meshSigner, founder.node, mesh.now, random)!;
  roster.add(statements);
  assert.is(roster.whyNot(founder.node), 'revoked');
});

rosters('what a rogue admin revoked comes back when the mesh key removes it', () => {
  const mesh = new TestMesh();
  const { roster, random, mesh: meshSigner } = mesh;
  const { joiner: rogue } = mesh.join(mesh.invite('rogue'));
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  roster.add([addAdmin(roster, meshSigner, roster.member(rogue.node)!, mesh.now)!]);
  const before = roster.fork();
  roster.add(revokeNode(roster, rogue.signer, cabin.node, mesh.now, random)!.statements);
  assert.is(roster.member(cabin.node), undefined);
  const removal = removeAdmin(before, meshSigner, rogue.node, mesh.now)!;
  const { changes } = roster.add([removal]);
  assert.ok(changes.some((change) => change.kind === 'member' && change.node === cabin.node));
});

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

// A life of a mesh with three admins, partitions and all that can be done, by one seed
type Act = Readonly<{ what: number; who: number; where: number; passed: number }>;

function live(mesh: TestMesh, acts: readonly Act[]): Roster[] {
  const people: Somebody[] = [mesh.founder];
  for (const name of ['b', 'c', 'd', 'e', 'f']) people.push(mesh.join(mesh.invite(name)).joiner);
  for (const { node } of people.slice(1, 3))
    mesh.roster.add([addAdmin(mesh.roster, mesh.mesh, mesh.roster.member(node)!, mesh.now)!]);
  const parts = [mesh.roster, mesh.roster.fork(), mesh.roster.fork()];
  const invites = [mesh.invite('seed')];
  const step = ({ what, who, where, passed }: Act) => {
    mesh.now += 1000 * passed;
    const roster = parts[where % 3]!;
    const inPart = Object.assign(Object.create(TestMesh.prototype), mesh, { roster }) as TestMesh;
    const one = people[who % people.length]!;
    const admin = people.slice(0, 3)[who % Math.min(3, people.length)]!;
    const member = roster.member(one.node);
    const take = (bytes: Uint8Array | undefined) => bytes && roster.add([bytes]);
    const { random, now, mesh: meshSigner } = mesh;
    if (what < 5 && issuerFor(roster, admin.signer)) invites.push(inPart.invite(`n${who}`, admin));
    else if (what < 15) {
      const joiner = passed % 5 === 0 ? one : mesh.somebody();
      inPart.join(invites[passed % invites.length]!, one, roster, joiner);
      people.push(joiner);
    } else if (what === 15 && member) take(addAdmin(roster, meshSigner, member, now));
    else if (what === 16) take(removeAdmin(roster, meshSigner, admin.node, now));
    else if (what === 17) {
      const revoked = revokeNode(roster, admin.signer, one.node, now, random);
      roster.add(revoked?.statements ?? []);
    } else if (what === 18) roster.add(reissue(roster, admin.signer, now));
    else if (what === 19) take(ownProfile(roster, one.signer, {}, now));
    else if (what === 20) take(clearVouchers(roster, admin.signer, now, now));
    else if (what === 21) {
      const [open] = roster.openVouchers();
      if (open) take(revokeVoucher(roster, admin.signer, open.key, now));
    } else if (what === 22) roster.add(all(parts[passed % 3]!));
    else if (what === 23) take(issueProfile(mesh.meshKey, one.signer, { seq: now, host: who % 3 }));
  };
  for (const act of acts) step(act);
  return parts;
}

const act = fc.record({
  what: fc.nat(23),
  who: fc.nat(30),
  where: fc.nat(2),
  passed: fc.nat(300),
});

rosters('whatever happens in three parts of a mesh, in the end all are the same', () => {
  const joined: number[] = [];
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 20, maxLength: 80, size: 'max' }),
      fc.nat(),
      (acts, shift) => {
        let counter = 0;
        const random = (bytes: number) => {
          counter++;
          return CHEAP.sign(Uint8Array.of(counter, counter >> 8), NONE).slice(0, bytes);
        };
        const mesh = new TestMesh(CHEAP, random);
        const parts = live(mesh, acts);
        reconcile(...parts);
        const [first, ...others] = parts.map(picture);
        for (const other of others) assert.is(other, first);
        // the members follow from the set, in whatever order it is read
        const statements = all(parts[0]!);
        const order = statements.map((bytes, i) => [(i * 7919 + shift) % 9973, bytes] as const);
        order.sort(([a], [b]) => a - b);
        const [together, oneByOne] = [fresh(mesh), fresh(mesh)];
        together.add(order.map(([, bytes]) => bytes));
        for (let size = -1; size !== oneByOne.size; ) {
          size = oneByOne.size;
          for (const [, bytes] of order) oneByOne.add([bytes]);
        }
        assert.is(picture(together), first);
        assert.is(picture(oneByOne), first);
        assert.equal(together.ids.fingerprint(NONE, NONE), parts[0]!.ids.fingerprint(NONE, NONE));
        joined.push(together.memberCount);
      },
    ),
    { numRuns: 20 },
  );
  assert.ok(Math.max(...joined) > 9, `at most ${Math.max(...joined)} members`);
});

rosters('changes tell every difference', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 10, maxLength: 40 }), (acts) => {
      const mesh = new TestMesh();
      const [roster] = live(mesh, acts) as [Roster];
      const known = new Map<NodeId, string>();
      const copy = fresh(mesh);
      for (const bytes of all(roster)) {
        for (const change of copy.add([bytes]).changes) {
          if (change.kind === 'member')
            known.set(change.node, JSON.stringify(copy.member(change.node)));
          else if (change.kind === 'member-gone') known.delete(change.node);
        }
        for (const member of copy.members())
          assert.is(known.get(member.node), JSON.stringify(member));
        assert.is(known.size, copy.memberCount);
      }
    }),
    { numRuns: 30 },
  );
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

rosters.run();
