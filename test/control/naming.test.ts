// What members are called: unique, changed by admins alone, in the certificate and in kith.json.

import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../agent/commands/failure.js';
import { Folder } from '../../agent/control/folder.js';
import { Membership } from '../../agent/control/membership.js';
import { writeRoster } from '../../agent/control/rosterfile.js';
import { FileStore, loadIdentity } from '../../agent/control/store.js';
import { admit, enrol } from '../../agent/identity/door.js';
import { decodeInvite } from '../../agent/identity/invite.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { temporaryFolder } from './program.js';

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const TERMS = { ttlMs: 3_600_000, roles: ['relay'], subnets: [] } as const;

function make(folder = new Folder(temporaryFolder())) {
  const store = new FileStore(folder, random);
  const guessEndpoints = async () => [{ address: '192.0.2.1', port: 51820 }];
  return { folder, store, membership: new Membership({ folder, store, random, guessEndpoints }) };
}

type Home = ReturnType<typeof make>;

/** A node that the home lets in, as `kith join` leaves it. */
async function member(home: Home, name: string): Promise<Home & { node: string }> {
  const { word } = await home.membership.invite(name, TERMS);
  const read = decodeInvite(word);
  if ('problem' in read) throw new Error(read.problem.text);
  const folder = new Folder(temporaryFolder());
  const { signer } = loadIdentity(folder, random);
  const { roster } = home.membership.open()!;
  const witness = loadIdentity(home.folder, random).signer;
  const node = idOf(signer.key);
  assert.ok('welcome' in admit(roster, witness, enrol(read.invite, signer), node, Date.now()));
  home.membership.save();
  const statements = Array.from(roster.statements(), ({ bytes }) => bytes);
  writeRoster(folder, { meshKey: roster.meshKey, statements, believed: [], shares: [] });
  const made = make(folder);
  await made.store.update((before) => ({ ...before, name }));
  return { ...made, node };
}

async function failure(doing: Promise<unknown>): Promise<string> {
  try {
    await doing;
  } catch (error) {
    assert.instance(error, Failure);
    return (error as Failure).message;
  }
  return assert.unreachable('it was done') as never;
}

const call = (store: FileStore, name: string) => store.update((before) => ({ ...before, name }));

const naming = suite('control/naming');

naming(
  'another name for a member: everywhere, unique, rights and addresses as before',
  async () => {
    const home = make();
    await home.membership.found('home');
    const { node } = await member(home, 'cabin');
    const { roster } = home.membership.open()!;
    const before = roster.member(node)!;
    const renamed = await home.membership.rename('cabin', 'hut');
    assert.equal(renamed, { node, was: 'cabin', name: 'hut' });
    // Several in one second: the last one counts.
    for (const name of ['barn', 'shed', 'loft']) await home.membership.rename(node, name);
    assert.equal(roster.member(node), { ...before, name: 'loft' });
    assert.is(make(home.folder).membership.open()!.roster.member(node)?.name, 'loft');
    await home.membership.invite('office', TERMS);
    for (const [name, to, why] of [
      ['loft', 'home', /there is a member "home" already/],
      ['loft', 'office', /an invite for "office" is open/],
      ['loft', 'No!', /cannot be a name/],
      ['lofd', 'hut', /no member "lofd".*loft/],
    ] as const)
      assert.match(await failure(home.membership.rename(name, to)), why);
    assert.is(roster.member(node)?.name, 'loft');
  },
);

naming('an admin calls itself otherwise: kith.json and the certificate agree', async () => {
  const home = make();
  await home.membership.found('home');
  await member(home, 'cabin');
  const self = () => home.membership.members()!.find((one) => one.self)!.name;
  await call(home.store, 'house');
  assert.is(self(), 'house');
  assert.match(await failure(call(home.store, 'cabin')), /there is a member "cabin" already/);
  assert.is(home.store.read().name, 'house');
  await home.membership.rename('house', 'home');
  assert.equal([self(), home.store.read().name], ['home', 'home']);
});

naming('any other member is told where it can be done, and follows when it is', async () => {
  const home = make();
  await home.membership.found('home');
  const cabin = await member(home, 'cabin');
  assert.is(
    await failure(call(cabin.store, 'hut')),
    'in its mesh this node is called cabin, which only an admin changes; ' +
      'on home: kith rename cabin hut',
  );
  assert.is(cabin.store.read().name, 'cabin');
  await cabin.store.update((before) => ({ ...before, endpoint: '192.0.2.9:51820' }));
  assert.match(await failure(cabin.membership.rename('cabin', 'hut')), /no admin.*home is/);
  await cabin.membership.followName();
  assert.is(cabin.store.read().name, 'cabin');

  await home.membership.rename('cabin', 'hut');
  const { roster } = cabin.membership.open()!;
  roster.add(Array.from(home.membership.open()!.roster.statements(), ({ bytes }) => bytes));
  await cabin.membership.followName();
  assert.is(cabin.store.read().name, 'hut');
});

naming("without a mesh a name is the owner's affair", async () => {
  const { store } = make();
  await call(store, 'anything');
  assert.is(store.read().name, 'anything');
});

naming.run();
