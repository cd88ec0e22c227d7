// Guests of a simulated mesh: they get an invite, stand at a door with it, and begin as members
// where they are welcome. As `kith invite` and `kith join` do it.

import { enrol, makeInvite, ownProfile } from '../../agent/identity/door.js';
import { decodeInvite } from '../../agent/identity/invite.js';
import { Roster } from '../../agent/identity/roster.js';
import { signShow } from '../../agent/identity/show.js';
import type { DoorOutcome } from '../../agent/mesh/doorclient.js';
import { LISTEN_PORT, type SimNode } from './node.js';
import type { Village } from './village.js';
import { Visit } from './visit.js';
import { WALL_START } from './world.js';

const PORT = 45_000;
const DAY_MS = 86_400_000;

/** One word, by the admin. `expired`: for an hour it has been of no use. */
export function inviteWord(village: Village, expired = false): string {
  const { admin, people } = village;
  const { roster, signer } = admin.brain;
  const at = Math.max(admin.times().wall, roster.newestIssue) - (expired ? 7_200_000 : 0);
  const doors = village.alive().filter((node) => village.isOpen(node));
  const made = makeInvite(roster, signer, {
    name: `guest${village.world.events}`,
    roles: ['tracker', 'relay'],
    ttl: expired ? 60_000 : DAY_MS,
    at,
    endpoints: doors.map(({ id, host }) => ({
      nodeKey: village.keyOf(id),
      endpoint: { address: host.address, port: LISTEN_PORT },
    })),
    random: (bytes) => admin.random.bytes(bytes),
    crypto: people.crypto,
  });
  if (made === undefined) throw new RangeError('the admin is none');
  admin.learn(made.statements);
  return made.word;
}

/** What came of it, in the end; a reason's code where it is refused. */
export type Joined = Readonly<{ node: SimNode; outcome: DoorOutcome['kind'] | string }>;

/** `node` must be a guest that does not run; it begins where it is let in. */
export function join(
  village: Village,
  node: SimNode,
  word: string,
  done: (joined: Joined) => void,
): void {
  const { crypto } = village.people;
  const decoded = decodeInvite(word, crypto);
  if ('problem' in decoded) throw new RangeError(`"word" is no invite: ${decoded.problem.text}`);
  const { invite } = decoded;
  const { signer } = village.personOf(node);
  const visit = new Visit(node, PORT, {
    meshKey: invite.meshKey,
    doors: invite.endpoints,
    node: node.id,
    statements: enrol(invite, signer, crypto),
    sign: (hash) => signShow(signer, hash),
  });
  node.host.up = true;
  node.host.receive = (port, bytes, from) => {
    if (port === PORT) visit.receive(bytes, from);
  };
  visit.start((outcome) => {
    node.host.receive = () => {};
    if (outcome.kind === 'welcome') enter(village, node, outcome);
    const why = outcome.kind === 'unwelcome' ? outcome.reason : outcome.kind;
    village.world.note(`${node.name} at the door: ${why}`);
    done({ node, outcome: why });
  });
}

function enter(
  village: Village,
  node: SimNode,
  { frame, by }: Extract<DoorOutcome, { kind: 'welcome' }>,
): void {
  const { people, world } = village;
  const { signer } = village.personOf(node);
  const roster = new Roster(people.meshKey, { interner: people.roster.interner });
  roster.add(frame.statements);
  if (roster.member(node.id) === undefined)
    world.fail(`${node.name} was welcomed, and is no member: ${roster.whyNot(node.id)}`);
  const at = Math.max(WALL_START, roster.newestIssue);
  roster.add([ownProfile(roster, signer, {}, at)]);
  for (const { id, bytes } of roster.statements()) node.disk.statements.set(id, bytes);
  const inviter = village.nodes.find(({ id }) => village.keyOf(id).every((b, i) => b === by[i]));
  village.welcomed.set(node, inviter);
  village.begin(node, inviter);
}
