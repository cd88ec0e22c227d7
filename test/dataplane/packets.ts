// Packets for tests, made and checked the slow and obvious way: byte by byte, with no offloads.

import { randomFillSync } from 'node:crypto';

export type Shape = Readonly<{
  v6: boolean;
  tcp: boolean;
  payload: number;
  flags?: number; // TCP
  sequence?: number;
  from?: string; // hex of the source address; else random
  to?: string;
  port?: number;
}>;

export const TRANSPORT = { v4: 20, v6: 40 };

/** Sum of big-endian words (RFC 1071); an odd byte counts as the high one. */
export function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65_536);
  return total;
}

export function pseudo(packet: Buffer): Buffer {
  const v6 = packet[0]! >> 4 === 6;
  const length = packet.length - (v6 ? 40 : 20);
  const protocol = v6 ? packet[6]! : packet[9]!;
  const addresses = v6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  return Buffer.concat([addresses, Buffer.from([0, protocol, length >> 8, length & 255])]);
}

/** A whole packet with right checksums, however long. */
export function packet(shape: Shape): Buffer {
  const { v6, tcp, payload } = shape;
  const transport = v6 ? 40 : 20;
  const headers = transport + (tcp ? 32 : 8);
  const bytes = Buffer.alloc(headers + payload);
  if (v6) {
    bytes[0] = 0x60;
    bytes.writeUInt16BE(bytes.length - 40, 4);
    bytes[6] = tcp ? 6 : 17;
    bytes[7] = 64;
    fill(bytes, 8, 16, shape.from);
    fill(bytes, 24, 16, shape.to);
  } else {
    bytes[0] = 0x45;
    bytes.writeUInt16BE(bytes.length, 2);
    bytes.writeUInt16BE(777, 4);
    bytes[6] = 0x40;
    bytes[8] = 64;
    bytes[9] = tcp ? 6 : 17;
    fill(bytes, 12, 4, shape.from);
    fill(bytes, 16, 4, shape.to);
    bytes.writeUInt16BE(0xffff ^ sum(bytes.subarray(0, 20)), 10);
  }
  bytes.writeUInt16BE(shape.port ?? 4000, transport);
  bytes.writeUInt16BE(5001, transport + 2);
  if (tcp) {
    bytes.writeUInt32BE(shape.sequence ?? 0xfffff000, transport + 4);
    bytes.writeUInt32BE(9, transport + 8);
    bytes[transport + 12] = 0x80;
    bytes[transport + 13] = shape.flags ?? 0x18;
    bytes.writeUInt16BE(501, transport + 14);
    bytes.set([1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], transport + 20);
  } else {
    bytes.writeUInt16BE(bytes.length - transport, transport + 4);
  }
  randomFillSync(bytes, headers);
  const field = transport + (tcp ? 16 : 6);
  const value = 0xffff ^ sum(Buffer.concat([pseudo(bytes), bytes.subarray(transport)]));
  bytes.writeUInt16BE(value || (tcp ? 0 : 0xffff), field);
  return bytes;
}

/** The TUN read that a kernel with offloads makes of it: virtio_net_hdr and partial checksum. */
export function superRead(bytes: Buffer, tcp: boolean, segment: number): Buffer {
  const v6 = bytes[0]! >> 4 === 6;
  const transport = v6 ? 40 : 20;
  const headers = transport + (tcp ? 32 : 8);
  const field = tcp ? 16 : 6;
  const partial = Buffer.from(bytes);
  partial.writeUInt16BE(sum(pseudo(bytes)), transport + field);
  const header = Buffer.alloc(10);
  header[0] = 1;
  header[1] = bytes.length - headers > segment ? (tcp ? (v6 ? 4 : 1) : 5) : 0;
  header.writeUInt16LE(headers, 2);
  header.writeUInt16LE(segment, 4);
  header.writeUInt16LE(transport, 6);
  header.writeUInt16LE(field, 8);
  return Buffer.concat([header, partial]);
}

/** The packets that a sender without offloads would have made of the big one. */
export function segments(bytes: Buffer, tcp: boolean, segment: number): Buffer[] {
  const v6 = bytes[0]! >> 4 === 6;
  const transport = v6 ? 40 : 20;
  const headers = transport + (tcp ? 32 : 8);
  const made: Buffer[] = [];
  for (let at = headers; at < bytes.length; at += segment) {
    const payload = bytes.subarray(at, Math.min(bytes.length, at + segment));
    const one = Buffer.concat([bytes.subarray(0, headers), payload]);
    const last = at + segment >= bytes.length;
    if (v6) one.writeUInt16BE(one.length - 40, 4);
    else {
      one.writeUInt16BE(one.length, 2);
      one.writeUInt16BE((bytes.readUInt16BE(4) + made.length) & 0xffff, 4);
      one.writeUInt16BE(0, 10);
      one.writeUInt16BE(0xffff ^ sum(one.subarray(0, 20)), 10);
    }
    if (tcp) {
      one.writeUInt32BE((bytes.readUInt32BE(transport + 4) + at - headers) >>> 0, transport + 4);
      if (!last) one[transport + 13]! &= ~0x09;
      if (made.length > 0) one[transport + 13]! &= ~0x80;
    } else {
      one.writeUInt16BE(one.length - transport, transport + 4);
    }
    const field = transport + (tcp ? 16 : 6);
    one.writeUInt16BE(0, field);
    const value = 0xffff ^ sum(Buffer.concat([pseudo(one), one.subarray(transport)]));
    one.writeUInt16BE(value || (tcp ? 0 : 0xffff), field);
    made.push(one);
  }
  return made;
}

function fill(bytes: Buffer, at: number, length: number, hex: string | undefined): void {
  if (hex === undefined) randomFillSync(bytes, at, length);
  else bytes.set(Buffer.from(hex, 'hex'), at);
}
