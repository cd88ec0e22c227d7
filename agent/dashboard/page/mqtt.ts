// As much of MQTT 3.1.1 as the page needs: connect, subscribe and publish at QoS 0, ping.
//
//     byte 1: type << 4 | flags | 1 to 4 bytes: length, 7 bits each, lowest first | the rest

export type Packet = Readonly<{ type: number; body: Uint8Array }>;

export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
const SUBSCRIBE = 8;
const PINGREQ = 12;
const KEEP_ALIVE_S = 60;
const CLEAN = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function connectPacket(clientId: string): Uint8Array<ArrayBuffer> {
  const head = [...text('MQTT'), 4, CLEAN, 0, KEEP_ALIVE_S];
  return packet(CONNECT << 4, [...head, ...text(clientId)]);
}

export function subscribePacket(id: number, topics: readonly string[]): Uint8Array<ArrayBuffer> {
  const filters = topics.flatMap((topic) => [...text(topic), 0]);
  return packet((SUBSCRIBE << 4) | 2, [id >> 8, id & 255, ...filters]);
}

export function publishPacket(topic: string, payload: string): Uint8Array<ArrayBuffer> {
  const head = text(topic);
  const bytes = encoder.encode(payload);
  const body = new Uint8Array(head.length + bytes.length);
  body.set(head);
  body.set(bytes, head.length);
  return packet(PUBLISH << 4, body);
}

export function pingPacket(): Uint8Array<ArrayBuffer> {
  return packet(PINGREQ << 4, []);
}

/** Topic and payload of a PUBLISH at QoS 0. */
export function readPublish({ body }: Packet): Readonly<{ topic: string; payload: string }> {
  const length = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
  const topic = decoder.decode(body.subarray(2, 2 + length));
  return { topic, payload: decoder.decode(body.subarray(2 + length)) };
}

/** Cuts what arrives into packets, wherever the messages end. */
export class PacketReader {
  private rest = new Uint8Array(0);

  read(bytes: Uint8Array): Packet[] {
    const all = new Uint8Array(this.rest.length + bytes.length);
    all.set(this.rest);
    all.set(bytes, this.rest.length);
    const packets: Packet[] = [];
    let at = 0;
    for (;;) {
      const found = lengthAt(all, at + 1);
      if (!found || found.start + found.length > all.length) break;
      const end = found.start + found.length;
      packets.push({ type: (all[at] ?? 0) >> 4, body: all.subarray(found.start, end) });
      at = end;
    }
    this.rest = all.slice(at);
    return packets;
  }
}

function lengthAt(bytes: Uint8Array, at: number): { start: number; length: number } | undefined {
  let length = 0;
  for (let i = 0; i < 4 && at + i < bytes.length; i++) {
    const byte = bytes[at + i] ?? 0;
    length += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { start: at + i + 1, length };
  }
  return undefined;
}

function packet(first: number, body: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const head = [first];
  let rest = body.length;
  do {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>>= 7;
  } while (rest > 0);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

function text(value: string): number[] {
  const bytes = encoder.encode(value);
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
}
