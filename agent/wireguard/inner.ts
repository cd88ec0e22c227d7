// IP packets as they travel inside the tunnel.

/** Addresses and length of an IP packet, which may be longer than it says; undefined: no packet. */
export function addressesOf(packet: Uint8Array) {
  const version = (packet[0] ?? 0) >> 4;
  const u16 = (at: number) => ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  const [header, length] = version === 4 ? [20, u16(2)] : [40, 40 + u16(4)];
  if (version !== 4 && version !== 6) return undefined;
  if (packet.length < header || length < header || length > packet.length) return undefined;
  const [source, bytes] = version === 4 ? [12, 4] : [8, 16];
  return {
    length,
    source: packet.subarray(source, source + bytes),
    destination: packet.subarray(source + bytes, source + 2 * bytes),
  };
}
