// A bad line: forwards UDP datagrams between two endpoints and loses, holds back and duplicates
// some of them, by seed. Run as a process of its own in the namespace between the two:
//
//     node --import tsx forwarder.ts '{"left": …}'
//
// Each side sends to this one's address on its side, and hears from there.

import { createSocket, type Socket } from 'node:dgram';
import { Random } from './random.js';

export type ForwarderOptions = Readonly<{
  left: Readonly<{ listen: string; to: string }>; // addresses
  right: Readonly<{ listen: string; to: string }>;
  port: number; // of all four
  seed: number;
  loss: number; // probabilities, 0 to 1, each way
  duplication: number;
  reordering: number; // held back for up to holdMs
  holdMs: number;
}>;

export type ForwarderCounts = { passed: number; lost: number; duplicated: number; held: number };

/** Starts forwarding; the counts go on counting. */
export async function forwardDatagrams(options: ForwarderOptions): Promise<ForwarderCounts> {
  const counts = { passed: 0, lost: 0, duplicated: 0, held: 0 };
  const [left, right] = [await bind(options.left, options), await bind(options.right, options)];
  join(left, right, options.right.to, options, new Random(options.seed), counts);
  join(right, left, options.left.to, options, new Random(options.seed + 1), counts);
  return counts;
}

function bind({ listen }: { listen: string }, { port }: ForwarderOptions): Promise<Socket> {
  const socket = createSocket(listen.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {}); // nobody listens on the far side just now
  return new Promise((resolve) => socket.bind(port, listen, () => resolve(socket)));
}

function join(
  from: Socket,
  through: Socket,
  to: string,
  { port, loss, duplication, reordering, holdMs }: ForwarderOptions,
  random: Random,
  counts: ForwarderCounts,
): void {
  from.on('message', (datagram) => {
    // always the same number of draws for a datagram, so that a seed means the same fate each time
    const [lose, double, hold, long] = [random.next(), random.next(), random.next(), random.next()];
    if (lose < loss) {
      counts.lost++;
      return;
    }
    counts.passed++;
    const send = () => through.send(datagram, port, to);
    if (hold < reordering) {
      counts.held++;
      setTimeout(send, long * holdMs);
    } else send();
    if (double < duplication) {
      counts.duplicated++;
      send();
    }
  });
}

if (process.argv[1] === import.meta.filename) {
  const counts = await forwardDatagrams(JSON.parse(process.argv[2] ?? '') as ForwarderOptions);
  console.log('ready');
  process.on('SIGTERM', () => {
    console.log(JSON.stringify(counts));
    process.exit(0);
  });
}
