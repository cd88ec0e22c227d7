// TFTP (RFC 1350) with options (RFC 2347, 2348, 2349):
//
//   RRQ    0001 │ name 00 │ mode 00 │ (option 00 │ value 00) …    WRQ   0002, the same
//   DATA   0003 │ block u16 │ up to blksize bytes                 ACK   0004 │ block u16
//   ERROR  0005 │ code u16 │ text 00                              OACK  0006 │ (option, value) …

export const ErrorCode = {
  Undefined: 0,
  NotFound: 1,
  Access: 2,
  Illegal: 4,
  Unknown: 5,
} as const;

const OPTIONS_MAX = 16; // a boot loader sends three

export type Packet = Readonly<
  | { kind: 'read'; name: string; mode: string; options: ReadonlyMap<string, string> }
  | { kind: 'write' }
  | { kind: 'ack'; block: number }
  | { kind: 'error'; code: number; text: string }
>;

/** What a client may send; undefined: nothing of it. */
export function readPacket(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (view.getUint16(0)) {
    case 1:
      return readRequest(bytes.subarray(2));
    case 2:
      return { kind: 'write' };
    case 4:
      return { kind: 'ack', block: view.getUint16(2) };
    case 5:
      return { kind: 'error', code: view.getUint16(2), text: printable(bytes.subarray(4)) };
    default:
      return undefined;
  }
}

function readRequest(bytes: Uint8Array): Packet | undefined {
  if (bytes.at(-1) !== 0) return undefined;
  const [name, mode, ...rest] = Buffer.from(bytes.subarray(0, -1)).toString('latin1').split('\0');
  if (name === undefined || mode === undefined || rest.length > OPTIONS_MAX * 2) return undefined;
  const options = new Map<string, string>();
  for (let i = 0; i + 1 < rest.length; i += 2)
    options.set((rest[i] ?? '').toLowerCase(), rest[i + 1] ?? '');
  return { kind: 'read', name, mode: mode.toLowerCase(), options };
}

/** What comes from the network is shown on a terminal. */
function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 128)).toString('latin1').split('\0')[0] ?? '';
  return text.replace(/[^ -~]/g, '?');
}

export function dataPacket(block: number, bytes: Uint8Array): Uint8Array {
  const packet = new Uint8Array(4 + bytes.length);
  new DataView(packet.buffer).setUint32(0, (3 << 16) | (block & 0xffff));
  packet.set(bytes, 4);
  return packet;
}

export function errorPacket(code: number, text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, 5, 0, code), Buffer.from(`${text}\0`, 'latin1')]);
}

export function optionsPacket(options: ReadonlyMap<string, string>): Uint8Array {
  const text = [...options].map(([key, value]) => `${key}\0${value}\0`).join('');
  return Buffer.concat([Uint8Array.of(0, 6), Buffer.from(text, 'latin1')]);
}
