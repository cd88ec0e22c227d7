// A configuration socket on its real path, with a device that is nothing but its configuration.

import { connect } from 'node:net';
import * as assert from 'uvu/assert';
import { ConfigurationSocket } from '../../agent/control/uapi.js';
import { Lab } from '../lab/namespaces.js';
import { MemoryDevice } from './memory.js';

export type Served = {
  lab: Lab;
  name: string;
  path: string;
  device: MemoryDevice;
  socket: ConfigurationSocket;
  log: string[];
  removals: number;
  wg: (...args: string[]) => Promise<string>;
};

export async function serve(): Promise<Served> {
  const lab = await Lab.create('uapi');
  const name = lab.interfaceName('c');
  const device = new MemoryDevice();
  const log: string[] = [];
  const served = { lab, name, device, log, removals: 0 };
  const socket = new ConfigurationSocket({
    interfaceName: name,
    device,
    log: (_, line) => log.push(line),
    onRemoved: () => all.removals++,
  });
  const wg = (...args: string[]) => lab.must(null, 'wg', ...args);
  const all: Served = Object.assign(served, { socket, path: socket.path, wg });
  assert.ok(await socket.open(0));
  return all;
}

export async function end({ socket, lab }: Served): Promise<void> {
  await socket.stop();
  await lab.dispose();
}

/** Sends text on a connection of its own; gives all that came until the other side ended. */
export function say(path: string, ...texts: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect({ path, allowHalfOpen: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      heard += text;
    });
    socket.on('end', () => resolve(heard));
    socket.on('error', reject);
    for (const text of texts) socket.write(text);
    socket.end();
  });
}
