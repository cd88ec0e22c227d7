import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addAdmin,
  clearVouchers,
  reissue,
  removeAdmin,
  revokeNode,
  revokeVoucher,
} from '../../agent/identity/admin.js';
import { ownProfile } from '../../agent/identity/door.js';
import { issueProfile, issuerFor } from '../../agent/identity/issue.js';
import type { NodeId } from '../../agent/identity/member.js';
import { Roster } from '../../agent/identity/roster.js';
import { CHEAP, type Somebody, TestMesh } from './meshes.js';

const NONE = new Uint8Array();
const rosters = suite('identity/convergence');

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

rosters.run();
