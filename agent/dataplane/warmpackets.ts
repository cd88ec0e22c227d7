// Made-up packets for warmup.ts, as a TUN gives them: behind a virtio_net_hdr, or alone.

import { VNET_HEADER_BYTES } from './layout.js';

/** UDP over IPv4 with so many bytes of payload. */
export function plainPacket(vnet: boolean, payload: number): Uint8Array {
  const packet = udp(payload);
  if (!vnet) return packet;
  const read = new Uint8Array(VNET_HEADER_BYTES + packet.length);
  read.set(packet, VNET_HEADER_BYTES);
  return read;
}

/** UDP segments of 200 bytes in one read (virtio_net_hdr with GSO_UDP_L4). */
export function superpacket(count: number): Uint8Array {
  const packet = udp(200 * count);
  const read = new Uint8Array(VNET_HEADER_BYTES + packet.length);
  read.set([1, 5, 28, 0, 200, 0, 20, 0, 6, 0]);
  read.set(packet, VNET_HEADER_BYTES);
  return read;
}

function udp(payload: number): Uint8Array {
  const packet = new Uint8Array(28 + payload);
  const view = new DataView(packet.buffer);
  packet.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
  view.setUint16(2, packet.length);
  view.setUint16(20, 9);
  view.setUint16(22, 9);
  view.setUint16(24, 8 + payload);
  return packet;
}
