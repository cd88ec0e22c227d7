// Relay channels: a WireGuard datagram behind eight bytes that tell a relay whom it is for.
//
//   0      1          4         8
//   +------+----------+---------+------------------------------------------+
//   | 0x21 | reserved | channel | a whole WireGuard datagram (types 1 to 4) |
//   +------+----------+---------+------------------------------------------+
//     u8     u8[3]      u32       little-endian; reserved bytes are zero
//
// The number belongs to one leg, between a member and the relay: the relay replaces it by that of
// the other leg and passes the datagram on as it is. There is no channel in a channel.

export const CHANNEL_TYPE = 0x21;
export const CHANNEL_HEADER_BYTES = 8;
const INNER_BYTES_MIN = 32; // a keepalive

export function wrap(datagram: Uint8Array, channel: number): Uint8Array {
  const wrapped = new Uint8Array(CHANNEL_HEADER_BYTES + datagram.length);
  const view = new DataView(wrapped.buffer);
  view.setUint32(0, CHANNEL_TYPE, true);
  view.setUint32(4, channel, true);
  wrapped.set(datagram, CHANNEL_HEADER_BYTES);
  return wrapped;
}

/** `inner` is a view. Undefined for other datagrams, and where none of types 1 to 4 is inside. */
export function unwrap(datagram: Uint8Array): { channel: number; inner: Uint8Array } | undefined {
  if (datagram.length < CHANNEL_HEADER_BYTES + INNER_BYTES_MIN) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, CHANNEL_HEADER_BYTES + 4);
  const type = view.getUint32(CHANNEL_HEADER_BYTES, true);
  if (view.getUint32(0, true) !== CHANNEL_TYPE || type < 1 || type > 4) return undefined;
  return { channel: view.getUint32(4, true), inner: datagram.subarray(CHANNEL_HEADER_BYTES) };
}
