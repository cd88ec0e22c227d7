// The mesh of one simulated node: the agent's own, on the ground that a machine in virtual time is.

import { buildMesh } from '../../agent/mesh/house.js';
import type { Brain } from './brain.js';
import { LISTEN_PORT, type SimNode } from './node.js';
import type { People, Person } from './people.js';

const MTU = 1_420;

export function assemble(node: SimNode, person: Person, people: People): Brain {
  const roster = people.roster.fork();
  roster.add([...node.disk.statements.values()]);
  const mesh = buildMesh({
    roster,
    signer: person.signer,
    crypto: people.crypto,
    random: (bytes) => node.random.bytes(bytes),
    traffic: (other) => node.traffic(other),
    slotFor: ({ address }) => (address.includes(':') ? 1 : 0),
    isSynchronised: () => true,
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
    privateKey: person.privateKey(),
    publicKeyOf: (other) => roster.member(other)?.publicKey,
    nodeOf: (publicKey) => people.nodeOf(publicKey),
    addressOf: (other) => roster.member(other)?.addresses[0]?.address,
    nameOf: (statement) => roster.interner.parse(statement)?.id ?? '',
  };
}

const ROWS_MAX = 200; // members for whom every node keeps a row from the start
