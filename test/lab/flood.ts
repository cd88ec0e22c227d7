// A flood of handshake initiations from many source addresses, each with a valid mac1, or of other
// datagrams that a stranger may send. Run as a process of its own in the attacker's namespace:
//
//     node --import tsx flood.ts '{"to": …}'
//
// The initiations are not ours (agent/wireguard is what is tested): 148 bytes, type 1, random
// inside, mac1 = Keyed-BLAKE2s(HASH("mac1----" ‖ responder's key), all before it); paper, 5.4.4.

import { createSocket, type Socket } from 'node:dgram';
import { blake2s } from '@noble/hashes/blake2.js';
import { Random } from './random.js';

const INITIATION_BYTES = 148;
const MAC1_AT = 116;
const SPARE = 64; // different initiations, used in turn

export type FloodOptions = Readonly<{
  to: string; // address
  port: number;
  publicKey: string; // base64, of the flooded node
  sources: readonly string[]; // addresses of this namespace
  perSecond: number;
  seconds: number;
  seed: number;
}>;

/** An initiation that looks good until it is decrypted. */
export function forgedInitiation(random: Random, publicKey: Uint8Array): Uint8Array {
  const label = new TextEncoder().encode('mac1----');
  const message = new Uint8Array(INITIATION_BYTES);
  message[0] = 1;
  message.set(random.bytes(MAC1_AT - 4), 4);
  const key = blake2s(Uint8Array.of(...label, ...publicKey));
  message.set(blake2s(message.subarray(0, MAC1_AT), { key, dkLen: 16 }), MAC1_AT);
  return message;
}

/** Datagrams that no node may answer: each message type with nonsense inside, and plain junk. */
export function junk(random: Random): Uint8Array[] {
  const sizes: [number, number][] = [
    [1, 148],
    [2, 92],
    [3, 64],
    [4, 32],
    [4, 1_452],
    [1, 147],
    [2, 93],
    [4, 31],
    [5, 148],
    [0x21, 156],
  ];
  const typed = sizes.map(([type, size]) =>
    Uint8Array.of(type, 0, 0, 0, ...random.bytes(size - 4)),
  );
  return [...typed, ...[0, 1, 3, 4, 100, 1_400].map((size) => random.bytes(size))];
}

async function open(address: string): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return socket;
}

/** Sends for the given time; returns how many went out and how many answers came, by type. */
export async function flood(options: FloodOptions): Promise<{ sent: number; answers: number[] }> {
  const random = new Random(options.seed);
  const publicKey = Buffer.from(options.publicKey, 'base64');
  const messages = Array.from({ length: SPARE }, () => forgedInitiation(random, publicKey));
  const sockets = await Promise.all(options.sources.map(open));
  const answers = [0, 0, 0, 0, 0];
  for (const socket of sockets) {
    socket.on('message', (datagram) => {
      const type = Math.min(datagram[0] ?? 0, 4);
      answers[type] = (answers[type] ?? 0) + 1;
    });
  }
  const began = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = (performance.now() - began) / 1_000;
    if (elapsed > options.seconds) break;
    for (const due = Math.floor(elapsed * options.perSecond); sent < due; sent++) {
      const message = messages[sent % SPARE] ?? new Uint8Array();
      sockets[sent % sockets.length]?.send(message, options.port, options.to);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const socket of sockets) socket.close();
  return { sent, answers };
}

/** Sends each of these once from one source; an answer to any of them is counted. */
export async function sendAll(
  options: FloodOptions,
  datagrams: readonly Uint8Array[],
): Promise<{ sent: number; answers: number }> {
  const socket = await open(options.sources[0] ?? '');
  let answers = 0;
  socket.on('message', () => answers++);
  for (const datagram of datagrams) {
    socket.send(datagram, options.port, options.to);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  socket.close();
  return { sent: datagrams.length, answers };
}

if (process.argv[1] === import.meta.filename) {
  const [options = '', kind] = process.argv.slice(2);
  const parsed = JSON.parse(options) as FloodOptions;
  const random = new Random(parsed.seed);
  const run = kind === 'junk' ? sendAll(parsed, junk(random)) : flood(parsed);
  console.log(JSON.stringify(await run));
}
