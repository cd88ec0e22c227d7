// Knocking at the door of a mesh, on real sockets: `kith join`.

import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import type { Endpoint } from '../bytes/address.js';
import { family, formatEndpoint, type Place } from '../bytes/address.js';
import { Failure } from '../commands/failure.js';
import { PrivateKey } from '../crypto/x25519.js';
import { enrol } from '../identity/door.js';
import { EpochKeys } from '../identity/epochkeys.js';
import type { Invite } from '../identity/invite.js';
import { idOf } from '../identity/nodeid.js';
import { sentenceOf } from '../identity/reasons.js';
import type { Roster } from '../identity/roster.js';
import type { Identity } from '../identity/seed.js';
import { signShow } from '../identity/show.js';
import { DoorClient, type DoorClientOptions, type DoorOutcome } from '../mesh/doorclient.js';

export type Welcome = Readonly<{
  statements: readonly Uint8Array[];
  by: Uint8Array; // the node key of the member that let us in
  endpoint: Endpoint; // where it answered
}>;

const FAMILIES = ['udp4', 'udp6'] as const;
const PAUSE_MAX_MS = 100; // datagrams come in between; this is how late a deadline may be noticed

/** Throws Failure that says why not. */
export async function knock(
  invite: Invite,
  identity: Identity,
  random: (bytes: number) => Uint8Array,
): Promise<Welcome> {
  const { meshKey, endpoints: doors } = invite;
  const { signer } = identity;
  const shown = { meshKey, doors, node: idOf(identity.nodeKey), statements: enrol(invite, signer) };
  const sign = (hash: Uint8Array) => signShow(signer, hash);
  return read(await standAtDoor({ ...shown, sign, random }), invite);
}

/** `silence`, too, where `signal` ends it before. */
export async function standAtDoor(
  options: Omit<DoorClientOptions, 'slotFor' | 'send'>,
  signal?: AbortSignal,
): Promise<DoorOutcome> {
  const sockets = await openSockets();
  const times = () => ({ now: performance.now(), wall: Date.now() });
  const client = new DoorClient({
    ...options,
    slotFor: ({ address }) => (family(address) === 4 ? 0 : 1),
    send: (datagram, { slot, endpoint }) => {
      // An endpoint that cannot be reached from here is as one that does not answer.
      sockets[slot]?.send(datagram, endpoint.port, endpoint.address, () => {});
    },
  });
  try {
    for (const [slot, socket] of sockets.entries())
      socket?.on('message', (bytes, from) => {
        const endpoint = { address: from.address, port: from.port };
        const place: Place = { slot, endpoint, source: null, channel: 0 };
        client.outside(new Uint8Array(bytes), place, times());
      });
    client.start(times());
    while (client.outcome === undefined && !signal?.aborted) {
      await pause(
        Math.min(PAUSE_MAX_MS, Math.max(1, (client.deadline() ?? 0) - performance.now())),
      );
      client.tick(times());
    }
    return client.outcome ?? { kind: 'silence' };
  } finally {
    client.close();
    for (const socket of sockets) socket?.close();
  }
}

/** What in a welcome is no statement, but the rendezvous key for us. */
export function sharesIn(welcome: Welcome, roster: Roster, identity: Identity): Uint8Array[] {
  const privateKey = new PrivateKey(identity.privateKey.bytes.slice());
  const keys = new EpochKeys(roster, identity.signer, privateKey);
  const shares = welcome.statements.filter((bytes) => keys.take(bytes));
  privateKey.wipe();
  return shares;
}

function read(outcome: DoorOutcome, invite: Invite): Welcome {
  switch (outcome.kind) {
    case 'welcome':
      return {
        statements: outcome.frame.statements,
        by: outcome.by,
        endpoint: outcome.endpoint,
      };
    case 'unwelcome':
      throw new Failure(sentenceOf(outcome.reason));
    case 'mute':
      throw new Failure('a member answered, but did not say whether we are welcome: try again');
    case 'silence': {
      const tried = invite.endpoints.map(({ endpoint }) => formatEndpoint(endpoint));
      if (tried.length === 0)
        throw new Failure('the invite names no endpoint: make one on a node that can be reached');
      throw new Failure(
        `nobody answered at ${tried.join(' or ')}: see whether the agent runs there, and whether ` +
          'UDP gets through from here',
      );
    }
  }
}

/** One for each family; undefined where this machine has none of it. */
async function openSockets(): Promise<(Socket | undefined)[]> {
  return Promise.all(
    FAMILIES.map(
      (type) =>
        new Promise<Socket | undefined>((resolve) => {
          const socket = createSocket({ type, ipv6Only: type === 'udp6' });
          socket.once('error', () => resolve(undefined));
          socket.bind(0, () => {
            socket.on('error', () => {}); // ICMP errors: the member may answer elsewhere
            resolve(socket);
          });
        }),
    ),
  );
}
