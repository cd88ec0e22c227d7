// A program for miniupnpd.test.ts: maps its UDP port, says what comes to it, and does what it is
// told on standard input: `moved`, `stop`.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { formatEndpoint } from '../../agent/bytes/address.js';
import { PortMapping } from '../../agent/discovery/portmap.js';

const socket = createSocket('udp4');
const mapping = new PortMapping({
  port: 51820,
  random: (bytes) => new Uint8Array(randomBytes(bytes)),
  onMapping: (endpoint) => console.log(`mapped ${endpoint ? formatEndpoint(endpoint) : 'none'}`),
});

socket.on('message', (bytes) => console.log(`got ${bytes.toString()}`));
socket.bind(51820, () => mapping.start());
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'moved') mapping.moved();
  else if (line === 'stop') void mapping.stop().then(() => process.exit(0));
});
