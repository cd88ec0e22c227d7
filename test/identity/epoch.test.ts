import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { PrivateKey } from '../../agent/crypto/x25519.js';
import { reissue, revokeNode } from '../../agent/identity/admin.js';
import { admit, enrol } from '../../agent/identity/door.js';
import {
  epochKeyId,
  issueEpoch,
  issueShare,
  makeEpochKey,
  openEpoch,
  openRendezvous,
  openShare,
  sealRendezvous,
  topicOf,
} from '../../agent/identity/epoch.js';
import { EpochKeys } from '../../agent/identity/epochkeys.js';
import { issuerFor } from '../../agent/identity/issue.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { Roster } from '../../agent/identity/roster.js';
import { Identity } from '../../agent/identity/seed.js';
import type { Epoch } from '../../agent/identity/statements.js';
import { type Somebody, TestMesh } from './meshes.js';

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
const random = (bytes: number) => Uint8Array.from(randomBytes(bytes));
const tunnelKey = ({ seed }: Somebody) =>
  new PrivateKey(Uint8Array.from(new Identity(seed).privateKey.bytes));

const epochs = suite('identity/epoch');

epochs('the founder opens the first key; each revocation makes a new one for all others', () => {
  const mesh = new TestMesh(ed25519);
  const { roster, founder } = mesh;
  const open = (one: Somebody) => openEpoch(roster.buckets, one.signer.key, tunnelKey(one));
  assert.is(hex(open(founder)), hex(mesh.epochKey));
  const { joiner: cabin } = mesh.join(mesh.invite('cabin'));
  const { joiner: office } = mesh.join(mesh.invite('office'));
  assert.is(open(cabin), undefined, 'came after it was made');
  const revoked = revokeNode(roster, founder.signer, cabin.node, mesh.now, random)!;
  roster.add(revoked.statements);
  assert.is(roster.epoch?.epoch, 2);
  assert.is(hex(open(founder)), hex(revoked.epochKey));
  assert.is(hex(open(office)), hex(revoked.epochKey));
  assert.is(open(cabin), undefined);
});

epochs('a newcomer has the key from the one that let it in, sealed and signed', () => {
  const mesh = new TestMesh(ed25519);
  const { roster, founder, meshKey } = mesh;
  const { joiner, admission } = mesh.join(mesh.invite('cabin'));
  const { publicKey } = roster.member(joiner.node)!;
  const to = { nodeKey: joiner.signer.key, publicKey };
  const share = issueShare(meshKey, founder.signer, mesh.epochKey, to, random);
  const theirs = new Roster(meshKey);
  if ('welcome' in admission) theirs.add(admission.welcome);
  const open = (bytes: Uint8Array) => openShare(bytes, theirs, to.nodeKey, tunnelKey(joiner));
  assert.is(hex(open(share)), hex(mesh.epochKey));
  const wrongKey = issueShare(meshKey, founder.signer, makeEpochKey(random), to, random);
  assert.is(open(wrongKey), undefined, 'an admin has not announced this key');
  const { signer } = mesh.somebody();
  assert.is(open(issueShare(meshKey, signer, mesh.epochKey, to, random)), undefined);
  share[share.length - 1]! ^= 1;
  assert.is(open(share), undefined);
  assert.is(theirs.add([share]).refused[0]?.reason, 'malformed', 'it is no statement');
});

epochs('joiners get the key: a bucket from an admin, a share from others till then', () => {
  const mesh = new TestMesh(ed25519);
  const { roster, founder } = mesh;
  const keysOf = (one: Somebody, its = roster) => new EpochKeys(its, one.signer, tunnelKey(one));
  const join = (name: string, by: Somebody, its: Roster) => {
    const joiner = mesh.somebody();
    const shown = enrol(mesh.invite(name), joiner.signer);
    const epoch = { keys: keysOf(by, its), random };
    const admission = admit(its, by.signer, shown, joiner.node, mesh.now, epoch);
    assert.ok('welcome' in admission);
    const theirs = new Roster(mesh.meshKey);
    const { refused } = theirs.add(admission.welcome);
    return { joiner, theirs, refused, keys: keysOf(joiner, theirs), ...admission };
  };
  const cabin = join('cabin', founder, roster);
  assert.equal(cabin.refused, []);
  assert.is(hex(cabin.keys.key), hex(mesh.epochKey));
  assert.ok(cabin.added.changes.some(({ kind }) => kind === 'epoch'));

  const far = roster.fork();
  const office = join('office', cabin.joiner, far);
  assert.is(office.keys.key, undefined);
  assert.equal(
    office.welcome.map((bytes) => office.keys.take(bytes)).filter((taken) => taken),
    [true],
  );
  assert.is(hex(office.keys.key), hex(mesh.epochKey));

  roster.add([...far.statements()].map(({ bytes }) => bytes));
  const keys = keysOf(founder);
  const made = reissue(roster, founder.signer, mesh.now, { keys, random });
  assert.is(made.length, 2, 'a certificate and a bucket');
  roster.add(made);
  assert.is(hex(keysOf(office.joiner).key), hex(mesh.epochKey));
  assert.equal(reissue(roster, founder.signer, mesh.now, { keys, random }), []);
});

