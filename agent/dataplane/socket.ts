// UDP sockets, one per slot: bound, with large buffers, and with what this kernel has of GSO, GRO
// and PKTINFO. IPv6 sockets are IPv6 only.

import { family } from '../bytes/address.js';
import { DeviceError } from '../wireguard/configuration.js';
import type { Offloads, SlotOptions } from './plane.js';
import { AF_INET, AF_INET6, NAME_BYTES, readName, writeName } from './sockaddr.js';
import { errno, O_CLOEXEC, Scratch, sys } from './syscalls.js';

const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDTIMEO = 21;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_MARK = 36;
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IP_MTU_DISCOVER = 10;
const IPV6_MTU_DISCOVER = 23;
const PMTUDISC_WANT = 1;
const PMTUDISC_PROBE = 3;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

const BUFFER_BYTES = 8 << 20;

/** A full send buffer holds the worker up, and so the TUN's queue, but never for longer. */
const SEND_TIMEOUT_US = 100_000;

export type Socket = Readonly<{
  fd: number;
  port: number;
  gso: boolean; // takes UDP_SEGMENT
  gro: boolean; // gives UDP_GRO
}>;

/** Throws DeviceError with the errno of the call that failed. */
export function openSocket(
  options: SlotOptions,
  offloads: Pick<Offloads, 'udpSegmentation' | 'udpReceive'>,
): Socket {
  const v4 = options.family === 4;
  const fd = sys.socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | O_CLOEXEC, 0);
  if (fd < 0) throw new DeviceError(`no UDP socket over IPv${options.family}`, errno());
  try {
    if (!v4) demand(set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), 'IPV6_V6ONLY');
    if (options.fwmark !== 0) markSocket(fd, options.fwmark);
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)) {
      set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
    }
    if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES)) {
      set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
    }
    setSendTimeout(fd);
    if (v4) set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    else set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    const gso = offloads.udpSegmentation && set(fd, SOL_UDP, UDP_SEGMENT, 0);
    const gro = offloads.udpReceive && set(fd, SOL_UDP, UDP_GRO, 1);
    return { fd, port: bindSocket(fd, options), gso, gro };
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

/**
 * Whether datagrams that are longer than the path is wide are cut (ip(7), IP_MTU_DISCOVER). Not:
 * they bear DF, and go by the interface's MTU alone, whatever the kernel believes of the path.
 */
export function setFragmenting(fd: number, v4: boolean, on: boolean): void {
  const value = on ? PMTUDISC_WANT : PMTUDISC_PROBE;
  set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, value);
}

export function markSocket(fd: number, fwmark: number): void {
  demand(set(fd, SOL_SOCKET, SO_MARK, fwmark | 0), 'the mark (fwmark) cannot be set');
}

function bindSocket(fd: number, options: SlotOptions): number {
  const { bytes, view, address } = new Scratch();
  const any = options.family === 4 ? '0.0.0.0' : '::';
  const local = options.address ?? any;
  if (family(local) !== options.family) throw new RangeError('"address" is of another family');
  const length = writeName(bytes, 0, { address: local, port: options.port });
  demand(sys.bind(fd, address, length) === 0, `UDP port ${options.port} cannot be bound`);
  view.setUint32(64, NAME_BYTES, true);
  demand(sys.getsockname(fd, address, address + 64) === 0, 'getsockname');
  return readName(bytes, 0).port;
}

function set(fd: number, level: number, option: number, value: number): boolean {
  const { view, address } = new Scratch();
  view.setInt32(0, value, true);
  return sys.setsockopt(fd, level, option, address, 4) === 0;
}

function setSendTimeout(fd: number): void {
  const { view, address } = new Scratch();
  view.setBigInt64(8, BigInt(SEND_TIMEOUT_US), true); // struct timeval
  sys.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, address, 16);
}

function demand(good: boolean, problem: string): void {
  if (good) return;
  const number = errno();
  throw new DeviceError(`${problem} (errno ${number})`, number);
}
