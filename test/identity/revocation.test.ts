import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addAdmin, removeAdmin, revokeNode } from '../../agent/identity/admin.js';
import { voucherSigner } from '../../agent/identity/invite.js';
import {
  issueEnrolment,
  issueProfile,
  issueRequest,
  issueRevocation,
  issuerFor,
} from '../../agent/identity/issue.js';
import { Roster } from '../../agent/identity/roster.js';
import { CHEAP, HOUR, type Somebody, START, TestMesh } from './meshes.js';

const NONE = new Uint8Array();
const rosters = suite('identity/revocation');

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

rosters.run();
