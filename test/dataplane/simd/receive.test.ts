import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as L from '../../../agent/dataplane/layout.js';
import { Offline } from '../offline.js';
import { packet } from '../packets.js';
import { numbers } from '../random.js';

const receive = suite('dataplane/simd/receive');

const inner = packet({ v6: false, tcp: false, payload: 20, from: '0a000001' });
const inner6 = packet({ v6: true, tcp: false, payload: 20 });

function node(flags = L.PEER_EXISTS): Offline {
  const made = new Offline();
  made.peer(0, 0, flags);
  return made;
}

receive('a good packet comes out, its copy does not, nor what is replayed later', () => {
  const n = node();
  const data = n.fromPeer(inner, 7);
  assert.is(n.receive([{ data }, { data }]).written.length, 1);
  assert.is(n.drops(L.DROP_REPLAY), 1);
  assert.is(n.receive([{ data }]).opened, 0);
  assert.is(n.drops(L.DROP_REPLAY), 2);
});

receive('every flipped bit of a datagram makes it a stranger', () => {
  const n = node();
  const data = n.fromPeer(inner, 7);
  for (let bit = 0; bit < data.length * 8; bit++) {
    const bad = Buffer.from(data);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(n.receive([{ data: bad }]).written.length, 0, `bit ${bit}`);
    n.memory.wasm.takeHandshakes();
  }
  assert.is(n.receive([{ data }]).written.length, 1);
});

receive('every truncation is dropped and counted', () => {
  const n = node();
  const data = n.fromPeer(inner, 7);
  for (let length = 1; length < data.length; length++)
    n.receive([{ data: data.subarray(0, length) }]);
  assert.is(n.drops(L.DROP_OUTSIDE_MALFORMED), 31);
  assert.is(n.drops(L.DROP_FORGED), data.length - 32);
});

receive('a GRO train is split; its last datagram may be shorter', () => {
  const n = new Offline({ vnet: false });
  n.peer(0);
  const parts = [0, 1, 2].map((i) => n.fromPeer(inner, i));
  parts.push(n.fromPeer(Buffer.alloc(0), 3));
  const data = Buffer.concat(parts);
  assert.is(n.receive([{ data, segment: parts[0]!.length }]).written.length, 3);
});

const malformed: ReadonlyArray<readonly [string, Uint8Array]> = [
  [
    'longer than it is',
    (() => {
      const b = Buffer.from(inner);
      b.writeUInt16BE(49, 2);
      return b;
    })(),
  ],
  [
    'IPv4 header too short',
    (() => {
      const b = Buffer.from(inner);
      b[0] = 0x44;
      return b;
    })(),
  ],
  [
    'shorter than its header',
    (() => {
      const b = Buffer.from(inner);
      b.writeUInt16BE(19, 2);
      return b;
    })(),
  ],
  [
    'IPv6 longer than it is',
    (() => {
      const b = Buffer.from(inner6);
      b[5]!++;
      return b;
    })(),
  ],
  ['39 bytes of IPv6', inner6.subarray(0, 39)],
  ['19 bytes of IPv4', inner.subarray(0, 19)],
  ['version 5', Buffer.concat([Buffer.from([0x50]), inner])],
  ['one byte', Buffer.from([0x45])],
];

for (const [name, text] of malformed) {
  receive(`authentic but malformed: ${name}`, () => {
    const n = node();
    assert.is(n.receive([{ data: n.fromPeer(text, 0) }]).written.length, 0);
    assert.is(n.drops(L.DROP_INNER_MALFORMED), 1);
  });
}

receive('padding behind the packet is cut off', () => {
  const n = node();
  const { written } = n.receive([
    { data: n.fromPeer(Buffer.concat([inner, Buffer.alloc(13)]), 0) },
  ]);
  assert.is(written[0]!.packet.length, inner.length);
});

receive("a source that is another peer's, or nobody's, is refused; one's own passes", () => {
  const n = node();
  n.peer(1);
  n.owners.set('0a000001', 1);
  n.receive([{ data: n.fromPeer(inner, 0) }]);
  assert.is(n.drops(L.DROP_INNER_SOURCE), 1);
  assert.is(n.receive([{ data: n.fromPeer(inner, 0, 1) }]).written.length, 1);
  n.owners.set('0a000001', -1);
  n.memory.wasm.routesChanged();
  n.receive([{ data: n.fromPeer(inner, 1, 1) }]);
  assert.is(n.drops(L.DROP_INNER_SOURCE), 2);
});

receive('look-ups are remembered until the routes change', () => {
  const n = node();
  for (let i = 0; i < 50; i++) n.receive([{ data: n.fromPeer(inner, i) }]);
  assert.is(n.lookups, 1);
  n.memory.wasm.routesChanged();
  n.receive([{ data: n.fromPeer(inner, 50) }]);
  assert.is(n.lookups, 2);
});

receive('after reject-after-time nothing is opened', () => {
  const n = node();
  n.memory.wasm.endSession(0);
  n.begin(0, 0, 180_000);
  assert.is(n.receive([{ data: n.fromPeer(inner, 0) }], 179_999).written.length, 1);
  assert.is(n.receive([{ data: n.fromPeer(inner, 1) }], 180_000).opened, 0);
  assert.is(n.drops(L.DROP_EXPIRED), 1);
});

receive('sessions that come and go are found by their index, and only while they are there', () => {
  const n = new Offline();
  const live = new Map<number, number>();
  const random = numbers(3);
  const find = (index: number) =>
    (n.memory.wasm as unknown as { findSession(i: number): number }).findSession(index);
  for (let step = 0; step < 30_000; step++) {
    const session = random() % L.SESSIONS_MAX;
    if (live.has(session)) {
      n.memory.wasm.endSession(session);
      live.delete(session);
    } else {
      const index = step * 131_072 + (random() & 0xffff); // no two alike
      n.memory.wasm.beginSession(session, 0, index, 1, 0, 0, 0);
      live.set(session, index);
    }
  }
  for (const [session, index] of live) assert.is(find(index), session);
  for (let i = 0; i < 1_000; i++) assert.is(find(random() & ~1), -1);
});