epochs('many members: buckets by prefix, each opened by its own alone', () => {
  const mesh = new TestMesh(ed25519);
  const issuer = issuerFor(mesh.roster, mesh.founder.signer)!;
  const people = Array.from({ length: 300 }, () => {
    const nodeKey = random(32); // no Ed25519 point: only the prefix counts here
    const privateKey = new PrivateKey(random(32));
    return { nodeKey, privateKey, publicKey: privateKey.publicKey };
  });
  const key = makeEpochKey(random);
  const all = { epoch: 7, key, members: people, issued: mesh.now, random };
  const statements = issueEpoch(issuer, all);
  assert.ok(statements.length >= 5, `${statements.length} buckets`);
  assert.ok(statements.every((bytes) => bytes.length < 8_192));
  assert.is(mesh.roster.add(statements).added.length, statements.length);
  const buckets: readonly Epoch[] = mesh.roster.buckets;
  assert.is(buckets.length, statements.length);
  for (const { nodeKey, privateKey } of people)
    assert.is(hex(openEpoch(buckets, nodeKey, privateKey)), hex(key));
  const stranger = new PrivateKey(random(32));
  assert.is(openEpoch(buckets, people[0]!.nodeKey, stranger), undefined);
});

epochs('the highest epoch counts, then the highest id; the order of arrival does not', () => {
  const mesh = new TestMesh();
  const issuer = issuerFor(mesh.roster, mesh.founder.signer)!;
  const make = (epoch: number) => {
    const key = makeEpochKey(random);
    const members = [...mesh.roster.members()];
    const statements = issueEpoch(issuer, { epoch, key, members, issued: mesh.now, random });
    return { statements, keyId: hex(epochKeyId(key))! };
  };
  const made = [make(5), make(5), make(4)];
  const best = [made[0]!.keyId, made[1]!.keyId].sort().at(-1);
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    const roster = mesh.roster.fork();
    for (const i of order) roster.add(made[i]!.statements);
    assert.is(hex(roster.epoch?.keyId), best);
    assert.is(roster.size, mesh.roster.size, 'the others left');
  }
});

epochs('records open under the key and on the topic they were sealed for', () => {
  const [key, node] = [makeEpochKey(random), idOf(random(32))];
  const what = { record: random(500), chain: [random(300), random(500)] };
  const sealed = sealRendezvous(key, node, what, random);
  assert.equal(openRendezvous(key, node, sealed), what);
  assert.is(openRendezvous(makeEpochKey(random), node, sealed), undefined);
  assert.is(openRendezvous(key, idOf(random(32)), sealed), undefined);
  for (let i = 0; i < sealed.length; i += 29) {
    const changed = Uint8Array.from(sealed);
    changed[i]! ^= 1;
    assert.is(openRendezvous(key, node, changed), undefined);
    assert.is(openRendezvous(key, node, sealed.subarray(0, i)), undefined);
  }
  assert.is(topicOf(key, node).length, 32);
  assert.is.not(hex(topicOf(key, node)), hex(topicOf(makeEpochKey(random), node)));
});

epochs('a member whose key is of low order costs nobody anything', () => {
  const mesh = new TestMesh();
  const issuer = issuerFor(mesh.roster, mesh.founder.signer)!;
  const own = new PrivateKey(random(32));
  const good = { nodeKey: random(32), publicKey: own.publicKey };
  const bad = { nodeKey: random(32), publicKey: new Uint8Array(32) };
  const key = makeEpochKey(random);
  const rest = { epoch: 9, key, issued: mesh.now, random };
  mesh.roster.add(issueEpoch(issuer, { ...rest, members: [bad, good] }));
  assert.is(hex(openEpoch(mesh.roster.buckets, good.nodeKey, own)), hex(key));
});

epochs.run();
