// Handshake datagrams on their way to their peer: what is not ours, not admitted, a copy of what
// was answered already, or from nobody we know, ends here.

import type { Place } from '../bytes/address.js';
import { mac1Of } from './answers.js';
import type { Effect } from './effects.js';
import { type Arrival, type DeviceDrop, Gate } from './gate.js';
import type { Ground, Times } from './ground.js';
import { type OpenedInitiation, openInitiation } from './handshake.js';
import { type HandshakeMessage, type Initiation, readHandshakeMessage } from './messages.js';
import type { Peer } from './peer.js';
import type { Door } from './porch.js';

export type Household = Readonly<{
  peerOf: (publicKey: Uint8Array) => Peer | undefined;
  /** Asked once more afterwards: it may have become a peer. */
  onStranger: (publicKey: Uint8Array) => void;
  /** A new peer on the porch; undefined where there is no row left. */
  admit: (publicKey: Uint8Array, out: Effect[]) => Peer | undefined;
  /** Its deadline may be another now. */
  note: (peer: Peer) => void;
}>;

/** An initiation as it came. */
type Sight = Readonly<{ from: Place; mac1: string }>;

export class Reception {
  private gate: Gate | undefined;

  constructor(
    private readonly ground: Ground,
    private readonly door: Door,
    private readonly household: Household,
  ) {}

  setIdentity(publicKey: Uint8Array | null): void {
    this.gate?.wipe();
    this.ground.answers.forget();
    this.gate = publicKey === null ? undefined : new Gate(publicKey, this.ground.random);
  }

  /** Undefined, or why it was dropped. */
  receive(arrival: Arrival, underLoad: boolean, at: Times, out: Effect[]): DeviceDrop | undefined {
    const { ground } = this;
    const message = readHandshakeMessage(arrival.datagram);
    if (message === undefined) return 'malformed';
    if (this.gate === undefined || !ground.up) return 'down';
    const sight = { from: arrival.from, mac1: '' };
    if (message.kind === 'initiation') {
      sight.mac1 = mac1Of(arrival.datagram);
      if (ground.answers.repeat(sight.mac1, arrival.from, at.now, out)) return undefined;
    } else if (!ground.indices.get(message.receiver)) {
      return 'unknown-index'; // before a cookie reply: garbage is not worth one
    }
    if (underLoad && message.kind !== 'cookie-reply') {
      const refused = this.gate.refuse(message, arrival, at.now, out);
      if (refused !== undefined) return refused;
    }
    return this.accept(message, sight, at, out);
  }

  private accept(
    message: HandshakeMessage,
    sight: Sight,
    at: Times,
    out: Effect[],
  ): DeviceDrop | undefined {
    if (message.kind === 'initiation') return this.acceptInitiation(message, sight, at, out);
    const peer = this.ground.indices.get(message.receiver);
    if (peer === undefined) return 'unknown-index';
    if (message.kind === 'cookie-reply') return peer.takeCookie(message, at.now);
    const drop = peer.finish(message, sight.from, at, out);
    this.household.note(peer);
    return drop;
  }

  private acceptInitiation(
    message: Initiation,
    sight: Sight,
    at: Times,
    out: Effect[],
  ): DeviceDrop | undefined {
    const { identity } = this.ground;
    const opened = identity && openInitiation(identity, message);
    if (opened === undefined) return 'not-for-us';
    const { household, door } = this;
    let peer = household.peerOf(opened.publicKey);
    const isDoor = peer === undefined && door.isKey(opened.publicKey);
    if (peer === undefined && !isDoor) {
      household.onStranger(opened.publicKey);
      peer = household.peerOf(opened.publicKey);
    }
    const drop = isDoor
      ? this.letIn(opened, sight, at, out)
      : peer === undefined
        ? 'stranger'
        : peer.respond(opened, sight, at, out);
    if (drop !== undefined) opened.wipe();
    if (peer !== undefined) household.note(peer);
    return drop;
  }

  private letIn(
    opened: OpenedInitiation,
    sight: Sight,
    at: Times,
    out: Effect[],
  ): DeviceDrop | undefined {
    const { door, household } = this;
    const peer = door.isOpen(at.now) ? household.admit(opened.publicKey, out) : undefined;
    if (peer === undefined) return 'porch-full';
    door.enter(peer.id, at.now);
    const drop = peer.respond(opened, sight, at, out);
    household.note(peer); // one that is refused goes when its time is up
    return drop;
  }
}
