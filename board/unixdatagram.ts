// One datagram to a UNIX socket, through koffi: Node's own sockets are streams there.

import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const PATH_MAX = 107; // sun_path, unix(7)

const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const sendto = libc.func('intptr_t sendto(int, uint8_t *, size_t, int, uint8_t *, uint)');
const close = libc.func('int close(int)');

/** `@name` is in Linux's abstract namespace. False where nobody takes it. */
export function sendDatagram(path: string, text: string): boolean {
  const name = Buffer.from(path.replace(/^@/, '\0'));
  if (name.length > PATH_MAX) return false;
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX); // all targets of kith are little-endian
  name.copy(address, 2);
  const file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
  if (file < 0) return false;
  const bytes = Buffer.from(text);
  const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  const sent = sendto(file, bytes, bytes.length, flags, address, address.length) as number;
  close(file);
  return Number(sent) === bytes.length;
}
