// System calls through koffi: numbers in, numbers out, -1 and errno() on failure. Pointers are
// addresses as plain numbers (below 2^53), so that a call allocates nothing.

import koffi from 'koffi';

const POINTER = 'uintptr_t';
const libc = koffi.load(null);

function define<A extends unknown[]>(name: string, result: string, types: string[]) {
  return libc.func(name, result, types) as (...args: A) => number;
}

type N = number;

export const sys = {
  open: define<[string, N]>('open', 'int', ['str', 'int']),
  close: define<[N]>('close', 'int', ['int']),
  ioctl: define<[N, N, N]>('ioctl', 'int', ['int', 'ulong', POINTER]),
  socket: define<[N, N, N]>('socket', 'int', ['int', 'int', 'int']),
  socketpair: define<[N, N, N, N]>('socketpair', 'int', ['int', 'int', 'int', POINTER]),
  bind: define<[N, N, N]>('bind', 'int', ['int', POINTER, 'uint']),
  setsockopt: define<[N, N, N, N, N]>('setsockopt', 'int', ['int', 'int', 'int', POINTER, 'uint']),
  getsockname: define<[N, N, N]>('getsockname', 'int', ['int', POINTER, POINTER]),
  poll: define<[N, N, N]>('poll', 'int', [POINTER, 'ulong', 'int']),
  read: define<[N, N, N]>('read', 'intptr_t', ['int', POINTER, 'size_t']),
  write: define<[N, N, N]>('write', 'intptr_t', ['int', POINTER, 'size_t']),
  writev: define<[N, N, N]>('writev', 'intptr_t', ['int', POINTER, 'int']),
  sendmsg: define<[N, N, N]>('sendmsg', 'intptr_t', ['int', POINTER, 'int']),
  sendmmsg: define<[N, N, N, N]>('sendmmsg', 'int', ['int', POINTER, 'uint', 'int']),
  recvmmsg: define<[N, N, N, N, N]>('recvmmsg', 'int', ['int', POINTER, 'uint', 'int', POINTER]),
  adjtimex: define<[N]>('adjtimex', 'int', [POINTER]),
  eventfd: define<[N, N]>('eventfd', 'int', ['uint', 'int']),
};

/** Of the last call of this thread that failed. */
export function errno(): number {
  return koffi.errno();
}

/** The address of an array's first byte. It must not lie in V8's heap: no array below 65 bytes. */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes));
}

/** Room for arguments of rare calls, at an address that stays. */
export class Scratch {
  readonly bytes = new Uint8Array(new ArrayBuffer(4096));
  readonly view = new DataView(this.bytes.buffer);
  readonly address = addressOf(this.bytes);
}

// errno.h
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const EACCES = 13;
export const EBUSY = 16;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EBADFD = 77;
export const EMSGSIZE = 90;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETUNREACH = 101;
export const EHOSTUNREACH = 113;

// fcntl.h, sys/eventfd.h
export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;

// poll.h
export const POLLIN = 1;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;

// sys/socket.h
export const MSG_DONTWAIT = 0x40;
