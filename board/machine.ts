// What this machine is: its addresses, and what it lacks for a tunnel. Asks, changes nothing.

import { createSocket } from 'node:dgram';
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { networkInterfaces, release } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../agent/bytes/address.js';

/** The prefixes that this machine has an address in. */
export function localPrefixes(): Prefix[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return found.flatMap(({ cidr }) => parsePrefix((cidr ?? '').replace(/%[^/]*/, '')) ?? []);
}

/** Addresses at which this machine may be reached on its links; not those of the tunnel itself. */
export function linkAddresses(tunnel: string): Address[] {
  const links = Object.entries(networkInterfaces()).filter(([name]) => name !== tunnel);
  return links
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .flatMap(({ address }) => parseAddress(address) ?? []);
}

/**
 * The address that datagrams into the internet leave from, IPv4 first; undefined without a route.
 * Connecting a UDP socket asks the routing table and sends nothing.
 */
export async function sourceAddress(): Promise<Address | undefined> {
  return (await sourceTowards('udp4', '192.0.2.1')) ?? (await sourceTowards('udp6', '2001:db8::1'));
}

function sourceTowards(type: 'udp4' | 'udp6', target: Address): Promise<Address | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(type);
    const done = (address?: Address) => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => done());
    // Without a route the callback gets the error, whatever its type says.
    const connected = (error?: Error) =>
      error ? done() : done(parseAddress(socket.address().address));
    socket.connect(9, target, connected);
  });
}

/** What a tunnel needs to know of the machine; tests give answers of their own. */
export type Machine = Readonly<{
  platform: string;
  kernel: string; // as `uname -r` prints it
  mayConfigure(): boolean; // has CAP_NET_ADMIN
  openTun(): string | undefined; // the error code, if it fails
  hasInterface(name: string): boolean;
  hasCommand(name: string): boolean; // a program that can be started by this name
  bind(port: number): Promise<string | undefined>; // the error code, if it fails
}>;

export const thisMachine: Machine = {
  platform: process.platform,
  kernel: release(),
  mayConfigure,
  openTun() {
    try {
      accessSync('/dev/net/tun');
      closeSync(openSync('/dev/net/tun', constants.O_RDWR));
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'EIO';
    }
  },
  hasInterface: (name) => existsSync(`/sys/class/net/${name}`),
  hasCommand: (name) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))),
  bind: async (port) => (await bindCode('udp4', port)) ?? (await bindCode('udp6', port)),
};

const CAP_NET_ADMIN = 12n; // linux/capability.h

/** Root without it (in a container) may not, another user with it may. */
function mayConfigure(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** EADDRINUSE where another program has the port; no IPv6 is no error. */
function bindCode(type: 'udp4' | 'udp6', port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      const noIpv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL';
      resolve(type === 'udp6' && noIpv6 ? undefined : error.code);
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}
