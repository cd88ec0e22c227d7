// Whether our own TUN interface is up, and its MTU, told as soon as it changes: also after it was
// moved to another network namespace, where an ordinary netlink socket would see nothing of it.
//
// The kernel tells which namespace a TUN is in (TUNGETDEVNETNS, since Linux 5.2). A netlink socket
// that was opened there goes on reporting from there, so this thread visits the namespace for the
// moment of opening one. Nothing is asked periodically: an idle interface costs no wake-up.
//
// (Writing nothing to the TUN and looking at the error, as wireguard-go does, no longer works:
// Linux 6.18 says EINVAL whether it is up or down.)
//
// Where a namespace may not be visited (CAP_SYS_ADMIN is missing), the interface counts as up
// with the MTU it had. That it is gone, the workers see in any case.

import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import koffi from 'koffi';
import { errno, O_CLOEXEC, O_NONBLOCK, Scratch, sys } from './syscalls.js';

export type Link = Readonly<{ up: boolean; mtu: number }>;

export type LinkWatchOptions = Readonly<{
  tun: number; // file descriptor
  mtu: number; // where it cannot be read
  onChange: (link: Link) => void; // first within `start`
  onGone: () => void; // deleted; nothing follows
}>;

// linux/if_tun.h, linux/sockios.h, linux/netlink.h, linux/rtnetlink.h, sched.h
const TUNGETIFF = 0x800454d2;
const TUNGETDEVNETNS = 0x54e3;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFMTU = 0x8921;
const SIOCGIFINDEX = 0x8933;
const IFF_UP = 1;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const RTMGRP_LINK = 1;
const RTM_DELLINK = 17;
const CLONE_NEWNET = 0x40000000;

const IFNAMSIZ = 16;
const NAMESPACE = '/proc/self/ns/net'; // of the main thread
const READS_MAX = 64; // in a row; poll() reports what is left again
const ENOBUFS = 105; // errno.h
const MOVES_MAX = 4; // while we look; then the next event will find it

const setns = koffi.load(null).func('setns', 'int', ['int', 'int']) as (
  fd: number,
  type: number,
) => number;

/** Runs on the main thread, whose namespace `/proc/self` shows. */
export class LinkWatch {
  private readonly scratch = new Scratch();
  private netlink = -1; // in the interface's namespace; it also answers SIOCGIF… for it
  private poll: ReturnType<typeof koffi.node.poll> | undefined;
  private index = 0; // of the interface, there
  private last: Link | undefined;
  private ended = false;

  constructor(private readonly options: LinkWatchOptions) {}

  start(): void {
    this.follow();
  }

  stop(): void {
    this.ended = true;
    this.leave();
  }

  /** Finds the interface's namespace and looks at it there. */
  private follow(): void {
    for (let moves = 0; moves < MOVES_MAX && !this.ended; moves++) {
      this.leave();
      if (!this.enter()) this.tell({ mtu: this.options.mtu, ...this.last, up: true });
      else if (!this.look()) continue;
      return;
    }
  }

  private enter(): boolean {
    const namespace = sys.ioctl(this.options.tun, TUNGETDEVNETNS, 0);
    try {
      this.netlink = namespace < 0 ? openNetlink() : inNamespace(namespace, openNetlink);
    } finally {
      if (namespace >= 0) sys.close(namespace);
    }
    if (this.netlink < 0) return false;
    this.poll = koffi.node.poll(this.netlink, { readable: true }, () => this.read());
    return true;
  }

  private leave(): void {
    this.poll?.close();
    this.poll = undefined;
    if (this.netlink >= 0) sys.close(this.netlink);
    this.netlink = -1;
  }

  private read(): void {
    let touched = false;
    let left = false;
    let lost = false;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const { address, view, bytes } = this.scratch;
      const length = sys.read(this.netlink, address, bytes.length);
      if (length < 0) {
        lost = errno() === ENOBUFS; // perhaps events of ours
        break;
      }
      const ours = length >= 24 && view.getInt32(20, true) === this.index;
      touched ||= ours;
      left ||= ours && view.getUint16(4, true) === RTM_DELLINK;
    }
    // Another interface may already have the name here that ours had: then only `follow` will do.
    if (left || lost || (touched && !this.look())) this.follow();
  }

  /** Reads the state and tells it. False: the interface is not in this namespace. */
  private look(): boolean {
    const { bytes, view } = this.scratch;
    bytes.fill(0, 0, 64);
    if (sys.ioctl(this.options.tun, TUNGETIFF, this.scratch.address) < 0) {
      this.gone();
      return true;
    }
    bytes.fill(0, IFNAMSIZ, 64); // the name stays: it may have changed with the namespace
    const flags = this.ask(SIOCGIFFLAGS) ? view.getUint16(IFNAMSIZ, true) : undefined;
    const mtu = this.ask(SIOCGIFMTU) ? view.getInt32(IFNAMSIZ, true) : undefined;
    if (flags === undefined || mtu === undefined || !this.ask(SIOCGIFINDEX)) return false;
    this.index = view.getInt32(IFNAMSIZ, true);
    this.tell({ up: (flags & IFF_UP) !== 0, mtu });
    return true;
  }

  private ask(request: number): boolean {
    return sys.ioctl(this.netlink, request, this.scratch.address) === 0;
  }

  private tell(link: Link): void {
    if (link.up === this.last?.up && link.mtu === this.last.mtu) return;
    this.last = link;
    this.options.onChange(link);
  }

  private gone(): void {
    this.stop();
    this.options.onGone();
  }
}

/** A socket that hears of links in the current namespace; -1 where there can be none. */
function openNetlink(): number {
  const fd = sys.socket(AF_NETLINK, SOCK_RAW | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  const { view, address } = new Scratch();
  view.setUint16(0, AF_NETLINK, true); // struct sockaddr_nl: family, pad, process id, groups
  view.setUint32(8, RTMGRP_LINK, true);
  if (sys.bind(fd, address, 12) === 0) return fd;
  sys.close(fd);
  return -1;
}

/** What `open` gives when called in that namespace; -1 where it may not be visited. */
function inNamespace(namespace: number, open: () => number): number {
  if (fstatSync(namespace).ino === statSync(NAMESPACE).ino) return open();
  const home = openSync(NAMESPACE, 'r');
  try {
    if (setns(namespace, CLONE_NEWNET) < 0) return -1;
    const fd = open();
    // To go on in the wrong namespace would be worse than to end.
    if (setns(home, CLONE_NEWNET) < 0) throw new Error(`setns back: errno ${errno()}`);
    return fd;
  } finally {
    closeSync(home);
  }
}
