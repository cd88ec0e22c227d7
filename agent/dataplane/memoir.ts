// What a worker has to be told that starts while others are at work: the orders that still hold.

import type { Place } from '../bytes/address.js';
import type { PeerId, SessionId } from '../wireguard/effects.js';
import type { KeylessSession, WorkerOrder } from './clerk.js';

type PeerRow = { roams: boolean; member: boolean; place: Place | null; session: SessionId | null };

export class Memoir {
  private readonly peers = new Map<PeerId, PeerRow>();
  private readonly sessions = new Map<SessionId, KeylessSession>();
  private readonly single = new Map<string, WorkerOrder>(); // kinds of which the last one holds

  note(order: WorkerOrder): void {
    switch (order.kind) {
      case 'peer': {
        const row = { roams: order.roams, member: false, place: null, session: null };
        this.peers.set(order.peer, row);
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
        if (row && order.kind === 'place') row.place = order.place;
        if (row && order.kind === 'use') row.session = order.session;
        return;
      }
      case 'begin':
        this.sessions.set(order.session.id, order.session);
        return;
      case 'end':
        this.sessions.delete(order.session);
        return;
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
    for (const [peer, { roams, member, place }] of this.peers) {
      yield { kind: 'peer', peer, roams };
      if (member) yield { kind: 'member', peer, member };
      if (place) yield { kind: 'place', peer, place };
    }
    for (const session of this.sessions.values()) yield { kind: 'begin', session };
    for (const [peer, { session }] of this.peers) {
      if (session !== null) yield { kind: 'use', peer, session };
    }
  }
}
