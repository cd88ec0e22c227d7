// The mesh of one simulated node: the agent's own, on the ground that a machine in virtual time is.

import { Roster } from '../../agent/identity/roster.js';
import { buildMesh } from '../../agent/mesh/house.js';
import type { Brain } from './brain.js';
import { LISTEN_PORT, type SimNode } from './node.js';
import type { People, Person } from './people.js';

const MTU = 1_420;

/** `guest`: all that it knows of the mesh it was told at the door. */
export function assemble(node: SimNode, person: Person, people: People, guest: boolean): Brain {
  const { interner } = people.roster;
  const roster = guest ? new Roster(people.meshKey, { interner }) : people.roster.fork();
  roster.add([...node.disk.statements.values()]);
  const mesh = buildMesh({
    roster,
    signer: person.signer,
    crypto: people.crypto,
    random: (bytes) => node.random.bytes(bytes),
    traffic: (other) => node.traffic(other),
    slotFor: ({ address }) => (address.includes(':') ? 1 : 0),
    isSynchronised: () => node.synchronised,
    isForbidden: (address) => address.startsWith('127.'),
    port: () => LISTEN_PORT,
    mtuMax: MTU,
    share: () => ({ relay: true, quotaBytes: null }),
    remembered: (other) => node.disk.remembered.get(other),
    rowsForAll: people.persons.length <= ROWS_MAX,
  });
  return {
    mesh,
    roster,
    signer: person.signer,
    privateKey: person.privateKey(),
    publicKeyOf: (other) => roster.member(other)?.publicKey,
    nodeOf: (publicKey) => people.nodeOf(publicKey),
    addressOf: (other) => roster.member(other)?.addresses[0]?.address,
    nameOf: (statement) => roster.interner.parse(statement)?.id ?? '',
  };
}

const ROWS_MAX = 200; // members for whom every node keeps a row from the start
