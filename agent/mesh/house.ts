// Builds the mesh of a node: all machines, the ground they stand on, and what they ask of each
// other. The only file that knows all of them.

import { type Address, type Endpoint, type Prefix, prefixContains } from '../bytes/address.js';
import { type Ed25519, ed25519, type Signer } from '../crypto/ed25519.js';
import type { Kem } from '../crypto/mlkem.js';
import type { EpochKeys } from '../identity/epochkeys.js';
import type { NodeId } from '../identity/member.js';
import { MeshClock } from '../identity/meshtime.js';
import { idOf } from '../identity/nodeid.js';
import { meshPrefix } from '../identity/overlay.js';
import { SignedRecords } from '../identity/records.js';
import type { Added, Roster } from '../identity/roster.js';
import type { Traffic } from '../wireguard/effects.js';
import { OwnWhereabouts } from './candidates.js';
import { Channels } from './channels.js';
import { doorkeeper } from './doorkeeper.js';
import type { MeshEffect, Times } from './effects.js';
import { FrameReaders } from './framereaders.js';
import { Gossip } from './gossip.js';
import type { Candidate, Ground } from './ground.js';
import { KemKeys } from './kem.js';
import { libraryOf, type Take } from './library.js';
import { Mesh } from './mesh.js';
import { Paths } from './path.js';
import { Porch } from './porch.js';
import { Reach } from './reach.js';
import type { Ledger, Share } from './relay.js';
import { Rendezvous } from './rendezvous.js';
import { Sights } from './sights.js';
import { Silence } from './silence.js';
import { Trackers } from './trackers.js';
import { Visitor } from './visitor.js';

const UNFIT: readonly Prefix[] = [
  { address: '0.0.0.0', length: 8 },
  { address: '127.0.0.0', length: 8 },
  { address: '224.0.0.0', length: 3 },
  { address: '::', length: 127 },
  { address: 'ff00::', length: 8 },
];

export type Machines = Readonly<{
  paths: Paths;
  whereabouts: OwnWhereabouts;
  trackers: Trackers;
  reach: Reach;
  channels: Channels;
  gossip: Gossip;
  kem: KemKeys;
  porch: Porch;
  sights: Sights;
  visitor: Visitor;
  silence: Silence;
  readers: FrameReaders;
  rendezvous: Rendezvous;
  take: Take;
}>;

export type MeshOptions = Readonly<{
  roster: Roster;
  signer: Signer; // with the node key
  crypto?: Ed25519;
  kem?: Kem; // a simulation of thousands brings a cheaper one, too
  /** For newcomers; absent where there is no rendezvous. */
  epochKeys?: EpochKeys;
  random: (bytes: number) => Uint8Array;
  traffic: (node: NodeId) => Traffic;
  slotFor: (endpoint: Endpoint) => number;
  isSynchronised: () => boolean; // the wall clock is known to be right
  /** Addresses beside those of the overlay, loopback and multicast that nobody may lead us to. */
  isForbidden?: (address: Address) => boolean;
  port: () => number; // that we listen on
  mtuMax: number; // of the TUN device
  share: () => Share;
  predictPorts?: () => boolean; // of hard NATs; default no
  ledger?: Ledger;
  remembered: (node: NodeId) => Endpoint | undefined; // from an earlier run
  configured?: readonly Endpoint[]; // forwarded to us, says the owner
  /** A row for every member from the start; else when it is first spoken with. */
  rowsForAll: boolean;
}>;

