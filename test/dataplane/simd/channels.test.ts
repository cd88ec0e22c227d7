// Relay channels: through them to us, and from one member to another.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as L from '../../../agent/dataplane/layout.js';
import { unwrap, wrap } from '../../../agent/wireguard/channel.js';
import { Offline } from '../offline.js';
import { packet as packetOf } from '../packets.js';

const channels = suite('dataplane/simd/channels');
const MEMBER = L.PEER_EXISTS | L.PEER_MEMBER;

/** As `Offline.peer` places it. */
const nameOf = (peer: number, port = 0xca6c) => {
  const bytes = [2, 0, port >> 8, port & 255, 192, 0, 2, peer, 0, 0, 0, 0];
  return Uint8Array.from([...bytes, 0, 0, 0, 0]);
};

function setChannel(node: Offline, peer: number, channel: number): void {
  const word = (L.PEERS + peer * L.PEER_BYTES + L.PEER_CHANNEL) >> 2;
  node.memory.words[word - 1] = 0x21;
  node.memory.words[word] = channel;
}

/** A relay with members 1 and 2; channel 111 of the one is 222 of the other. */
function relay(): Offline {
  const node = new Offline();
  for (const peer of [1, 2, 3]) node.peer(peer, peer, MEMBER);
  node.memory.wasm.openCircuit(0, 1, 111, 2, 222);
  return node;
}

const inner = (bytes: number, fill = 7) => {
  const datagram = new Uint8Array(bytes).fill(fill);
  datagram.set([4, 0, 0, 0]);
  return datagram;
};

const metered = (node: Offline, circuit = 0) => {
  const row = L.CIRCUITS + circuit * L.CIRCUIT_BYTES;
  return [node.memory.view.getFloat64(row, true), node.memory.view.getFloat64(row + 8, true)];
};

channels('what comes on one leg leaves on the other as it came, both ways', () => {
  for (const [from, to, comes, leaves] of [
    [1, 2, 111, 222],
    [2, 1, 222, 111],
  ] as const) {
    const node = relay();
    const { written } = node.receive([{ data: wrap(inner(100), comes), name: nameOf(from) }], 5);
    const [train] = node.trains();
    assert.is(written.length, 0);
    assert.is(train?.peer, to);
    assert.is(train!.name[7], to);
    assert.equal(unwrap(train!.datagrams[0]!), { channel: leaves, inner: Buffer.from(inner(100)) });
    assert.equal(metered(node), [100, 5]);
    assert.is(node.memory.words[L.RELAYED >> 2], 1);
    assert.is(node.memory.words[(L.RELAYED >> 2) + 1], 0);
  }
});

channels('trains stay trains', () => {
  const node = relay();
  const parts = Array.from({ length: 40 }, (_, i) => wrap(inner(1_000, i), 111));
  parts.push(wrap(inner(300, 99), 111));
  node.receive([{ data: Buffer.concat(parts), segment: 1_008, name: nameOf(1) }]);
  const trains = node.trains();
  assert.is(trains.length, 1);
  const got = trains[0]!.datagrams.map((datagram) => unwrap(datagram)!);
  assert.is(got.length, 41);
  assert.ok(got.every(({ channel }) => channel === 222));
  assert.equal(
    got.map((one) => one.inner[50]),
    [...Array(40).keys(), 99],
  );
  assert.is(metered(node)[0], 40_300);
});

channels('more than fits at once is dropped, and the rest is whole', () => {
  const node = relay();
  const parts = Array.from({ length: 1_600 }, () => wrap(inner(32), 111));
  const data = Buffer.concat(parts);
  node.receive([0, 1].map(() => ({ data, segment: 40, name: nameOf(1) })));
  const count = node.trains().reduce((sum, { datagrams }) => sum + datagrams.length, 0);
  assert.ok(count > 1_900, `${count}`);
  assert.is(count + node.drops(L.DROP_CHANNEL_LIMIT), 3_200);
});

channels('from another endpoint, of a member not met, to one that is nowhere: dropped', () => {
  const nowhere = (node: Offline) => {
    node.memory.bytes[L.PEERS + 2 * L.PEER_BYTES + L.PEER_NAME_LENGTH] = 0;
  };
  const cases: ReadonlyArray<readonly [(node: Offline) => void, Uint8Array]> = [
    [() => {}, nameOf(1, 5)],
    [() => {}, nameOf(3)],
    [(node) => node.use(1, null), nameOf(1)],
    [(node) => node.use(2, null), nameOf(1)],
    [nowhere, nameOf(1)],
    [(node) => setChannel(node, 1, 9), nameOf(1)],
    [(node) => setChannel(node, 2, 9), nameOf(1)],
  ];
  for (const [i, [prepare, name]] of cases.entries()) {
    const node = relay();
    prepare(node);
    node.receive([{ data: wrap(inner(64), 111), name }], 2_000);
    assert.is(node.trains().length, 0, `case ${i}`);
    assert.is(node.drops(L.DROP_CHANNEL_SOURCE), 1, `case ${i}`);
    assert.equal(metered(node), [0, 0]);
  }
});

channels('an unknown channel is told, once a second', () => {
  const node = relay();
  for (const [now, told] of [
    [5_000, 1],
    [5_999, 0],
    [6_000, 1],
  ] as const) {
    node.receive([{ data: wrap(inner(64), 333), name: nameOf(1) }], now);
    const notes = node.notes().filter(({ kind }) => kind === L.NOTE_CHANNEL_UNKNOWN);
    assert.is(notes.length, told, `${now}`);
    if (told) assert.is(notes[0]!.id, 333);
  }
  assert.is(node.drops(L.DROP_CHANNEL_UNKNOWN), 3);
});

