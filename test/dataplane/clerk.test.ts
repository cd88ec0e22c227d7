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

const place = (last: number, channel = 0) => {
  const endpoint = { address: `192.0.2.${last}`, port: 5 };
  return { slot: 3, endpoint, source: null, channel };
};

const session = (id: number, peer: number, bare: boolean) => {
  const ends = { rejectAt: 1e9, renewSendAt: 1e9, renewReceiveAt: 1e9 };
  return { id, peer, localIndex: id + 1, remoteIndex: id + 2, bare, ...ends };
};

clerk('in a bare session user packets wait for another one; frames do not', () => {
  const { clerk, packet, drops, events } = office();
  clerk.apply({ kind: 'peer', peer: 7, roams: false }, 0);
  clerk.apply({ kind: 'place', peer: 7, place: place(1) }, 0);
  packet(7);
  clerk.apply({ kind: 'begin', session: session(1, 7, true) }, 0);
  clerk.apply({ kind: 'use', peer: 7, session: 1 }, 0);
  packet(7);
  assert.is(events.filter(({ kind }) => kind === 'want').length, 1);
  assert.is(drops('no-slot'), 0, 'nothing went out');
  clerk.apply({ kind: 'frame', peer: 7, frame: Uint8Array.of(0xa0) }, 0);
  assert.is(drops('no-slot'), 1, 'the frame would have');
  clerk.apply({ kind: 'begin', session: session(2, 7, false) }, 0);
  clerk.apply({ kind: 'use', peer: 7, session: 2 }, 0);
  assert.is(drops('no-slot'), 2, 'and both packets, a train');
  clerk.apply({ kind: 'end', session: 2 }, 0);
  clerk.apply({ kind: 'frame', peer: 7, frame: Uint8Array.of(0xa0) }, 0);
  assert.is(drops('frame-no-session'), 1);
});

clerk("without a place a member's packets wait for one; those of a stock peer are dropped", () => {
  const { clerk, packet, drops, events } = office();
  for (const peer of [7, 8]) {
    clerk.apply({ kind: 'peer', peer, roams: peer === 8 }, 0);
    if (peer === 7) clerk.apply({ kind: 'member', peer, member: true }, 0);
    clerk.apply({ kind: 'begin', session: session(peer, peer, false) }, 0);
    clerk.apply({ kind: 'use', peer, session: peer }, 0);
    packet(peer);
    packet(peer);
  }
  assert.is(drops('inside-no-place'), 2, 'of the stock peer');
  assert.equal(events, [{ kind: 'want', peer: 7 }]);
  clerk.apply({ kind: 'place', peer: 7, place: null }, 0);
  assert.is(drops('no-slot'), 0, 'nothing went out');
  clerk.apply({ kind: 'place', peer: 7, place: place(1) }, 0);
  assert.is(drops('no-slot'), 1, 'both packets, a train');
  clerk.apply({ kind: 'place', peer: 7, place: null }, 0);
  packet(7);
  assert.is(events.length, 2, 'wanted anew');
  clerk.apply({ kind: 'place', peer: 7, place: place(2) }, 2e9);
  assert.is(drops('no-slot'), 1, 'the session has ended meanwhile: it waits on');
});

clerk('64 peers may have a second place; one that goes makes room', () => {
  const { clerk, memory } = office();
  const second = (peer: number) =>
    memory.words[(L.PEERS + peer * L.PEER_BYTES + L.PEER_SECOND) >> 2] ?? 0;
  for (let peer = 1; peer <= 65; peer++) {
    clerk.apply({ kind: 'peer', peer, roams: false }, 0);
    clerk.apply({ kind: 'place', peer, place: place(1), second: place(peer, 70 + peer) }, 0);
  }
  const rows = new Set(Array.from({ length: 64 }, (_, i) => second(i + 1)));
  assert.is(rows.size, 64);
  assert.is(second(65), 0);
  assert.is(memory.words[(second(9) + L.PEER_CHANNEL) >> 2], 79);
  clerk.apply({ kind: 'place', peer: 9, place: place(2) }, 0);
  assert.is.not(second(9), 0, 'as it was');
  clerk.apply({ kind: 'place', peer: 9, place: place(2), second: null }, 0);
  assert.is(second(9), 0);
  clerk.apply({ kind: 'place', peer: 65, place: place(1), second: place(5) }, 0);
  assert.ok(rows.has(second(65)));
  clerk.apply({ kind: 'peer-gone', peer: 10 }, 0);
  clerk.apply({ kind: 'place', peer: 9, place: place(2), second: place(3) }, 0);
  assert.ok(rows.has(second(9)));
  assert.is.not(second(9), second(65));
});

clerk.run();
