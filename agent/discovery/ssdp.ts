// The search for the router's UPnP description (SSDP: UPnP Device Architecture 1.1, section 1.3).
// Anybody on the local network may answer such a search: only the gateway itself is heard.

import { createSocket } from 'node:dgram';
import type { Address } from '../bytes/address.js';
import { gatewayUrl } from './gatewayhttp.js';

const GROUP = '239.255.255.250';
const SSDP_PORT = 1900;
const ANSWER_MAX = 2_048; // characters read; real answers have some 400
const SEARCHES_MS = [0, 300, 900]; // datagrams get lost, on wireless links above all
const WAIT_MS = 2_500; // an answer may wait for the second that MX allows

const TYPES = [1, 2].map((v) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${v}`);

export type Search = Readonly<{
  gateway: Address;
  local: Address; // ours on the interface towards it
  port?: number; // a test has one of its own, and is asked there alone
  signal: AbortSignal;
}>;

/** Where the description of the gateway is; undefined: it is silent. */
export function findGateway({ gateway, local, port, signal }: Search): Promise<URL | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const timers: NodeJS.Timeout[] = [];
    let ended = false;
    const end = (found?: URL) => {
      if (ended) return;
      ended = true;
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      socket.close();
      resolve(found);
    };
    const stop = () => end();
    if (signal.aborted) return end();
    signal.addEventListener('abort', stop);
    const search = () => {
      for (const type of TYPES) {
        const bytes = Buffer.from(searchText(type));
        // Some answer to the group only, others, behind a filter for multicast, to themselves only.
        if (port === undefined) socket.send(bytes, SSDP_PORT, GROUP, () => {});
        socket.send(bytes, port ?? SSDP_PORT, gateway, () => {});
      }
    };
    socket.on('error', stop);
    socket.on('message', (bytes, from) => {
      const url = from.address === gateway ? readSearchAnswer(bytes, gateway) : undefined;
      if (url) end(url);
    });
    socket.bind(0, local, () => {
      try {
        socket.setMulticastInterface(local);
        socket.setMulticastTTL(2);
      } catch {
        return end(); // the interface has gone in between
      }
      for (const ms of SEARCHES_MS) timers.push(setTimeout(search, ms));
      timers.push(setTimeout(stop, WAIT_MS));
    });
  });
}

function searchText(type: string): string {
  const host = `${GROUP}:${SSDP_PORT}`;
  const lines = [`HOST: ${host}`, 'MAN: "ssdp:discover"', 'MX: 1', `ST: ${type}`];
  return `M-SEARCH * HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** The address of the description, where it is one on the Internet gateway that answered. */
export function readSearchAnswer(bytes: Buffer, gateway: Address): URL | undefined {
  const text = bytes.toString('latin1', 0, ANSWER_MAX);
  if (!/^HTTP\/1\.\d 200\b/.test(text)) return undefined;
  if (!/^st:.*:InternetGatewayDevice:\d/im.test(text)) return undefined;
  const [, location = ''] = /^location:[ \t]*(\S+)[ \t]*$/im.exec(text) ?? [];
  return gatewayUrl(location, gateway);
}
