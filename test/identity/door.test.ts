import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { reissue, revokeVoucher } from '../../agent/identity/admin.js';
import { admit, enrol, ownProfile } from '../../agent/identity/door.js';
import { Roster } from '../../agent/identity/roster.js';
import { CHEAP, HOUR, TestMesh } from './meshes.js';

const door = suite('identity/door');

for (const [name, crypto] of [
  ['real signatures', ed25519],
  ['cheap signatures', CHEAP],
] as const) {
  door(`${name}: founded, invited, joined, and a third believes it`, () => {
    const mesh = new TestMesh(crypto);
    assert.is(mesh.roster.memberCount, 1);
    const { joiner, admission } = mesh.join(mesh.invite('cabin'));
    assert.ok('welcome' in admission, JSON.stringify(admission));
    assert.is(mesh.roster.member(joiner.node)?.name, 'cabin');
    assert.not(mesh.roster.member(joiner.node)?.admin);
    const theirs = new Roster(mesh.meshKey, { crypto });
    const { refused } = theirs.add(admission.welcome);
    assert.equal(refused, []);
    assert.is(theirs.memberCount, 2);
    assert.equal(theirs.member(joiner.node), mesh.roster.member(joiner.node));
    assert.equal(theirs.seed, mesh.roster.seed);
    const profile = ownProfile(theirs, joiner.signer, {}, mesh.now);
    const { changes } = mesh.roster.add([profile]);
    assert.equal(changes, [{ kind: 'member', node: joiner.node }]);
    assert.is(mesh.roster.member(joiner.node)?.addresses.length, 2);
  });
}

door('a member that is no admin takes an invite, and an admin re-issues later', () => {
  const mesh = new TestMesh();
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const invite = mesh.invite('office');
  const away = mesh.roster.fork();
  const { joiner: office, admission } = mesh.join(invite, cabin, away);
  assert.ok('welcome' in admission);
  assert.is(away.standing(office.node)?.rank, 1);
  assert.is(mesh.roster.member(office.node), undefined);
  assert.equal(mesh.roster.add(admission.welcome).refused, []);
  assert.is(mesh.roster.member(office.node)?.name, 'office');
  const certificates = reissue(mesh.roster, mesh.founder.signer, mesh.now);
  assert.is(certificates.length, 1);
  mesh.roster.add(certificates);
  assert.is(mesh.roster.standing(office.node)?.rank, 0);
  assert.equal(reissue(mesh.roster, mesh.founder.signer, mesh.now), []);
});

door('refused with the reason: used, expired, revoked, of another mesh, not its own key', () => {
  const mesh = new TestMesh();
  const why = (invite: ReturnType<TestMesh['invite']>) => {
    const { admission } = mesh.join(invite);
    return 'unwelcome' in admission ? admission.unwelcome : 'welcome';
  };
  const used = mesh.invite('used');
  assert.is(why(used), 'welcome');
  assert.is(why(used), 'used');

  const late = mesh.invite('late', mesh.founder, HOUR);
  mesh.now += HOUR + 1000;
  assert.is(why(late), 'expired');

  const revoked = mesh.invite('revoked');
  const [open] = [...mesh.roster.openVouchers()].filter(({ name }) => name === 'revoked');
  const revocation = revokeVoucher(mesh.roster, mesh.founder.signer, open!.key, mesh.now);
  mesh.roster.add([revocation!]);
  assert.is(why(revoked), 'revoked');

  assert.is(why(new TestMesh().invite('stranger')), 'no-issuer');

  const joiner = mesh.somebody();
  const shown = enrol(mesh.invite('mine'), joiner.signer, CHEAP);
  const other = mesh.somebody();
  const admission = admit(mesh.roster, mesh.founder.signer, shown, other.node, mesh.now);
  assert.is('unwelcome' in admission && admission.unwelcome, 'no-proof');
});

door('the same device may come again with its invite', () => {
  const mesh = new TestMesh();
  const invite = mesh.invite('cabin');
  const { joiner } = mesh.join(invite);
  const { admission } = mesh.join(invite, mesh.founder, mesh.roster, joiner);
  assert.ok('welcome' in admission);
});

door('a member that is not heard of yet shows its chain and is in', () => {
  const mesh = new TestMesh();
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const behind = mesh.roster.fork();
  const { joiner: office } = mesh.join(mesh.invite('office'), cabin);
  assert.is(behind.member(office.node), undefined);
  const chain = mesh.roster.chainOf(office.node);
  const admission = admit(behind, cabin.signer, chain, office.node, mesh.now);
  assert.ok('welcome' in admission);
  assert.is(behind.member(office.node)?.name, 'office');
});

door.run();
