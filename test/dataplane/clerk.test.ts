import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AllowedIps } from '../../agent/dataplane/allowedips.js';
import { Clerk } from '../../agent/dataplane/clerk.js';
import { DROP_REASONS, type DropReason } from '../../agent/dataplane/drops.js';
import type { Engine } from '../../agent/dataplane/engines/engine.js';
import { Gate } from '../../agent/dataplane/gate.js';
import * as L from '../../agent/dataplane/layout.js';
import { Ledger } from '../../agent/dataplane/ledger.js';
import type { PlaneEvent } from '../../agent/dataplane/orders.js';
import { SharedMemory } from '../../agent/dataplane/sharedmemory.js';
import { Transmitter } from '../../agent/dataplane/transmitter.js';
import { TrieReader } from '../../agent/dataplane/trie.js';
import { Offline } from './offline.js';

const clerk = suite('dataplane/clerk');

/** A worker's clerk and its tables; 10.0.0.n is peer n's. */
function office() {
  const offline = new Offline({ vnet: false });
  const { memory } = offline;
  const shared = new SharedMemory();
  const events: PlaneEvent[] = [];
  const ledger = new Ledger(memory, shared, 0, (event) => events.push(event));
  const engine: Engine = { name: 'noble', seal: () => true, open: () => true, close: () => {} };
  const transmitter = new Transmitter(memory, shared, ledger, engine);
  const routes = new AllowedIps({ onChange: () => {}, onMove: () => {} });
  const made = new Clerk(
    memory,
    shared,
    ledger,
    transmitter,
    new Gate(memory, shared, ledger, () => {}),
    new TrieReader(routes.buffer, 0),
    () => {},
  );
  const packet = (peer: number, bytes = 60) => {
    const read = Buffer.alloc(bytes);
    read[0] = 0x45;
    read.writeUInt16BE(bytes, 2);
    read.set([10, 0, 0, peer], 16);
    offline.owners.set(`0a0000${peer.toString(16).padStart(2, '0')}`, peer);
    offline.transmit(read);
    ledger.settle(0);
  };
  const drops = (reason: DropReason) => shared.drops[DROP_REASONS.indexOf(reason)];
  return { clerk: made, packet, drops, events, memory };
}

clerk('a packet that came by a route before its peer did: no trace of it is left', () => {
  const { clerk, packet, drops, events, memory } = office();
  packet(7); // the routes are read at once, orders come a little later
  clerk.apply({ kind: 'peer', peer: 7, roams: true }, 0);
  assert.is(drops('inside-waiting-expired'), 1);
  for (let i = 0; i < 2 * (L.WAITING_BYTES / 8_000); i++) packet(20 + (i % 50), 8_000);
  assert.is(memory.wasm.takeWaiting(7), 0, 'its row was no list of the ring meanwhile');
  packet(7);
  assert.equal(events.filter((event) => event.kind === 'want' && event.peer === 7).length, 2);
});

clerk.run();