export function buildMesh(options: MeshOptions): Mesh {
  const { roster, signer } = options;
  const self = idOf(signer.key);
  const rendezvous = new Rendezvous(roster.seed);
  const readers = new FrameReaders();
  const ground = makeGround(options, self, {
    isMet: (node) => mesh.isMet(node),
    wantPath: (node, at, out) => paths.want(node, at, out),
    placeOf: (node) => paths.direct(node),
    trackersOf: (node) => trackers.trackersOf(node),
  });

  const silence = new Silence();
  const whereabouts = new OwnWhereabouts(ground, {
    configured: options.configured ?? [],
    blocked: () => silence.isTotal,
  });
  const paths: Paths = new Paths(
    ground,
    {
      find: (node, at, out) => trackers.find(node, at, out),
      relay: (node, at, out) => channels.open(node, at, out),
      suspect: (node, via, at, out) => channels.suspect(node, via, at, out),
      recall: (node) => recall(reach.endpointOf(node), options.remembered(node)),
    },
    {
      mtuMax: options.mtuMax,
      own: () => ({ nat: whereabouts.nat, port: options.port() }),
      prediction: options.predictPorts ?? (() => false),
    },
  );
  const trackers: Trackers = new Trackers({
    ground,
    rendezvous,
    learn: (...about) => paths.learn(...about),
    record: (at) => whereabouts.record(at),
    endpointOf: (node) => reach.endpointOf(node),
    unreached: (node, at) => reach.onFailed(node, at),
  });
  const reach: Reach = new Reach({
    ground,
    rendezvous,
    whereabouts,
    tracks: (node) => trackers.tracks(node),
  });
  const channels: Channels = new Channels(ground, {
    share: options.share,
    ...(options.ledger ? { ledger: options.ledger } : {}),
    relayed: (...about) => paths.relayed(...about),
  });
  const record = ({ added, discarded, changes }: Added, at: Times, out: MeshEffect[]) => {
    const fresh = added.flatMap((id) => roster.get(id) ?? []);
    for (const statement of fresh) out.push({ kind: 'keep', statement });
    for (const statement of discarded) out.push({ kind: 'discard', statement });
    mesh.change(changes, at, out);
    return fresh;
  };
  const take: Take = (statements, _from, at, out) => record(roster.add(statements), at, out);
  const gossip = new Gossip(ground, libraryOf(roster), take);
  const kem = new KemKeys(ground, options.kem);
  const porch = new Porch({
    reader: () => readers.make(),
    judge: doorkeeper({
      roster,
      signer,
      crypto: options.crypto ?? ed25519,
      meshTime: (at) => ground.meshTime(at),
      epoch: options.epochKeys && { keys: options.epochKeys, random: options.random },
      added: (added, at, out) => gossip.tell(record(added, at, out), null, out),
    }),
    reachable: () => reach.records(),
  });
  const visitor = new Visitor((node) => mesh.isMet(node));
  const machines = { paths, whereabouts, trackers, reach, channels, gossip, kem, porch, visitor };
  const sights = new Sights({ met: () => mesh.metNodes, path: (node) => paths.view(node) });
  const others = { silence, readers, rendezvous, sights, take };
  const mesh: Mesh = new Mesh(ground, { ...machines, ...others }, options.rowsForAll);
  return mesh;
}

type Neighbours = Pick<Ground, 'isMet' | 'wantPath' | 'placeOf' | 'trackersOf'>;

function makeGround(options: MeshOptions, self: NodeId, neighbours: Neighbours): Ground {
  const { roster, signer, crypto = ed25519 } = options;
  const overlay = meshPrefix(roster.meshKey);
  const clock = new MeshClock();
  return {
    self,
    roll: roster,
    records: new SignedRecords(roster.meshKey, signer, roster, crypto.verify),
    random: options.random,
    traffic: options.traffic,
    slotFor: options.slotFor,
    ...neighbours,
    meshTime: (at) => clock.time(at, options.isSynchronised(), roster.newestIssue),
    // Through the overlay to reach the overlay: a packet would go round until its hops are used up.
    isForbidden: (address) => {
      const policy = roster.policy?.ipv4;
      if (prefixContains(overlay, address) || options.isForbidden?.(address)) return true;
      return (policy !== undefined && prefixContains(policy, address)) || isUnfit(address);
    },
  };
}

/** Loopback, multicast, broadcast and what has no host (RFC 6890). */
function isUnfit(address: Address): boolean {
  return UNFIT.some((prefix) => prefixContains(prefix, address));
}

function recall(reachable: Endpoint | undefined, remembered: Endpoint | undefined) {
  const candidates: Candidate[] = [];
  if (reachable) candidates.push({ kind: 'configured', endpoint: reachable });
  if (remembered) candidates.push({ kind: 'remembered', endpoint: remembered });
  if (candidates.length === 0) return undefined;
  return { candidates, nat: reachable ? ('open' as const) : ('unknown' as const) };
}
