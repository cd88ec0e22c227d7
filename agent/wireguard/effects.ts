// What the WireGuard machine asks of the world, as data; and what it may look at.
//
// The machine never touches a packet of a user: workers seal and open with the session keys it
// hands out, and note in a shared record what they saw of each peer's traffic.

import type { Place } from '../bytes/address.js';

/** Milliseconds of the monotonic clock, fractions allowed. */
export type Millis = number;

/** A peer's number: 0 up, the lowest that is free; its row in the workers' peer table. */
export type PeerId = number;

/** A session's number: 0 up, the lowest that is free; its row in the workers' session table. */
export type SessionId = number;

/** One direction pair of transport keys (WireGuard paper, section 5.4.5), for the workers. */
export type Session = Readonly<{
  id: SessionId;
  peer: PeerId;
  localIndex: number; // u32, what the peer writes into the receiver field
  remoteIndex: number; // u32, what we write there
  sendKey: Uint8Array; // 32 bytes; whoever takes them over wipes these
  receiveKey: Uint8Array; // 32 bytes
  /** Control frames only: user packets wait for another session, and are not taken from this. */
  bare?: boolean;
  /** From this moment nothing is sealed or opened with it any more (reject after time). */
  rejectAt: Millis;
  /** A worker reports `stale` once when it seals after this moment; Infinity for the responder. */
  renewSendAt: Millis;
  /** A worker reports `stale` once when it opens after this moment; Infinity for the responder. */
  renewReceiveAt: Millis;
}>;

export type Effect = Readonly<
  | { kind: 'send'; datagram: Uint8Array; to: Place } // a handshake message or a cookie reply
  | { kind: 'peer'; peer: PeerId; roams: boolean } // a row for a new peer; roams: follow its source
  | { kind: 'peer-gone'; peer: PeerId } // forget row, what waits, and place
  | { kind: 'member'; peer: PeerId; member: boolean } // may send control frames; does not roam
  /** Where datagrams for this peer go. `second`: a copy of each user packet goes there, too. */
  | { kind: 'place'; peer: PeerId; place: Place | null; second?: Place | null }
  | { kind: 'begin'; session: Session } // open with it from now on
  | { kind: 'use'; peer: PeerId; session: SessionId | null } // seal with it; what waits goes out
  | { kind: 'end'; session: SessionId } // wipe it
  /** Seal an empty packet with the session in use. `at`: out there, whatever its place. */
  | { kind: 'keepalive'; peer: PeerId; at?: Place }
  | { kind: 'drop-waiting'; peer: PeerId } // user packets that waited in vain
  | { kind: 'heard'; peer: PeerId } // a handshake message of theirs was authentic
  | { kind: 'spoke'; peer: PeerId } // a handshake message of ours went out
  | { kind: 'calm'; peer: PeerId } // report `active` again at the next user packet, either way
  | { kind: 'identity'; publicKey: Uint8Array | null } // whose mac1 to ask for; null: take none
  | { kind: 'ceiling'; seconds: number } // persist: no timestamp above this was ever sent
  | Notice
>;

/** What the mesh is to hear of; nothing is to be done. */
export type Notice = Readonly<
  /** A session with a member came to be used for sending. */
  | {
      kind: 'met';
      peer: PeerId;
      session: SessionId;
      initiator: boolean; // the handshake was ours
      from: Place; // where the other side's part of the handshake came from
      hash: Uint8Array; // 32 bytes: the handshake hash, for channel binding
      bare: boolean; // made with a zero pre-shared key
    }
  | { kind: 'lost'; peer: PeerId } // no session with this member is left
  /** Somebody stands at the door (setDoor): a peer for 10 s that sends control frames only. */
  | { kind: 'porch'; peer: PeerId; hash: Uint8Array; from: Place }
>;

/** What the workers noted of a peer's transport messages. Times: 0 is never. */
export type Traffic = Readonly<{
  /** First user packet sealed since the last authentic datagram from there (also `heard`). */
  unansweredSince: Millis;
  /** First user packet opened since the last datagram to there (also `spoke`). */
  unacknowledgedSince: Millis;
  dataReceivedAt: Millis; // last user packet opened, keepalives left out
  receivedAt: Millis; // last authentic transport message, keepalives too
  sentAt: Millis; // last transport message sealed, keepalives too
  receivedBytes: number; // whole datagrams, without IP and UDP headers
  sentBytes: number;
}>;
