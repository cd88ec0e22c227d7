// A data-plane worker: builds its parts over the memory it was handed, warms up, and loops until
// main raises the stop flag. What it tells main goes by postMessage, which works from inside the
// loop; what main tells it lies in the port's queue when the eventfd rings.

import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from 'node:worker_threads';
import { Clerk, type WorkerOrder } from './clerk.js';
import { monotonic } from './clock.js';
import { SendCounters } from './counter.js';
import { choose, realProbes } from './engines/choose.js';
import type { Cipher, EngineName } from './engines/engine.js';
import { Judge } from './engines/judge.js';
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
import { WARM_PEER, warmUp } from './warmup.js';

/** What main hands a worker at its start. */
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

function run(start: WorkerStart, port: MessagePort): void {
  const post = (message: WorkerMessage) => port.postMessage(message);
  const shared = new SharedMemory(start.shared);
  const routes = new TrieReader(start.routes, start.worker);
  let warming = true;
  let warmCounter = 0;
  const memory: Memory = new Memory(start.module, {
    route: (at, v6) => (warming ? WARM_PEER : routes.lookup(memory.bytes, at, v6 !== 0)),
    reserve: (session, count) => {
      if (warming) {
        warmCounter += count;
        return warmCounter - count;
      }
      return counters.take(session, count);
    },
  });
  memory.wasm.setVnet(start.vnet ? 1 : 0);
  memory.wasm.setCoalescing(start.vnet ? 1 : 0, start.udp ? 1 : 0);
  memory.wasm.setMtu(start.mtu);

  const table = {
    memory: memory.bytes.buffer as ArrayBuffer,
    address: DESCRIPTORS,
    base: memory.base,
  };
  const bench = { table, room: OUT };
  const { engine, reason } = choose(start.cipher, realProbes(table, memory.wasm), bench, monotonic);
  const judge = new Judge(table, engine, (name: EngineName, problem: string) => {
    checks[ALARMS] = (checks[ALARMS] ?? 0) + 1;
    post({ kind: 'alarm', engine: name, reason: problem });
  });
  const checks = shared.checks.subarray(start.worker * CHECK_FIELDS);

  const ledger = new Ledger(memory, shared, start.worker, post);
  const counters = new SendCounters(shared.counters, (session) => ledger.stale(session));
  const gate = new Gate(memory, shared, ledger, () => post({ kind: 'bell' }));
  const transmitter = new Transmitter(memory, shared, ledger, judge);
  const receiver = new Receiver(memory, ledger, judge, gate);
  const clerk = new Clerk(memory, shared, ledger, transmitter, gate, routes, (session) =>
    judge.begin(session),
  );
  warmUp(memory, judge, start.vnet, monotonic);
  warming = false;
  reclaim();
  post({ kind: 'ready', engine: engine.name, reason });
  new Loop({
    worker: start.worker,
    tun: start.tun,
    eventfd: start.eventfd,
    memory,
    shared,
    routes,
    clerk,
    transmitter,
    receiver,
    nextOrders: () => receiveMessageOnPort(port)?.message as OrderBatch | undefined,
    onBatch: () => {
      checks[CHECKED] = judge.checked;
    },
    onGone: () => post({ kind: 'gone' }),
  }).run();
  judge.close();
  memory.bytes.fill(0); // keys and packets
  port.close();
}

if (parentPort !== null) run(workerData as WorkerStart, parentPort);
