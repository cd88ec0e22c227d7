// A data-plane worker: builds its parts over the memory it was handed, and loops until main raises
// the stop flag; at first it warms up in between. What it tells main goes by postMessage, which
// works from inside the loop; what main tells it lies in the port's queue when the eventfd rings.

import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { Clerk, type WorkerOrder } from './clerk.js';
import { monotonic } from './clock.js';
import { SendCounters } from './counter.js';
import { choose, realProbes } from './engines/choose.js';
import type { Cipher } from './engines/engine.js';
import { type Alarm, Judge } from './engines/judge.js';
import { Gate } from './gate.js';
import { DESCRIPTORS, OUT } from './layout.js';
import { Ledger } from './ledger.js';
import { Loop } from './loop.js';
import { Memory } from './memory.js';
import type { PlaneEvent } from './orders.js';
import { Receiver } from './receiver.js';
import { reclaim } from './reclaim.js';
import { ALARMS, CHECK_FIELDS, CHECKED, SharedMemory } from './sharedmemory.js';
import { Transmitter } from './transmitter.js';
import { TrieReader } from './trie.js';
import { WARM_PEER, WARM_SESSION, type WarmParts, WarmUp } from './warmup.js';

/** What main hands a worker, as the first message. */
export type WorkerStart = Readonly<{
  worker: number; // 0 or 1
  module: WebAssembly.Module;
  shared: SharedArrayBuffer;
  routes: SharedArrayBuffer;
  eventfd: number;
  tun: number;
  vnet: boolean;
  udp: boolean; // superpackets of UDP to the TUN
  mtu: number;
  cipher: Cipher;
}>;

/** Orders cross in batches; the number comes back through shared memory once they are applied. */
export type OrderBatch = Readonly<{ batch: number; orders: readonly WorkerOrder[] }>;

export type WorkerMessage =
  | Readonly<{ kind: 'ready'; engine: string; reason: string }>
  | Readonly<{ kind: 'bell' }> // handshakes wait in the ring
  | PlaneEvent;

/** Whose packets pass: real ones, or those that warm the worker up. */
type World = Readonly<{
  real: boolean;
  counters: SendCounters;
  tell: (event: PlaneEvent) => void;
}>;

function run(start: WorkerStart, port: MessagePort): void {
  const { worker, eventfd, tun, vnet } = start;
  const post = (message: WorkerMessage) => port.postMessage(message);
  const shared = new SharedMemory(start.shared);
  const checks = shared.checks.subarray(worker * CHECK_FIELDS);
  const routes = new TrieReader(start.routes, worker);
  const memory: Memory = new Memory(start.module, {
    route: (at, v6) => (world.real ? routes.lookup(memory.bytes, at, v6 !== 0) : WARM_PEER),
    reserve: (session, count) =>
      world.real || session === WARM_SESSION ? world.counters.take(session, count) : -1,
  });
  const { judge, reason } = appoint(start, memory, (engine, problem) => {
    checks[ALARMS] = (checks[ALARMS] ?? 0) + 1;
    post({ kind: 'alarm', engine, reason: problem });
  });

  const raise = (event: PlaneEvent) => world.tell(event);
  const ledger = new Ledger(memory, shared, worker, raise);
  const counters = new SendCounters(shared.counters, (session) => ledger.stale(session));
  const reality: World = { real: true, counters, tell: post };
  let world = reality;
  const gate = new Gate(memory, shared, ledger, () => post({ kind: 'bell' }));
  const transmitter = new Transmitter(memory, shared, ledger, judge);
  const receiver = new Receiver(memory, ledger, judge, gate, transmitter);
  const clerk = new Clerk(memory, shared, ledger, transmitter, gate, routes, (session) =>
    judge.begin(session),
  );
  const nextOrders = () =>
    world.real ? (receiveMessageOnPort(port)?.message as OrderBatch | undefined) : undefined;
  const onBatch = () => {
    checks[CHECKED] = judge.checked;
  };
  const onGone = () => post({ kind: 'gone' });
  const common = { worker, memory, routes, clerk, nextOrders, onBatch, onGone };
  const makeLoop = (parts: WarmParts) => new Loop({ ...common, ...parts });

  const warmUp = new WarmUp({ memory, judge, vnet, raise, makeLoop });
  // Two: V8 would take a function that is always the same for the only one there is.
  const dreams = [() => {}, () => {}].map(
    (tell): World => ({ real: false, counters: warmUp.counters, tell }),
  );
  const warm = () => {
    world = dreams[warmUp.slices & 1] ?? reality;
    const more = warmUp.slice();
    world = reality;
    if (!more) reclaim();
    return more;
  };
  post({ kind: 'ready', engine: judge.name, reason });
  makeLoop({ tun, eventfd, shared, transmitter, receiver }).run(warm);
  warmUp.close();
  judge.close();
  memory.bytes.fill(0); // keys and packets
  port.close();
}

/** Chooses the engine, on the memory as it is to be used, and has noble judge it. */
function appoint(
  { vnet, udp, mtu, cipher }: WorkerStart,
  memory: Memory,
  alarm: Alarm,
): { judge: Judge; reason: string } {
  const { bytes, base, wasm } = memory;
  wasm.setVnet(vnet ? 1 : 0);
  wasm.setCoalescing(vnet ? 1 : 0, udp ? 1 : 0);
  wasm.setMtu(mtu);
  const table = { memory: bytes.buffer as ArrayBuffer, address: DESCRIPTORS, base };
  const bench = { table, room: OUT };
  const { engine, reason } = choose(cipher, realProbes(table, wasm), bench, monotonic);
  return { judge: new Judge(table, engine, alarm), reason };
}

const main = parentPort;
main?.once('message', (start: WorkerStart) => run(start, main));
