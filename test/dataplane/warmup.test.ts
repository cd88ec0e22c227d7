import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AllowedIps } from '../../agent/dataplane/allowedips.js';
import { asset } from '../../agent/dataplane/assets.js';
import { Clerk } from '../../agent/dataplane/clerk.js';
import { Judge } from '../../agent/dataplane/engines/judge.js';
import { SimdEngine } from '../../agent/dataplane/engines/simd.js';
import { Gate } from '../../agent/dataplane/gate.js';
import * as L from '../../agent/dataplane/layout.js';
import { Ledger } from '../../agent/dataplane/ledger.js';
import { Loop } from '../../agent/dataplane/loop.js';
import { Memory } from '../../agent/dataplane/memory.js';
import type { PlaneEvent } from '../../agent/dataplane/orders.js';
import {
  RECEIVED_BYTES,
  SENT_BYTES,
  SharedMemory,
  TRAFFIC_FIELDS,
} from '../../agent/dataplane/sharedmemory.js';
import { Transmitter } from '../../agent/dataplane/transmitter.js';
import { TrieReader } from '../../agent/dataplane/trie.js';
import { USUAL, WARM_PEER, WARM_SESSION, WarmUp } from '../../agent/dataplane/warmup.js';

const warmup = suite('warm-up');

/** A worker's parts in this thread; `reserved` tells for which sessions counters were taken. */
function make() {
  const module = new WebAssembly.Module(readFileSync(asset('dataplane.wasm')));
  const reserved = new Set<number>();
  const events: PlaneEvent[] = [];
  const memory: Memory = new Memory(module, {
    route: () => WARM_PEER,
    reserve: (session, count) => {
      reserved.add(session);
      return warmUp.counters.take(session, count);
    },
  });
  const { bytes, base, wasm } = memory;
  wasm.setVnet(1);
  wasm.setCoalescing(1, 1);
  wasm.setMtu(1_420);
  const table = { memory: bytes.buffer as ArrayBuffer, address: L.DESCRIPTORS, base };
  const judge = new Judge(table, new SimdEngine(table, wasm), () => {});
  const shared = new SharedMemory();
  const raise = (event: PlaneEvent) => void events.push(event);
  const ledger = new Ledger(memory, shared, 0, raise);
  const gate = new Gate(memory, shared, ledger, () => {});
  const transmitter = new Transmitter(memory, shared, ledger, judge);
  const routes = new TrieReader(new AllowedIps({ onChange() {}, onMove() {} }).buffer, 0);
  const clerk = new Clerk(memory, shared, ledger, transmitter, gate, routes, () => {});
  const nothing = () => undefined;
  const common = { worker: 0, memory, routes, clerk, nextOrders: nothing };
  const warmUp = new WarmUp({
    memory,
    judge,
    vnet: true,
    raise,
    makeLoop: (parts) => new Loop({ ...common, onBatch: nothing, onGone: nothing, ...parts }),
  });
  return { bytes, events, judge, reserved, shared, warmUp };
}

const PEER_ROW = [
  L.PEERS + WARM_PEER * L.PEER_BYTES,
  L.PEERS + (WARM_PEER + 1) * L.PEER_BYTES,
] as const;
const SESSION_ROW = [
  L.SESSIONS + WARM_SESSION * L.SESSION_BYTES,
  L.SESSIONS + (WARM_SESSION + 1) * L.SESSION_BYTES,
] as const;

warmup('goes there and back, with packets of every kind, and comes to an end', () => {
  const { warmUp, judge, events, reserved } = make();
  let slices = 1;
  while (warmUp.slice()) assert.ok(++slices < 10_000, 'no end');
  const at = WARM_PEER * TRAFFIC_FIELDS;
  const [sent = 0, received = 0] = [SENT_BYTES, RECEIVED_BYTES].map(
    (field) => warmUp.shared.traffic[at + field],
  );
  assert.ok(sent > 1_000, `${sent} bytes sent`);
  assert.is(received, sent, 'all came back, copies did not count');
  assert.ok(judge.checked > 0 && judge.alarms === 0, 'noble has looked');
  const kinds = new Set(events.map(({ kind }) => kind));
  assert.ok(kinds.has('active') && kinds.has('stale'), [...kinds].join());
  assert.equal([...reserved], [WARM_SESSION]);
  const drops = warmUp.shared.drops.filter((count) => count > 0);
  assert.ok(drops.length >= 3, 'a useless packet, a copy, a handshake');
  assert.is(warmUp.slice(), false, 'that was the end');
});

warmup('leaves nothing behind between its slices', () => {
  const { warmUp, bytes, shared } = make();
  for (let more = true; more; ) {
    more = warmUp.slice();
    for (const [from, to] of [PEER_ROW, SESSION_ROW]) {
      assert.ok(bytes.subarray(from, to).every((byte) => byte === 0));
    }
  }
  const index = bytes.subarray(L.INDEX, L.INDEX + 4 * L.INDEX_MAX);
  assert.ok(index.every((byte) => byte === 0));
  assert.ok(shared.traffic.every((value) => value === 0));
  assert.ok(shared.counters.every((value) => value === 0));
});

warmup('ends at once where its rows have become real', () => {
  for (const [from] of [PEER_ROW, SESSION_ROW]) {
    const { warmUp, bytes } = make();
    assert.is(warmUp.slice(), true);
    bytes[from + 30] = 1;
    const before = bytes.slice();
    assert.is(warmUp.slice(), false);
    assert.equal(Buffer.compare(before, bytes), 0, 'it has touched something');
  }
});

warmup('what is put back is what this Node has by itself', () => {
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const flag of USUAL) assert.match(options, new RegExp(`default: ${flag}$`, 'm'));
});

warmup.run();
