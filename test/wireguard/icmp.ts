// ICMP echo over IPv4 (RFC 792), as much of it as a ping needs.

export type Echo = { type: 8 | 0; from: string; to: string; id: number; text: string };

const octets = (address: string) => address.split('.').map(Number);

export function writeEcho({ type, from, to, id, text }: Echo): Uint8Array {
  const body = Buffer.from(text);
  const packet = Buffer.alloc(28 + body.length);
  packet.set([0x45, 0]);
  packet.writeUInt16BE(packet.length, 2);
  packet.set([64, 1], 8);
  packet.set([...octets(from), ...octets(to)], 12);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  packet[20] = type;
  packet.writeUInt16BE(id, 24);
  packet.writeUInt16BE(1, 26);
  packet.set(body, 28);
  packet.writeUInt16BE(checksum(packet.subarray(20)), 22);
  return packet;
}

export function readEcho(packet: Uint8Array): Echo | undefined {
  const bytes = Buffer.from(packet);
  if (bytes[0] !== 0x45 || bytes[9] !== 1) return undefined;
  const type = bytes[20];
  if (type !== 8 && type !== 0) return undefined;
  const from = bytes.subarray(12, 16).join('.');
  const to = bytes.subarray(16, 20).join('.');
  const text = bytes.subarray(28, bytes.readUInt16BE(2)).toString('latin1');
  return { type, from, to, id: bytes.readUInt16BE(24), text };
}

/** The same packet as its answer: addresses swapped, type 0. Other bytes stay. */
export function answerEcho(packet: Uint8Array): Uint8Array {
  const bytes = Buffer.from(packet.subarray(0, Buffer.from(packet).readUInt16BE(2)));
  const from = Buffer.from(bytes.subarray(12, 16));
  bytes.copyWithin(12, 16, 20);
  bytes.set(from, 16);
  bytes[20] = 0;
  bytes.writeUInt16BE(0, 22);
  bytes.writeUInt16BE(checksum(bytes.subarray(20)), 22);
  return bytes;
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
