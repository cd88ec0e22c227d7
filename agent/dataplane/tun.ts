// The TUN device: opens it with the offloads that this kernel has (linux/if_tun.h).

import type { Offloads } from './plane.js';
import {
  EACCES,
  EBUSY,
  EINVAL,
  ENODEV,
  ENOENT,
  EPERM,
  errno,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  Scratch,
  sys,
} from './syscalls.js';

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const OFFLOAD_CHECKSUM = 0x01;
const OFFLOAD_TCP = 0x02 | 0x04; // over IPv4 and IPv6
const OFFLOAD_UDP = 0x20 | 0x40; // the same, since Linux 6.2
const IFNAMSIZ = 16;

export type Tun = Readonly<{
  fd: number;
  name: string; // as the kernel filled it in
  vnet: boolean; // every read and write begins with a virtio_net_hdr
  udp: boolean; // superpackets of UDP too
}>;

/** Throws an Error whose message is fit for a person. */
export function openTun(
  name: string,
  mtu: number,
  offloads: Pick<Offloads, 'tunSegmentation'>,
): Tun {
  checkName(name);
  const offloaded = offloads.tunSegmentation ? attach(name, true) : undefined;
  const { fd, name: given } = offloaded ?? attach(name, false);
  try {
    const granted = offloaded ? setOffloads(fd) : 'none';
    if (granted !== 'none') {
      setMtu(given, mtu);
      return { fd, name: given, vnet: true, udp: granted === 'udp' };
    }
    if (!offloaded) {
      setMtu(given, mtu);
      return { fd, name: given, vnet: false, udp: false };
    }
  } catch (error) {
    sys.close(fd);
    throw error;
  }
  sys.close(fd);
  return openTun(name, mtu, { tunSegmentation: false });
}

/** What the kernel takes as an interface name (dev_valid_name of net/core/dev.c). */
function checkName(name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (bytes === 0 || bytes >= IFNAMSIZ || /[\s/:\u0000]/.test(name) || /^\.\.?$/.test(name)) {
    throw new Error(
      `"${name}" cannot name an interface: 1 to 15 bytes, no spaces, slashes or colons`,
    );
  }
}

function attach(name: string, vnet: boolean): { fd: number; name: string } {
  const fd = sys.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new Error(openProblem(errno()));
  const { bytes, view, address } = new Scratch();
  bytes.set(new TextEncoder().encode(name));
  view.setUint16(IFNAMSIZ, IFF_TUN | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0), true);
  if (sys.ioctl(fd, TUNSETIFF, address) < 0) {
    const problem = attachProblem(name, errno());
    sys.close(fd);
    throw new Error(problem);
  }
  return { fd, name: new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))) };
}

function setOffloads(fd: number): 'udp' | 'tcp' | 'none' {
  if (sys.ioctl(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | OFFLOAD_TCP | OFFLOAD_UDP) === 0)
    return 'udp';
  if (sys.ioctl(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM | OFFLOAD_TCP) === 0) return 'tcp';
  return 'none';
}

/** Sets the MTU of the interface called `name` in this process's network namespace. */
function setMtu(name: string, mtu: number): void {
  const problem = mtuCall(name, SIOCSIFMTU, mtu);
  if (problem < 0) throw new Error(`the MTU of ${name} cannot be ${mtu} (errno ${errno()})`);
}

/** The MTU of an interface in this process's network namespace; undefined: there is none. */
export function interfaceMtu(name: string): number | undefined {
  const mtu = mtuCall(name, SIOCGIFMTU, 0);
  return mtu < 0 ? undefined : mtu;
}

function mtuCall(name: string, request: number, mtu: number): number {
  const socket = sys.socket(2, 2 | O_CLOEXEC, 0);
  if (socket < 0) return -1;
  const { bytes, view, address } = new Scratch();
  bytes.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
  view.setInt32(IFNAMSIZ, mtu, true);
  const result = sys.ioctl(socket, request, address);
  const answer = result < 0 ? -1 : view.getInt32(IFNAMSIZ, true);
  sys.close(socket);
  return answer;
}

function openProblem(number: number): string {
  if (number === ENOENT || number === ENODEV) {
    return '/dev/net/tun is missing: load the kernel module (modprobe tun)';
  }
  if (number === EACCES || number === EPERM) {
    return '/dev/net/tun may not be opened: run this as root, or with CAP_NET_ADMIN';
  }
  return `/dev/net/tun cannot be opened (errno ${number})`;
}

function attachProblem(name: string, number: number): string {
  if (number === EPERM || number === EACCES) {
    return `the interface ${name} may not be created: run this as root, or with CAP_NET_ADMIN`;
  }
  if (number === EBUSY) return `the interface ${name} is in use by another program`;
  if (number === EINVAL) return `the interface ${name} exists and is no TUN device`;
  return `the interface ${name} cannot be created (errno ${number})`;
}