channels('what is no channel datagram is malformed; there is no channel in a channel', () => {
  const node = relay();
  node.memory.wasm.addLeg(5);
  const bad = [
    wrap(inner(64), 111).subarray(0, 39),
    wrap(wrap(inner(64), 111), 111),
    wrap(new Uint8Array(64), 111),
    wrap(inner(64).fill(5, 0, 1), 5),
    wrap(inner(64).fill(1, 3, 4), 5),
    Uint8Array.from(wrap(inner(64), 111).fill(1, 1, 2)),
  ];
  for (const data of bad) node.receive([{ data, name: nameOf(1) }]);
  assert.is(node.drops(L.DROP_OUTSIDE_MALFORMED), bad.length);
  assert.is(node.trains().length, 0);
});

channels('a packet for us through a channel; where it came from is told', () => {
  const node = new Offline();
  node.peer(0, 0, MEMBER);
  node.memory.wasm.addLeg(77);
  const packet = packetOf({ v6: false, tcp: false, payload: 72, from: '0a000001' });
  const name = nameOf(9);
  const through = (text: Uint8Array, counter: number) =>
    node.receive([{ data: wrap(node.fromPeer(text, counter), 77), name }], 5_000);
  const { written } = through(packet, 0);
  assert.equal(written[0]?.packet, Buffer.from(packet));
  through(Uint8Array.of(0xa1, 1, 1), 1);
  const [seen, frame] = node.notes();
  assert.is(seen?.kind, L.NOTE_SEEN);
  assert.is(frame?.kind, L.NOTE_FRAME);
  const where = L.CIRCUIT_LEGS + 1;
  assert.is(seen!.pointer, where << L.WHERE_LEG);
  assert.is(frame!.length >>> 16, where << L.WHERE_LEG);
  assert.is(frame!.length & 0xffff, 3);
  // There it is, now: nothing is to be told.
  node.memory.bytes.set(name, L.PEERS);
  setChannel(node, 0, 77);
  through(packet, 2);
  assert.equal(node.notes(), []);
});

channels('to a member behind a channel: each datagram bears its header, in one train', () => {
  const node = new Offline({ vnet: false });
  node.peer(0);
  setChannel(node, 0, 55);
  const { wasm, bytes } = node.memory;
  for (let i = 0; i < 5; i++) {
    const packet = packetOf({ v6: false, tcp: false, payload: 484 });
    bytes.set(packet, L.TUN_READ);
    wasm.transmit(packet.length, 0);
  }
  const trains = node.trains();
  assert.is(trains.length, 1);
  assert.is(trains[0]!.datagrams.length, 5);
  for (const [i, datagram] of trains[0]!.datagrams.entries()) {
    assert.is(datagram.length, 8 + 512 + 32);
    assert.is(datagram.readUInt32LE(0), 0x21);
    assert.is(datagram.readUInt32LE(4), 55);
    assert.is(datagram.readUInt32LE(8), 4);
    assert.is(datagram.readUInt32LE(16), i);
  }
});

channels('256 lead to us, the oldest makes room; closed ones are forgotten', () => {
  const node = new Offline();
  node.peer(0, 0, MEMBER);
  const { wasm } = node.memory;
  for (let circuit = 0; circuit < L.CIRCUITS_MAX; circuit++) {
    assert.ok(wasm.openCircuit(circuit, 1, 10_000 + circuit, 2, 20_000 + circuit));
  }
  assert.not.ok(wasm.openCircuit(7, 1, 10_008, 2, 5));
  for (let channel = 1; channel <= 300; channel++) wasm.addLeg(channel);
  wasm.addLeg(10_000);
  wasm.removeLeg(10_000);
  wasm.removeLeg(200);
  wasm.closeCircuit(3);
  let unknown = 0;
  const isKnown = (channel: number) => {
    node.receive([{ data: wrap(inner(32), channel), name: nameOf(1) }]);
    const is = node.drops(L.DROP_CHANNEL_UNKNOWN) === unknown;
    unknown = node.drops(L.DROP_CHANNEL_UNKNOWN);
    return is;
  };
  for (const channel of [45, 299, 300, 10_000, 20_255]) assert.ok(isKnown(channel), `${channel}`);
  for (const channel of [0, 44, 200, 301, 10_003, 20_003, 10_007]) {
    assert.not.ok(isKnown(channel), `${channel}`);
  }
});

channels('a share is kept, and fair between openers', () => {
  const node = relay();
  const { wasm } = node.memory;
  wasm.openCircuit(1, 3, 333, 2, 444);
  wasm.setShare(100_000, 20_000, 0);
  const sent = [0, 0];
  const ask = (which: 0 | 1, now: number) => {
    const [channel, peer] = which === 0 ? [111, 1] : [333, 3];
    node.receive([{ data: wrap(inner(200), channel), name: nameOf(peer) }], now);
    sent[which] = (sent[which] ?? 0) + 200 * node.trains().length;
  };
  for (let now = 1; now <= 10_000; now++) {
    // The one asks for 1.2 MB/s, the other for 200 kB/s.
    for (let i = 0; i < 6; i++) ask(0, now);
    ask(1, now);
  }
  const [hog = 0, other = 0] = sent;
  assert.ok(hog + other <= 1_020_200, `${hog} + ${other} in all`);
  assert.ok(hog + other >= 950_000, `${hog} + ${other} in all`);
  assert.ok(other > 0.8 * hog, `${other} against ${hog}`);
  wasm.setShare(0, 0, 10_000);
  node.receive([{ data: wrap(inner(200), 111), name: nameOf(1) }], 20_000);
  assert.is(node.trains().length, 0);
});

channels.run();
