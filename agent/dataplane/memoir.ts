// What a worker has to be told that starts while others are at work: the orders that still hold.

import type { Place } from '../bytes/address.js';
import type { PeerId, SessionId } from '../wireguard/effects.js';
import type { NumberedCircuit } from './circuits.js';
import type { KeylessSession, WorkerOrder } from './clerk.js';
import { CIRCUIT_LEGS, LEGS_MAX } from './layout.js';

const LEGS = LEGS_MAX - CIRCUIT_LEGS;

type PeerRow = {
  roams: boolean;
  member: boolean;
  place: Place | null;
  second: Place | null;
  session: SessionId | null;
};

export class Memoir {
  private readonly peers = new Map<PeerId, PeerRow>();
  private readonly sessions = new Map<SessionId, KeylessSession>();
  private readonly legs = new Set<number>();
  private readonly circuits = new Map<number, NumberedCircuit>();
  private readonly single = new Map<string, WorkerOrder>(); // kinds of which the last one holds

  note(order: WorkerOrder): void {
    switch (order.kind) {
      case 'peer': {
        const row = { member: false, place: null, second: null, session: null };
        this.peers.set(order.peer, { ...row, roams: order.roams });
        return;
      }
      case 'peer-gone':
        this.peers.delete(order.peer);
        return;
      case 'member':
      case 'place':
      case 'use': {
        const row = this.peers.get(order.peer);
        if (row && order.kind === 'member') row.member = order.member;
        if (row && order.kind === 'place') {
          row.place = order.place;
          if (order.second !== undefined) row.second = order.second;
        }
        if (row && order.kind === 'use') row.session = order.session;
        return;
      }
      case 'begin':
        this.sessions.set(order.session.id, order.session);
        return;
      case 'end':
        this.sessions.delete(order.session);
        return;
      case 'leg':
        this.legs.delete(order.channel);
        this.legs.add(order.channel);
        if (this.legs.size > LEGS) this.legs.delete(first(this.legs));
        return;
      case 'leg-gone':
        this.legs.delete(order.channel);
        return;
      case 'circuit':
        this.circuits.set(order.number, order);
        return;
      case 'circuit-gone':
        this.circuits.delete(order.number);
        return;
      case 'share':
      case 'mtu':
      case 'identity':
        this.single.set(order.kind, order);
        return;
    }
  }

  /** Where a peer has roamed to. */
  moved(peer: PeerId, place: Place): void {
    const row = this.peers.get(peer);
    if (row) row.place = place;
  }

  *orders(): Generator<WorkerOrder> {
    yield* this.single.values();
    for (const [peer, { roams, member, place, second }] of this.peers) {
      yield { kind: 'peer', peer, roams };
      if (member) yield { kind: 'member', peer, member };
      if (place) yield { kind: 'place', peer, place, second };
    }
    for (const channel of this.legs) yield { kind: 'leg', channel };
    yield* this.circuits.values();
    for (const session of this.sessions.values()) yield { kind: 'begin', session };
    for (const [peer, { session }] of this.peers) {
      if (session !== null) yield { kind: 'use', peer, session };
    }
  }
}

function first(channels: ReadonlySet<number>): number {
  for (const channel of channels) return channel;
  return 0;
}
