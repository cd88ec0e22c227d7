// A plane as a process of its own, so that it can live in a network namespace: commands come as
// lines of JSON on standard input, answers and events go as lines to standard output.

import { createInterface } from 'node:readline';
import { Plane, type PlaneOptions } from '../../agent/dataplane/plane.js';
import { DeviceError } from '../../agent/wireguard/configuration.js';

const say = (message: unknown) => console.log(JSON.stringify(message, hexes));

/** Bytes cross as `{ "hex": … }`, infinity as "Infinity". */
function hexes(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  return value;
}

function revive(_key: string, value: unknown): unknown {
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (typeof value !== 'object' || value === null || !('hex' in value)) return value;
  return new Uint8Array(Buffer.from(String(value.hex), 'hex'));
}

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<PlaneOptions, 'onEvent'>;
const plane = new Plane({ ...options, onEvent: (event) => say({ event }) });

const commands: Record<string, (...args: never[]) => unknown> = {
  order: (order: Parameters<Plane['order']>[0]) => plane.order(order),
  orders: (orders: Parameters<Plane['order']>[0][]) => {
    for (const order of orders) plane.order(order);
  },
  open: (slot: number, how: Parameters<Plane['openSlot']>[1]) => plane.openSlot(slot, how),
  close: (slot: number) => plane.closeSlot(slot),
  mark: (fwmark: number) => plane.setMark(fwmark),
  route: (address: string, length: number, peer: number) =>
    plane.routes.add({ address, length }, peer),
  routes: (count: number) => {
    for (let i = 0; i < count; i++)
      plane.routes.add({ address: `172.16.${i >> 8}.${i & 255}`, length: 32 }, i);
  },
  unroute: (address: string, length: number, peer: number) =>
    plane.routes.remove({ address, length }, peer),
  traffic: (peer: number) => plane.traffic(peer),
  counters: () => plane.counters(),
  metered: () => plane.metered(),
  now: () => plane.now(),
  ready: () => plane.ready(),
  rss: () => process.memoryUsage.rss(),
  stop: () => plane.stop(),
  // Deferred: the answer goes out first, and an error is nobody's to catch.
  crash: () =>
    void setTimeout(() => {
      throw new Error('a bug of ours');
    }, 10),
  exit: () => void setTimeout(() => process.exit(7), 10),
  leave: () => process.stdin.destroy(),
};

async function answer(line: string): Promise<void> {
  const { id, what, args } = JSON.parse(line, revive);
  try {
    const result = await commands[what]?.(...(args as never[]));
    say({ id, result: result ?? null });
  } catch (error) {
    const errno = error instanceof DeviceError ? error.errno : undefined;
    say({ id, error: error instanceof Error ? error.message : String(error), errno });
  }
}

try {
  const began = performance.now();
  await plane.start();
  say({ ready: plane.interfaceName, ms: performance.now() - began });
  createInterface({ input: process.stdin }).on('line', (line) => void answer(line));
} catch (error) {
  say({ failed: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
