// Why the data plane dropped a packet: one flat list, counted per worker in shared memory.
//
// The numbers are the places in that list; the wasm code writes some of them (simd/notes.ts names
// those), so the order is part of the contract: append, never reorder.

export const DROP_REASONS = [
  'inside-malformed', // from the TUN: no IPv4 or IPv6 packet, or an offload header that lies
  'inside-no-route', // no peer's allowed IPs cover the destination
  'inside-no-place', // a session with a stock peer, but nowhere to send
  'inside-waiting-full', // waited for a session or a way, displaced by newer packets
  'inside-waiting-expired', // waited for a session or a way that never came
  'inside-counter-spent', // the session's messages are used up
  'outside-malformed', // shorter than its type, longer than it, or of no known type
  'outside-unknown-index', // transport message for no session of ours
  'outside-expired', // session past its reject-after time
  'outside-replay', // counter seen, or too far behind
  'outside-forged', // the tag is wrong
  'outside-inner-malformed', // authentic, but no IP packet of the length it claims
  'outside-inner-source', // authentic, but the source address is not this peer's
  'outside-frame-stranger', // control frame from a peer that is no member
  'handshake-mac1', // not made for our public key
  'handshake-ring-full', // main has not caught up
  'handshake-rate', // cookie replies faster than one could have asked for them
  'send-failed', // the kernel refused the datagram
  'write-failed', // the kernel refused the packet (interface down)
  'frame-no-session', // a control frame or keepalive to be sealed, no session in use
  'alarm', // batch thrown away because an engine disagreed with noble
  'no-slot', // a datagram for a socket slot that is not open
  'channel-unknown', // a relay channel that is neither ours nor relayed by us
  'channel-source', // not from its member's endpoint, or the other member is nowhere
  'channel-limit', // above what we share, or more at once than fits
  'outside-bare', // a user packet in a session that carries control frames only
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** The place of a reason in the list. */
export function dropNumber(reason: DropReason): number {
  return DROP_REASONS.indexOf(reason);
}
