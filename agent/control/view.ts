// From what the device counts to what people and programs are shown.

import { formatEndpoint, formatPrefix } from '../bytes/address.js';
import { encodeKey } from '../bytes/base64.js';
import type { PathReason, PathStatus, PeerStatus } from '../commands/context.js';
import { formatSeconds } from '../commands/table.js';
import type { Config, Peer } from '../config/schema.js';
import type { PeerState } from '../wireguard/configuration.js';
import type { MemberStatus } from './ports.js';

// A session is replaced after 120 s of use and refused after 180 s: with a younger handshake there
// is a way to the peer, with an older one nobody has tried.
export const SESSION_S = 180;

/**
 * Members of the mesh, then peers in the order of the configuration; those that `wg set` added come
 * last, without a name.
 */
export function peerStatuses(
  config: Config,
  states: readonly PeerState[],
  members: readonly MemberStatus[],
  wallSeconds: number,
  nameError: (publicKey: string) => string | undefined,
): PeerStatus[] {
  const byKey = new Map(states.map((state) => [encodeKey(state.publicKey), state]));
  const inMesh = members.map((member) => {
    const state = byKey.get(member.publicKey);
    byKey.delete(member.publicKey);
    return memberStatus(member, state);
  });
  const configured = config.peers.map((peer) => {
    const state = byKey.get(peer.publicKey);
    byKey.delete(peer.publicKey);
    return peerStatus(peer, state, config, wallSeconds, nameError(peer.publicKey));
  });
  const foreign = [...byKey].map(([publicKey, state]) =>
    peerStatus({ name: publicKey.slice(0, 8), publicKey }, state, config, wallSeconds, undefined),
  );
  return [...inMesh, ...configured, ...foreign];
}

function memberStatus(member: MemberStatus, state: PeerState | undefined): PeerStatus {
  const { name, publicKey, endpoint, path } = member;
  const last = state?.lastHandshake ?? 0;
  return {
    name,
    publicKey,
    addresses: state?.allowedIps.map(formatPrefix) ?? [],
    endpoint,
    path,
    lastHandshake: last > 0 ? Math.floor(last) : null,
    rxBytes: state?.receivedBytes ?? 0,
    txBytes: state?.sentBytes ?? 0,
  };
}

type KnownPeer = Pick<Peer, 'name' | 'publicKey'> & Partial<Peer>;

function peerStatus(
  peer: KnownPeer,
  state: PeerState | undefined,
  config: Config,
  wallSeconds: number,
  nameError: string | undefined,
): PeerStatus {
  const last = state?.lastHandshake ?? 0;
  return {
    name: peer.name,
    publicKey: peer.publicKey,
    addresses: state?.allowedIps.map(formatPrefix) ?? peer.allowedIps ?? [],
    endpoint: state?.endpoint ? formatEndpoint(state.endpoint) : null,
    path: pathStatus(peer, state, config.interface.mtu, wallSeconds, nameError),
    lastHandshake: last > 0 ? Math.floor(last) : null,
    rxBytes: state?.receivedBytes ?? 0,
    txBytes: state?.sentBytes ?? 0,
  };
}

function pathStatus(
  peer: KnownPeer,
  state: PeerState | undefined,
  mtu: number,
  wallSeconds: number,
  nameError: string | undefined,
): PathStatus {
  const last = state?.lastHandshake ?? 0;
  const age = wallSeconds - last;
  if (last > 0 && age < SESSION_S)
    return { class: 'direct', via: null, rttMs: null, mtu, reason: null };
  const reason = last > 0 ? agedReason(age, state) : neverReason(peer, state, nameError);
  return { class: 'none', via: null, rttMs: null, mtu: null, reason };
}

function agedReason(age: number, state: PeerState | undefined): PathReason {
  const evidence = `the last handshake was ${formatSeconds(age)} ago`;
  if ((state?.keepalive ?? 0) === 0)
    return { code: 'idle', evidence, advice: 'The next packet brings a new one.' };
  return {
    code: 'silent',
    evidence: `${evidence}, though keepalives are sent`,
    advice: 'See whether it is up, and whether UDP passes between here and there.',
  };
}

function neverReason(
  peer: KnownPeer,
  state: PeerState | undefined,
  nameError: string | undefined,
): PathReason {
  if (nameError !== undefined)
    return {
      code: 'name-unresolved',
      evidence: `its endpoint ${peer.endpoint ?? ''} has no address (${nameError})`,
      advice: 'See whether the name is right and DNS works here; it is asked for again.',
    };
  if (!state?.endpoint)
    return {
      code: 'no-endpoint',
      evidence: 'it has not spoken to this node yet, and no endpoint of it is known',
      advice: `Switch it on there, or: kith config set peers.${peer.name}.endpoint HOST:PORT`,
    };
  return {
    code: 'no-handshake',
    evidence: `${formatEndpoint(state.endpoint)} has answered no handshake yet`,
    advice: 'See whether something was sent to it, UDP passes, and each has the key of the other.',
  };
}
