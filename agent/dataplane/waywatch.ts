// Tells when this machine's ways out may have changed: an address came or went, a default route
// did. The kernel says so over a netlink socket; nothing is asked periodically.

import koffi from 'koffi';
import { O_CLOEXEC, O_NONBLOCK, Scratch, sys } from './syscalls.js';

// linux/netlink.h, linux/rtnetlink.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
const GROUPS =
  RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;

/** A DHCP client or `ip` changes several things in a row: told of once. */
export const SETTLE_MS = 200;
const READS_MAX = 64; // in a row; poll() reports what is left again

export class WayWatch {
  private readonly scratch = new Scratch();
  private netlink = -1;
  private poll: ReturnType<typeof koffi.node.poll> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly onChange: () => void) {}

  /** False where the kernel gives no netlink socket: then nothing is ever told. */
  start(): boolean {
    this.netlink = sys.socket(AF_NETLINK, SOCK_RAW | O_NONBLOCK | O_CLOEXEC, 0);
    if (this.netlink < 0) return false;
    const { view, address } = new Scratch();
    view.setUint16(0, AF_NETLINK, true); // struct sockaddr_nl: family, pad, process id, groups
    view.setUint32(8, GROUPS, true);
    if (sys.bind(this.netlink, address, 12) < 0) {
      this.stop();
      return false;
    }
    this.poll = koffi.node.poll(this.netlink, { readable: true }, () => this.read());
    return true;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.poll?.close();
    this.poll = undefined;
    if (this.netlink >= 0) sys.close(this.netlink);
    this.netlink = -1;
  }

  /** What exactly changed does not matter: whoever hears of it looks for himself. */
  private read(): void {
    const { address, bytes } = this.scratch;
    for (let reads = 0; reads < READS_MAX; reads++) {
      if (sys.read(this.netlink, address, bytes.length) < 0) break;
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.onChange();
    }, SETTLE_MS);
  }
}
