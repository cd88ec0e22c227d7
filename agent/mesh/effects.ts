// What the mesh machine asks of the world, and what the world tells it.
//
// The mesh decides *where* a member is reached and *that* a session is wanted; the WireGuard
// machine makes the session; the workers move packets. Members are named by their node key.

import type { Endpoint, Place, Prefix } from '../bytes/address.js';
import type { NodeId, StatementId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Frame } from './frame.js';

/** Now on both clocks: monotonic, and Unix time; milliseconds. */
export type Times = Readonly<{ now: Millis; wall: Millis }>;

/** A newcomer's handshake with the door key; its number lasts as long as it may stand there. */
export type PorchId = number;

export type MeshEffect = Readonly<
  // Members in the tunnel
  | { kind: 'peer'; node: NodeId } // a row for it; it does not roam, and may send control frames
  | { kind: 'peer-gone'; node: NodeId } // keys wiped, all forgotten
  | { kind: 'allowed'; node: NodeId; prefixes: readonly Prefix[] } // all of them, replacing
  /** A new handshake: the same initiation to all of these, each 250 ms for 2 s or until met.
   *  Another one within these 2 s only adds its places. */
  | { kind: 'knock'; node: NodeId; places: readonly Place[]; trial?: true } // or is it reachable?
  /** Packets for it go to `place`; while `second` is set, a copy of each goes there too. */
  | { kind: 'place'; node: NodeId; place: Place | null; second: Place | null }
  /** Sealed with the session in use. `at`: out there, whatever its place. `pad`: inner bytes. */
  | { kind: 'frame'; node: NodeId; frame: Frame; at?: Place; pad?: number }
  | { kind: 'keepalive'; node: NodeId } // an empty packet in the session in use: keeps a NAT open
  | { kind: 'preshared'; node: NodeId; keys: PresharedKeys }
  | { kind: 'mtu'; node: NodeId; mtu: number } // proven: largest packet inside the tunnel
  /** It may not have heard of us: show our chain at its door, at one of these (doorclient.ts). */
  | { kind: 'visit'; node: NodeId; endpoints: readonly Endpoint[] }
  // The porch
  | { kind: 'porch-frame'; porch: PorchId; frame: Frame }
  | { kind: 'porch-close'; porch: PorchId } // after what was to be sent is sent
  // Relaying for others: two legs make a circuit, whatever comes in on one leaves on the other
  | { kind: 'circuit'; circuit: Circuit }
  | { kind: 'circuit-gone'; channel: number } // either channel of it
  /** A channel by which somebody may reach us (it was offered); or no more. */
  | { kind: 'leg'; channel: number }
  | { kind: 'leg-gone'; channel: number }
  // Sockets beside the two of the listen port, for punching; slots 2 to 39
  | { kind: 'slot-open'; slot: number; family: 4 | 6 }
  | { kind: 'slot-close'; slot: number }
  // What lasts
  | { kind: 'keep'; statement: Uint8Array }
  | { kind: 'discard'; statement: StatementId }
  | { kind: 'remember'; node: NodeId; endpoint: Endpoint } // last proven, for after a restart
  // What others may read: this node's sealed record has changed (LAN, MQTT)
  | { kind: 'publish'; record: Uint8Array }
  /** Something a person may want to know; `code` for programs. No addresses of users' traffic. */
  | { kind: 'note'; code: string; node?: NodeId; text: string }
>;

/** WireGuard's pre-shared keys for handshakes with a member (design: "Post-quantum"). */
export type PresharedKeys = Readonly<{
  /** As initiator: `send`. The response is tried with these in turn: new, old, zero. */
  initiate: readonly Uint8Array[];
  /** As responder. */
  respond: Uint8Array;
}>;

export type Circuit = Readonly<{
  opener: NodeId; // billed
  openerChannel: number; // u32, nonzero, random: on the opener's leg
  other: NodeId;
  otherChannel: number;
}>;

/** A session came to be used. */
export type Met = Readonly<{
  initiator: boolean; // the handshake was ours
  from: Place; // where the other side's part of the handshake came from
  hash: Uint8Array; // 32 bytes: the handshake hash, for channel binding
  bare: boolean; // made with a zero pre-shared key
}>;
