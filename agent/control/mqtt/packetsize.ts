// Watches the bytes that come in for a packet larger than we are willing to hold. MQTT 5 lets us
// say so when we connect; 3.1.1 has no word for it, and parsers keep a packet until it is whole.
//
//     byte 1: type and flags | 1 to 4 bytes: remaining length, 7 bits each, lowest first | the rest

export class PacketSize {
  private rest = 0; // bytes of the current packet that are still to come
  private header = 0; // bytes of its header that were seen
  private length = 0;

  constructor(private readonly bytesMax: number) {}

  /** False once a packet is too large, or its length is no length. */
  see(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.rest > 0) {
        const step = Math.min(this.rest, bytes.length - at);
        this.rest -= step;
        at += step;
        continue;
      }
      const byte = bytes[at++] ?? 0;
      if (this.header++ === 0) {
        this.length = 0;
        continue;
      }
      this.length += (byte & 0x7f) * 2 ** (7 * (this.header - 2));
      if (byte >= 0x80 && this.header < 5) continue;
      if (byte >= 0x80 || this.length > this.bytesMax) return false;
      this.rest = this.length;
      this.header = 0;
    }
    return true;
  }
}
