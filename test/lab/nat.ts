// The internet of `kith lab` (agent/control/lab/) out of the namespaces of a test, with homes
// behind NATs, and small UDP talkers to see how those behave.
//
//     const { lab, internet } = await makeInternet('punch');
//     await internet.addHome('anna', 'symmetric');
//     const anna = await Talker.start(lab, 'anna', 4_000);
//     await anna.send('203.0.113.10', 3478, 'hello');

import { Internet } from '../../agent/control/lab/internet.js';
import type { Daemon } from './daemon.js';
import { Lab } from './namespaces.js';

export async function makeInternet(name: string): Promise<{ lab: Lab; internet: Internet }> {
  const lab = await Lab.create(name);
  try {
    return { lab, internet: await Internet.make(lab) };
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}

/** What a talker heard: who sent it, as the talker sees it. */
export type Heard = Readonly<{ from: string; text: string }>;

// Reads `port address port text` lines, opens a socket for each first port, and sends.
const PROGRAM = `
const sockets = new Map();
const open = (port) => {
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (text, { address, port: from }) =>
    console.log(JSON.stringify({ at: port, from: address + ':' + from, text: String(text) })));
  socket.on('error', () => {});
  sockets.set(port, socket);
  socket.bind(port, () => console.log(JSON.stringify({ at: port, open: true })));
};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [own, address, port, text] = line.split(' ');
  if (address === undefined) open(own);
  else sockets.get(own).send(text, Number(port), address, () => {});
});
`;

/** A process in a namespace that sends and hears UDP datagrams on ports of its own. */
export class Talker {
  private constructor(
    private readonly lab: Lab,
    private readonly daemon: Daemon,
  ) {}

  static async start(lab: Lab, label: string, ...ports: number[]): Promise<Talker> {
    const talker = new Talker(lab, lab.spawn(label, process.execPath, '-e', PROGRAM));
    for (const port of ports) talker.daemon.write(`${port}\n`);
    const opened = () => ports.every((port) => talker.lines(port).some((line) => 'open' in line));
    await lab.waitFor(opened, 10_000, `open sockets\n${talker.daemon.log}`);
    return talker;
  }

  send(own: number, address: string, port: number, text: string): void {
    this.daemon.write(`${own} ${address} ${port} ${text}\n`);
  }

  /** Everything that came to that port so far. */
  heard(own: number): Heard[] {
    return this.lines(own).filter((line): line is Heard & { at: string } => 'text' in line);
  }

  /** Waits for a datagram with this text. */
  hears(own: number, text: string, ms = 3_000): Promise<Heard> {
    const found = () => this.heard(own).find((each) => each.text === text);
    return this.lab.waitFor(found, ms, `"${text}" on port ${own}`);
  }

  private lines(own: number): ({ at: string } & (Heard | { open: true }))[] {
    const lines = this.daemon.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter((line) => line.at === `${own}`);
  }
}
