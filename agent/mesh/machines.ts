// The machines of the mesh as Mesh (mesh.ts) drives them: one interface each, so that they can be
// built and tested apart.

import type { Address, Endpoint, Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Circuit, MeshEffect, Met, Times } from './effects.js';
import type { FrameOf } from './frame.js';
import type { Candidate, NatKind } from './ground.js';

export interface Machine {
  tick(at: Times, out: MeshEffect[]): void;
  /** When to tick; undefined: nothing is due. Cheap: asked after every event. */
  deadline(): Millis | undefined;
}

/** Where each member is reached: candidates raced, paths proven, scored, left (path.ts). */
export interface PathMachine extends Machine {
  /** A session is wanted, or a better path: begins, or goes on, with what is known. */
  want(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** Somewhere it may be. `urgent`: it has been told of us too, punch now. */
  learn(
    node: NodeId,
    candidates: readonly Candidate[],
    nat: NatKind,
    urgent: boolean,
    at: Times,
    out: MeshEffect[],
  ): void;
  /** A relay channel to it is open (`place`), or gone (null). */
  relayed(node: NodeId, via: NodeId, place: Place | null, at: Times, out: MeshEffect[]): void;
  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void;
  onLost(node: NodeId, at: Times, out: MeshEffect[]): void; // no session is in use any more
  onProbe(
    node: NodeId,
    frame: FrameOf<'probe'>,
    from: Place,
    bytes: number,
    at: Times,
    out: MeshEffect[],
  ): void;
  onProbeAck(
    node: NodeId,
    frame: FrameOf<'probe-ack'>,
    from: Place,
    at: Times,
    out: MeshEffect[],
  ): void;
  /** Authentic, but not from a proven place. */
  onSeen(node: NodeId, place: Place, at: Times, out: MeshEffect[]): void;
  /** User traffic began after calm; until `onCalm` it is looked after each second or sooner. */
  onActive(node: NodeId, at: Times, out: MeshEffect[]): void;
  onCalm(node: NodeId): void;
  /** Our addresses changed, or our way out: everything is proven anew. */
  onMoved(at: Times, out: MeshEffect[]): void;
  forget(node: NodeId, out: MeshEffect[]): void;
  /** The path in use. */
  view(node: NodeId): PathView;
  /** The proven direct place of it, for those who relay and track through it. */
  direct(node: NodeId): Place | undefined;
}

export type PathView = Readonly<{
  class: 'direct' | 'relay' | 'none';
  via: NodeId | null;
  place: Place | null;
  rttMs: number | null;
  mtu: number | null;
  /** Why it is not direct; null where it is. */
  reason: PathReasonView | null;
}>;

export type PathReasonView = Readonly<{ code: string; evidence: string; advice: string }>;

/** Our own candidates: what we are told of ourselves from outside and inside (candidates.ts). */
export interface Whereabouts extends Machine {
  /** Local addresses on which the listen port is open, of links that are up. */
  onLocal(addresses: readonly Address[], port: number, at: Times, out: MeshEffect[]): void;
  onPortMapping(endpoint: Endpoint | null, at: Times, out: MeshEffect[]): void;
  /** `by` saw us at `endpoint`. */
  onObserved(by: NodeId, endpoint: Endpoint, at: Times, out: MeshEffect[]): void;
  readonly nat: NatKind;
  readonly candidates: readonly Candidate[];
  /** Our signed record, made anew when something changed. */
  record(at: Times): Uint8Array;
}

/** Asks trackers, and keeps sessions with our own (trackers.ts); serves as one (tracking.ts). */
export interface TrackerMachine extends Machine {
  /** Where is it? Asks its trackers; what they say goes to PathMachine.learn. */
  find(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** Of a node, best first; those that said `busy` or are away give way to the next in order. */
  trackersOf(node: NodeId): readonly NodeId[];
  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void;
  onLost(node: NodeId, at: Times, out: MeshEffect[]): void;
  onFrame(node: NodeId, frame: TrackerFrame, from: Place, at: Times, out: MeshEffect[]): void;
  /** Our record changed: registered anew. */
  onRecord(at: Times, out: MeshEffect[]): void;
  /** It is no member any more. */
  forget(node: NodeId): void;
  readonly tracked: number; // members that are registered with us
}
export type TrackerFrame = FrameOf<
  | 'register'
  | 'registered'
  | 'lookup'
  | 'found'
  | 'introduce'
  | 'echo'
  | 'echoed'
  | 'unregister'
  | 'moved'
  | 'bye'
>;

/** Who is reachable by anybody: found out, attested, gossiped (reach.ts). */
export interface ReachMachine extends Machine {
  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void;
  /** We sent something there: what comes from there now is no proof that we are reachable. */
  onSent(to: Address, now: Millis): void;
  onFrame(node: NodeId, frame: ReachFrame, at: Times, out: MeshEffect[]): void;
  /** From an invite: believed until shown otherwise. */
  believe(node: NodeId, endpoint: Endpoint, at: Times): void;
  /** It was tried there for a minute, in vain. */
  onFailed(node: NodeId, at: Times): void;
  /** Our own candidates changed: what we said of our endpoint may be no longer true. */
  onCandidates(at: Times, out: MeshEffect[]): void;
  /** The roster has changed about it: come, gone, or with other roles. */
  onMember(node: NodeId, at: Times): void;
  /** Where it is held to be reachable. */
  endpointOf(node: NodeId): Endpoint | undefined;
  /** All that are held to be reachable now (up for long enough), ourselves included. */
  reachable(): readonly Readonly<{ node: NodeId; endpoint: Endpoint }>[];
  records(): readonly Uint8Array[];
}
export type ReachFrame = FrameOf<
  'check' | 'knock-at' | 'attest-me' | 'attestation' | 'reachable' | 'ask-reachable'
>;

/** Relay channels, taken (channels.ts) and given (relay.ts). */
export interface ChannelMachine extends Machine {
  /** A way to it through somebody: asks those that may relay, in the order of trackersOf. */
  open(to: NodeId, at: Times, out: MeshEffect[]): void;
  close(to: NodeId, at: Times, out: MeshEffect[]): void;
  /** Nothing comes through `via`: another way is opened, if there is one. */
  suspect(to: NodeId, via: NodeId, at: Times, out: MeshEffect[]): void;
  onMet(node: NodeId, at: Times, out: MeshEffect[]): void;
  onLost(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** The relay is reached elsewhere now: the places of its channels follow. */
  onMoved(relay: NodeId, at: Times, out: MeshEffect[]): void;
  onFrame(node: NodeId, frame: ChannelFrame, at: Times, out: MeshEffect[]): void;
  /** It is no member any more. */
  forget(node: NodeId, at: Times, out: MeshEffect[]): void;
  /** It sent something on a channel that the workers know nothing of. */
  onUnknown(node: NodeId, channel: number, out: MeshEffect[]): void;
  /** The workers' count: inner bytes of each circuit, and when it last carried something. */
  onMetered(counts: readonly Metered[], at: Times, out: MeshEffect[]): void;
  readonly circuits: readonly Circuit[]; // that we relay
  readonly given: number; // bytes relayed for others this month
  readonly taken: ReadonlyMap<NodeId, number>; // bytes by relay, as we count them
}
export type Metered = Readonly<{ channel: number; bytes: number; lastAt: Millis }>;
export type ChannelFrame = FrameOf<
  'open' | 'opened' | 'refused' | 'offer' | 'close' | 'gone' | 'usage'
>;

/** Spreads statements and revocations (gossip.ts). */
export interface GossipMachine extends Machine {
  onMet(node: NodeId, at: Times, out: MeshEffect[]): void;
  onLost(node: NodeId): void;
  onFrame(node: NodeId, frame: GossipFrame, at: Times, out: MeshEffect[]): void;
  /** Statements that are new here, and are to be told to all we have a session with. */
  tell(statements: readonly Uint8Array[], except: NodeId | null, out: MeshEffect[]): void;
}
export type GossipFrame = FrameOf<'digest' | 'ranges' | 'fetch' | 'statements'>;

/** Post-quantum keys between members (kem.ts). */
export interface KemMachine extends Machine {
  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void;
  onFrame(
    node: NodeId,
    frame: FrameOf<'kem-key' | 'kem-box' | 'kem-done'>,
    at: Times,
    out: MeshEffect[],
  ): void;
  forget(node: NodeId): void;
}
