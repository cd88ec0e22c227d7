// What main makes of the workers' messages; the workers themselves are plane.test.ts.

import { setImmediate } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlaneEvent } from '../../agent/dataplane/orders.js';
import { Plane } from '../../agent/dataplane/plane.js';
import { putHandshake } from '../../agent/dataplane/ring.js';
import {
  RAISED_CONFIRMED,
  RAISED_STALE,
  RING_ENTRIES,
  type SharedMemory,
} from '../../agent/dataplane/sharedmemory.js';
import type { WorkerMessage } from '../../agent/dataplane/worker.js';

const events = suite('dataplane: events');

function make(onEvent: (event: PlaneEvent) => void): Plane {
  const offloads = { tunSegmentation: false, udpSegmentation: false, udpReceive: false };
  const options = { interfaceName: 'none', mtu: 1420, workers: 1, cipher: 'noble' } as const;
  return new Plane({ ...options, offloads, onEvent });
}

function session(id: number) {
  const [sendKey, receiveKey] = [new Uint8Array(32), new Uint8Array(32)];
  const ends = { rejectAt: 1e9, renewSendAt: 1e9, renewReceiveAt: 1e9 };
  return { id, peer: 0, localIndex: 1, remoteIndex: 2, sendKey, receiveKey, ...ends };
}

/** What the workers reach, of a plane that has none. */
function inside(plane: Plane) {
  return plane as unknown as { shared: SharedMemory; onMessage(message: WorkerMessage): void };
}

const marks = [
  ['confirmed', RAISED_CONFIRMED],
  ['stale', RAISED_STALE],
] as const;

for (const [kind, mark] of marks) {
  events(`${kind}, of a session that ended while the word was under way: not its heir's`, () => {
    const told: PlaneEvent[] = [];
    const plane = make((event) => told.push(event));
    const { raised } = inside(plane).shared;
    plane.order({ kind: 'begin', session: session(3) });
    raised[3] = mark; // the worker does so, and posts
    plane.order({ kind: 'end', session: 3 });
    plane.order({ kind: 'begin', session: session(3) });
    inside(plane).onMessage({ kind, session: 3 });
    assert.equal(told, []);
    raised[3] = mark;
    inside(plane).onMessage({ kind, session: 3 });
    assert.equal(told, [{ kind, session: 3 }]);
  });
}

events('roamed, before the worker had heard of the newer place: the newer place stays', () => {
  const told: PlaneEvent[] = [];
  const plane = make((event) => told.push(event));
  const endpoint = { address: '192.0.2.1', port: 5 };
  const place = { slot: 0, endpoint, source: null, channel: 0 };
  plane.order({ kind: 'peer', peer: 0, roams: true });
  plane.order({ kind: 'place', peer: 0, place });
  const roamed = { kind: 'roamed', peer: 0, place } as const;
  inside(plane).onMessage({ ...roamed, batch: 0 });
  assert.equal(told, []);
  inside(plane).onMessage({ ...roamed, batch: 1 });
  assert.is(told.length, 1);
  plane.order({ kind: 'peer-gone', peer: 0 });
  inside(plane).onMessage({ ...roamed, batch: 0 });
  assert.is(told.length, 1, 'nor is it for the next peer of this row');
});

events('a flood of handshakes leaves the main thread room for other things', async () => {
  let flood = true;
  let taken = 0;
  const put = () => {
    const bytes = new Uint8Array(32);
    bytes[0] = 2; // AF_INET
    assert.ok(putHandshake(inside(plane).shared, new Uint8Array(148), 0, bytes, bytes));
  };
  const plane = make(() => {
    taken++;
    if (flood && taken < 10_000) put();
  });
  put();
  inside(plane).onMessage({ kind: 'bell' });
  assert.is(taken, RING_ENTRIES, 'one ring full');
  inside(plane).onMessage({ kind: 'bell' });
  assert.is(taken, RING_ENTRIES, 'and no more for another bell');
  await setImmediate();
  assert.is(taken, 2 * RING_ENTRIES);
  flood = false;
  await setImmediate();
  assert.is(taken, 2 * RING_ENTRIES + 1);
  await setImmediate();
  inside(plane).onMessage({ kind: 'bell' });
  assert.is(taken, 2 * RING_ENTRIES + 1, 'and the last of it is taken once');
});

events.run();
