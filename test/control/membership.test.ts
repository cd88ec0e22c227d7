// The mesh of a state folder without an agent: what commands do to it, and what they leave behind
// where something goes wrong.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../agent/commands/failure.js';
import { Folder } from '../../agent/control/folder.js';
import { Membership } from '../../agent/control/membership.js';
import type { LiveMesh } from '../../agent/control/ports.js';
import { FileStore, loadIdentity } from '../../agent/control/store.js';
import { signerOf } from '../../agent/crypto/ed25519.js';
import { admit, enrol } from '../../agent/identity/door.js';
import { decodeInvite } from '../../agent/identity/invite.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { temporaryFolder } from './program.js';

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const TERMS = { ttlMs: 3_600_000, roles: [], subnets: [] } as const;

function make(live?: Partial<LiveMesh>) {
  const folder = new Folder(temporaryFolder());
  const told: string[] = [];
  const running = {
    begin: async () => void told.push('begin'),
    added: () => void told.push('added'),
    endpoints: () => [],
    ...live,
  };
  const options = {
    folder,
    store: new FileStore(folder, random),
    random,
    guessEndpoints: async () => [{ address: '192.0.2.1', port: 51820 }],
    ...(live ? { live: running } : {}),
  };
  const membership = new Membership(options);
  return { folder, membership, told, again: () => new Membership(options) };
}

async function failure(doing: Promise<unknown>): Promise<string> {
  try {
    await doing;
  } catch (error) {
    assert.instance(error, Failure);
    return (error as Failure).message;
  }
  return assert.unreachable() as never;
}

/** Lets somebody in by the word, as the node of the folder would. */
function enter(folder: Folder, membership: Membership, word: string): string {
  const read = decodeInvite(word);
  if ('problem' in read) throw new Error(read.problem.text);
  const joiner = signerOf(random(32));
  const { roster } = membership.open()!;
  const { signer } = loadIdentity(folder, random);
  const admission = admit(roster, signer, enrol(read.invite, joiner), idOf(joiner.key), Date.now());
  assert.ok('welcome' in admission);
  membership.save();
  return idOf(joiner.key);
}

const memberships = suite('control/membership');

memberships('what is written has one reader, and is read again', async () => {
  const { folder, membership, again } = make();
  const { backup } = await membership.found('home');
  assert.ok(backup.length > 40);
  for (const name of ['mesh.key', 'roster.cbor', 'identity'])
    assert.is(statSync(folder.file(name)).mode & 0o777, 0o600, name);
  assert.equal(again().members(), membership.members());
});

memberships('the key of another mesh is not written over', async () => {
  const { folder, membership, again } = make();
  await membership.found('home');
  const key = folder.readBytes('mesh.key', 256);
  rmSync(folder.file('roster.cbor'));
  assert.match(await failure(again().found('home')), /key of another mesh: move it/);
  assert.equal(folder.readBytes('mesh.key', 256), key);
});

memberships('a mesh that cannot be written is none, and leaves no key', async () => {
  const { folder, membership } = make();
  const write = folder.writeBytes.bind(folder);
  folder.writeBytes = (name, content) => {
    if (name === 'roster.cbor') throw new Failure('the disk is full');
    write(name, content);
  };
  assert.match(await failure(membership.found('home')), /disk is full/);
  assert.not.ok(existsSync(folder.file('mesh.key')));
  assert.is(membership.members(), null);
  folder.writeBytes = write;
  assert.is((await membership.found('home')).name, 'home');
});

memberships('one enters at a time', async () => {
  const { membership } = make({ begin: () => setImmediate() });
  const [first, second] = [membership.found('home'), membership.found('other')];
  assert.match(await failure(second), /under way/);
  assert.is((await first).name, 'home');
  assert.match(await failure(membership.found('third')), /belongs to a mesh already/);
});

memberships('all open invites of a name are revoked, an expired one among them', async () => {
  const { membership } = make();
  await membership.found('home');
  await membership.invite('cabin', { ...TERMS, ttlMs: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await membership.invite('cabin', TERMS);
  const { roster } = membership.open()!;
  assert.is([...roster.openVouchers()].length, 2);
  assert.is(await membership.revoke('cabin'), 'invite');
  assert.is([...roster.openVouchers()].length, 0);
});

memberships('of two members with one name the key says which', async () => {
  const { folder, membership } = make();
  await membership.found('home');
  const { roster } = membership.open()!;
  const first = await membership.invite('cabin', TERMS);
  const one = enter(folder, membership, first.word);
  // Another admin, who knew nothing of it, gave the name once more.
  const { makeInvite } = await import('../../agent/identity/door.js');
  const identity = loadIdentity(folder, random);
  const inviting = {
    name: 'cabin',
    roles: [],
    ttl: 9_999_999,
    at: Date.now(),
    endpoints: [],
    random,
  };
  const made = makeInvite(roster, identity.signer, inviting)!;
  roster.add(made.statements);
  const two = enter(folder, membership, made.word);
  const why = await failure(membership.revoke('cabin'));
  assert.ok(why.includes(one) && why.includes(two), why);
  assert.is(await membership.revoke(two), 'member');
  assert.is(roster.member(two), undefined);
  assert.ok(roster.member(one));
});

memberships('a revocation is in force though the disk is full', async () => {
  const { folder, membership, told } = make({});
  await membership.found('home');
  const { word } = await membership.invite('cabin', TERMS);
  const node = enter(folder, membership, word);
  told.length = 0;
  rmSync(folder.file('roster.cbor'));
  mkdirSync(folder.file('roster.cbor/in'), { recursive: true });
  await membership.revoke('cabin').then(assert.unreachable, () => {});
  assert.is(membership.open()?.roster.member(node), undefined);
  assert.equal(told, ['added']);
});

memberships.run();
