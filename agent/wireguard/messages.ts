// Handshake messages (WireGuard paper, sections 5.4.2, 5.4.3, 5.4.7), little-endian. Type is one
// byte, then three zero bytes.
//
// 1, initiation, 148 bytes
//   0      4        8           40               88                  116    132   148
//   +------+--------+-----------+----------------+-------------------+------+------+
//   | type | sender | ephemeral | static, sealed | timestamp, sealed | mac1 | mac2 |
//   +------+--------+-----------+----------------+-------------------+------+------+
//     u8+3   u32      32          32 + 16          12 + 16             16     16
//
// 2, response, 92 bytes
//   0      4        8          12          44               60     76    92
//   +------+--------+----------+-----------+----------------+------+------+
//   | type | sender | receiver | ephemeral | empty, sealed  | mac1 | mac2 |
//   +------+--------+----------+-----------+----------------+------+------+
//     u8+3   u32      u32        32          0 + 16           16     16
//
// 3, cookie reply, 64 bytes
//   0      4          8       32               64
//   +------+----------+-------+----------------+
//   | type | receiver | nonce | cookie, sealed |
//   +------+----------+-------+----------------+
//     u8+3   u32        24      16 + 16
//
// What is read are views of the datagram; a length other than these is no message.

export const INITIATION = 1;
export const RESPONSE = 2;
export const COOKIE_REPLY = 3;

export const INITIATION_BYTES = 148;
export const RESPONSE_BYTES = 92;
export const COOKIE_REPLY_BYTES = 64;
export const MACS_BYTES = 32; // mac1 and mac2, the last two fields of types 1 and 2

export type Initiation = Readonly<{
  kind: 'initiation';
  sender: number;
  ephemeral: Uint8Array;
  sealedStatic: Uint8Array;
  sealedTimestamp: Uint8Array;
}>;

export type Response = Readonly<{
  kind: 'response';
  sender: number;
  receiver: number;
  ephemeral: Uint8Array;
  sealedEmpty: Uint8Array;
}>;

export type CookieReply = Readonly<{
  kind: 'cookie-reply';
  receiver: number;
  nonce: Uint8Array;
  sealedCookie: Uint8Array;
}>;

export type HandshakeMessage = Initiation | Response | CookieReply;

/** Undefined where type, reserved bytes or length are wrong. */
export function readHandshakeMessage(datagram: Uint8Array): HandshakeMessage | undefined {
  if (datagram.length < 12) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, 12);
  const type = view.getUint32(0, true); // a reserved byte that is not zero makes it another type
  if (type === INITIATION && datagram.length === INITIATION_BYTES) {
    return {
      kind: 'initiation',
      sender: view.getUint32(4, true),
      ephemeral: datagram.subarray(8, 40),
      sealedStatic: datagram.subarray(40, 88),
      sealedTimestamp: datagram.subarray(88, 116),
    };
  }
  if (type === RESPONSE && datagram.length === RESPONSE_BYTES) {
    return {
      kind: 'response',
      sender: view.getUint32(4, true),
      receiver: view.getUint32(8, true),
      ephemeral: datagram.subarray(12, 44),
      sealedEmpty: datagram.subarray(44, 60),
    };
  }
  if (type === COOKIE_REPLY && datagram.length === COOKIE_REPLY_BYTES) {
    return {
      kind: 'cookie-reply',
      receiver: view.getUint32(4, true),
      nonce: datagram.subarray(8, 32),
      sealedCookie: datagram.subarray(32, 64),
    };
  }
  return undefined;
}

/** The macs are zero still, see Macs in cookie.ts. */
export function writeInitiation(message: Omit<Initiation, 'kind'>): Uint8Array {
  const datagram = new Uint8Array(INITIATION_BYTES);
  const view = new DataView(datagram.buffer);
  view.setUint32(0, INITIATION, true);
  view.setUint32(4, message.sender, true);
  put(datagram, 8, message.ephemeral, 32);
  put(datagram, 40, message.sealedStatic, 48);
  put(datagram, 88, message.sealedTimestamp, 28);
  return datagram;
}

/** The macs are zero still, see Macs in cookie.ts. */
export function writeResponse(message: Omit<Response, 'kind'>): Uint8Array {
  const datagram = new Uint8Array(RESPONSE_BYTES);
  const view = new DataView(datagram.buffer);
  view.setUint32(0, RESPONSE, true);
  view.setUint32(4, message.sender, true);
  view.setUint32(8, message.receiver, true);
  put(datagram, 12, message.ephemeral, 32);
  put(datagram, 44, message.sealedEmpty, 16);
  return datagram;
}

export function writeCookieReply(message: Omit<CookieReply, 'kind'>): Uint8Array {
  const datagram = new Uint8Array(COOKIE_REPLY_BYTES);
  const view = new DataView(datagram.buffer);
  view.setUint32(0, COOKIE_REPLY, true);
  view.setUint32(4, message.receiver, true);
  put(datagram, 8, message.nonce, 24);
  put(datagram, 32, message.sealedCookie, 32);
  return datagram;
}

function put(datagram: Uint8Array, at: number, field: Uint8Array, bytes: number): void {
  if (field.length !== bytes) throw new RangeError(`"field" at ${at} has ${field.length} bytes`);
  datagram.set(field, at);
}