receive('ended sessions leave no key behind', () => {
  const n = node();
  n.memory.wasm.endSession(0);
  const row = n.memory.bytes.subarray(L.SESSIONS, L.SESSIONS + L.SESSION_BYTES);
  assert.ok(row.every((byte) => byte === 0));
  assert.is(n.receive([{ data: n.fromPeer(inner, 0) }]).opened, 0);
  assert.is(n.drops(L.DROP_UNKNOWN_INDEX), 1);
});

receive('a session past its renew moment is told once', () => {
  const n = node();
  n.memory.wasm.endSession(0);
  n.begin(0, 0, 180_000, false, 165_000);
  n.use(0, 0);
  for (const [i, now] of [164_999, 165_000, 165_001].entries()) {
    n.receive([{ data: n.fromPeer(inner, i) }], now);
  }
  assert.equal(n.notes(), [{ kind: L.NOTE_STALE, id: 0, pointer: 0, length: 0 }]);
});

receive('confirmed once, and only for a session not in use', () => {
  const n = node();
  n.begin(1, 0, Number.POSITIVE_INFINITY);
  n.receive([{ data: n.fromPeer(inner, 0) }]);
  assert.equal(n.notes(), []);
  for (let i = 0; i < 3; i++) n.receive([{ data: n.fromPeer(inner, i, 1) }]);
  assert.equal(n.notes(), [{ kind: L.NOTE_CONFIRMED, id: 1, pointer: 0, length: 0 }]);
});

const elsewhere = Buffer.from([2, 0, 0x10, 0, 198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0]);

receive('who roams is followed at once, a member is only seen, once a second', () => {
  const roaming = node(L.PEER_EXISTS | L.PEER_ROAMS);
  roaming.receive([{ data: roaming.fromPeer(inner, 0), name: elsewhere }]);
  assert.equal(
    roaming.notes().map(({ kind }) => kind),
    [L.NOTE_ROAMED],
  );
  assert.ok(elsewhere.equals(roaming.memory.bytes.subarray(L.PEERS, L.PEERS + 16)));

  const member = node(L.PEER_EXISTS | L.PEER_MEMBER);
  for (const [i, now] of [5_000, 5_100, 5_999, 6_000].entries()) {
    member.receive([{ data: member.fromPeer(inner, i), name: elsewhere }], now);
  }
  assert.equal(
    member.notes().map(({ kind }) => kind),
    [L.NOTE_SEEN, L.NOTE_SEEN],
  );
  assert.not(elsewhere.equals(member.memory.bytes.subarray(L.PEERS, L.PEERS + 16)));
});

receive('what is forged moves nobody', () => {
  const n = node(L.PEER_EXISTS | L.PEER_ROAMS);
  const bad = n.fromPeer(inner, 0);
  bad[20]! ^= 1;
  n.receive([{ data: bad, name: elsewhere }]);
  assert.equal(n.notes(), []);
});

receive('control frames are for members', () => {
  const frame = Buffer.from('a10102', 'hex');
  const member = node(L.PEER_EXISTS | L.PEER_MEMBER);
  member.receive([{ data: member.fromPeer(frame, 0) }]);
  const [note] = member.notes();
  assert.is(note!.kind, L.NOTE_FRAME);
  assert.ok(
    frame.equals(member.memory.bytes.subarray(note!.pointer, note!.pointer + note!.length)),
  );
  const stranger = node();
  stranger.receive([{ data: stranger.fromPeer(frame, 0) }]);
  assert.equal(stranger.notes(), []);
  assert.is(stranger.drops(L.DROP_FRAME_STRANGER), 1);
});

receive('handshake messages are listed, other types and reserved bytes refused', () => {
  const n = node();
  const data = Buffer.alloc(148);
  for (const type of [1, 2, 3]) {
    data[0] = type;
    n.receive([{ data }]);
    assert.is(n.memory.wasm.takeHandshakes(), 1);
  }
  for (const word of [0, 5, 0x21, 0x0104, 0x01000004, 0xffffffff]) {
    data.writeUInt32LE(word, 0);
    n.receive([{ data }]);
    assert.is(n.memory.wasm.takeHandshakes(), 0);
  }
  assert.is(n.drops(L.DROP_OUTSIDE_MALFORMED), 6);
});

receive('junk and mutants neither trap nor touch keys, peers or windows', () => {
  const n = node();
  const random = numbers(11);
  const region = (from: number, to: number) => Buffer.from(n.memory.bytes.slice(from, to));
  const places = [
    [L.INDEX, L.WAITING],
    [L.WINDOWS, L.WINDOWS + 64 * L.WINDOW_BYTES],
  ] as const;
  const before = places.map(([from, to]) => region(from, to));
  for (let i = 0; i < 2_000; i++) {
    const messages = Array.from({ length: 1 + (random() % 16) }, () => {
      const data = n.fromPeer(Buffer.alloc(random() % 200, random()), i);
      for (let k = 0; k < 1 + (random() % 6); k++)
        data[random() % data.length]! ^= 1 + (random() % 255);
      return { data: data.subarray(0, 1 + (random() % data.length)), segment: random() % 300 };
    });
    assert.equal(n.receive(messages).written, []);
    n.memory.wasm.takeHandshakes();
  }
  for (const [i, [from, to]] of places.entries()) assert.ok(region(from, to).equals(before[i]!));
});

receive.run();
