import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as L from '../../../agent/dataplane/layout.js';
import { Offline, SEND_KEY, type Train } from '../offline.js';
import { packet, segments, superRead } from '../packets.js';
import { numbers } from '../random.js';
import { openedWith } from '../twin.js';

const transmit = suite('dataplane/simd/transmit');

/** Decrypts what a train carries, in order. */
function texts(trains: readonly Train[]): Buffer[] {
  return trains.flatMap(({ datagrams }) =>
    datagrams.map((datagram) =>
      openedWith(SEND_KEY, datagram.readBigUInt64LE(8), datagram.subarray(16)),
    ),
  );
}

function checkTrains(trains: readonly Train[]): void {
  for (const { datagrams } of trains) {
    const bytes = datagrams.reduce((sum, one) => sum + one.length, 0);
    const first = datagrams[0]!.length;
    assert.ok(datagrams.length <= 64, `${datagrams.length} datagrams in a train`);
    assert.ok(bytes <= 65_507, `${bytes} bytes in a train`);
    for (const one of datagrams.slice(0, -1)) assert.is(one.length, first);
    assert.ok(datagrams.at(-1)!.length <= first);
  }
}

for (const v6 of [false, true]) {
  for (const tcp of [true, false]) {
    for (const segment of [1348, 1200, 536, 33]) {
      const name = `${tcp ? 'TCP' : 'UDP'} over IPv${v6 ? 6 : 4}, segments of ${segment}`;
      transmit(`cuts what the kernel would have cut: ${name}`, () => {
        const most = 65_535 - (v6 ? 40 : 20) - 32;
        for (const payload of [1, 7, 700, 1348, 1349, 5000, 20_001, 40_000, most]) {
          if (!tcp && payload / segment > 64) continue;
          const node = new Offline();
          node.peer(0);
          const whole = packet({ v6, tcp, payload });
          const trains = node.transmit(superRead(whole, tcp, segment));
          trains.push(...node.trains());
          checkTrains(trains);
          const want = payload > segment ? segments(whole, tcp, segment) : [whole];
          const got = texts(trains);
          assert.is(got.length, want.length);
          for (const [i, one] of got.entries()) {
            const wanted = want[i]!;
            assert.ok(one.subarray(0, wanted.length).equals(wanted), `segment ${i} of ${payload}`);
            const padding = one.subarray(wanted.length);
            assert.ok(padding.every((byte) => byte === 0));
            const full = (wanted.length + 15) & ~15;
            assert.is(one.length, Math.max(wanted.length, Math.min(full, 1420)), 'padding');
          }
        }
      });
    }
  }
}

transmit('FIN and PSH stay on the last segment, CWR on the first', () => {
  const node = new Offline();
  node.peer(0);
  const whole = packet({ v6: false, tcp: true, payload: 3000, flags: 0x99 });
  const got = texts([...node.transmit(superRead(whole, true, 1000)), ...node.trains()]);
  assert.equal(
    got.map((one) => one[33]),
    [0x90, 0x10, 0x19],
  );
});

transmit(
  'counters go up by one, the receiver is the remote index, the padding obeys the MTU',
  () => {
    const node = new Offline({ mtu: 1281 });
    node.peer(0, 5);
    for (const payload of [1, 1281 - 28, 1281 - 29]) {
      node.transmit(Buffer.concat([Buffer.alloc(10), packet({ v6: false, tcp: false, payload })]));
    }
    const all = node.trains().flatMap(({ datagrams }) => datagrams);
    assert.equal(
      all.map((one) => one.readBigUInt64LE(8)),
      [0n, 1n, 2n],
    );
    assert.ok(all.every((one) => one.readUInt32LE(0) === 4 && one.readUInt32LE(4) === 1005));
    assert.equal(
      all.map((one) => one.length - 32),
      [32, 1281, 1280],
    );
  },
);

transmit('each peer gets trains of its own, in the order of its packets', () => {
  const node = new Offline();
  for (let peer = 0; peer < 5; peer++) {
    node.peer(peer);
    node.owners.set(`0a00000${peer}`, peer);
  }
  const sent: Buffer[][] = [[], [], [], [], []];
  for (let i = 0; i < 32; i++) {
    const peer = (i * 7) % 5;
    const whole = packet({ v6: false, tcp: false, payload: 100, to: `0a00000${peer}`, port: i });
    sent[peer]!.push(whole);
    node.transmit(Buffer.concat([Buffer.alloc(10), whole]));
  }
  const trains = node.trains();
  assert.is(trains.length, 5);
  for (const train of trains) {
    assert.is(train.name[7], train.peer);
    const got = texts([train]).map((one) => one.subarray(0, 128).toString('hex'));
    assert.equal(
      got,
      sent[train.peer]!.map((one) => one.toString('hex')),
    );
  }
});

transmit('without UDP_SEGMENT every datagram travels alone', () => {
  const node = new Offline({ gso: false });
  node.peer(0);
  const whole = packet({ v6: false, tcp: true, payload: 9000 });
  const trains = [...node.transmit(superRead(whole, true, 1000)), ...node.trains()];
  assert.is(trains.length, 9);
});

transmit('headers that lie, strangers and spent counters are counted, nothing leaves', () => {
  const node = new Offline();
  node.peer(0);
  node.owners.set('0a000063', -1);
  const good = superRead(packet({ v6: false, tcp: true, payload: 3000 }), true, 1000);
  const lies = [
    [1, 4], // TCP over IPv6, but the packet is IPv4
    [1, 9], // unknown
    [4, 0], // segment size 0, both bytes
    [6, 255], // transport header far behind
    [10, 0x15], // IP version 1
  ] as const;
  for (const [at, value] of lies) {
    const bad = Buffer.from(good);
    bad[at] = value;
    if (at === 4) bad[5] = 0;
    node.transmit(bad);
  }
  const short = superRead(packet({ v6: false, tcp: true, payload: 3 }), true, 2);
  short[10 + 20 + 12] = 0xf0; // a TCP header of 60 bytes, in a packet of 55
  node.transmit(short);
  node.transmit(Buffer.alloc(29));
  node.transmit(Buffer.alloc(0));
  assert.is(node.drops(L.DROP_INSIDE_MALFORMED), 8);
  node.transmit(
    Buffer.concat([
      Buffer.alloc(10),
      packet({ v6: false, tcp: false, payload: 9, to: '0a000063' }),
    ]),
  );
  assert.is(node.drops(L.DROP_NO_ROUTE), 1);
  node.counters.set(0, 2 ** 32 - 2 ** 24 - 2);
  node.transmit(good);
  assert.is(node.drops(L.DROP_COUNTER_SPENT), 1);
  node.memory.bytes[L.PEERS + L.PEER_NAME_LENGTH] = 0;
  node.transmit(good);
  assert.is(node.drops(L.DROP_NO_PLACE), 1);
  assert.equal(node.trains(), []);
});

transmit('a session past its renew moment is told once', () => {
  const node = new Offline();
  node.peer(0);
  node.memory.wasm.endSession(0);
  node.begin(0, 0, 180_000, false, 120_000);
  node.use(0, 0);
  const read = Buffer.concat([Buffer.alloc(10), packet({ v6: false, tcp: false, payload: 9 })]);
  node.transmit(read, 119_999);
  assert.equal(node.notes(), []);
  for (const now of [120_000, 120_001]) node.transmit(read, now);
  assert.equal(node.notes(), [{ kind: L.NOTE_STALE, id: 0, pointer: 0, length: 0 }]);
});

transmit('a flood of junk reads neither traps nor writes outside its places', () => {
  const node = new Offline();
  node.peer(0);
  const before = Buffer.from(node.memory.bytes.slice(L.RECEIVE_MESSAGES, L.WAITING)).toString(
    'hex',
  );
  const random = numbers(1);
  for (let i = 0; i < 3_000; i++) {
    const good = superRead(
      packet({ v6: i % 2 === 0, tcp: i % 3 !== 0, payload: random() % 4_000 }),
      i % 3 !== 0,
      1 + (random() % 1_400),
    );
    for (let k = 0; k < 4; k++) good[random() % Math.min(good.length, 80)] = random() >>> 16;
    checkTrains(node.transmit(good.subarray(0, random() % (good.length + 1))));
    checkTrains(node.trains());
  }
  const memory = node.memory.bytes;
  const row = (L.SESSIONS - L.RECEIVE_MESSAGES) * 2;
  const after = Buffer.from(memory.slice(L.RECEIVE_MESSAGES, L.WAITING)).toString('hex');
  const routes = [(L.ROUTES - L.RECEIVE_MESSAGES) * 2, (L.INDEX - L.RECEIVE_MESSAGES) * 2] as const;
  assert.ok(after.slice(0, routes[0]) === before.slice(0, routes[0]), 'receive structures');
  assert.ok(after.slice(routes[1], row) === before.slice(routes[1], row), 'index');
  const rest = row + L.SESSION_BYTES * 2;
  const peers = (L.PEERS - L.RECEIVE_MESSAGES) * 2;
  assert.ok(after.slice(rest, peers) === before.slice(rest, peers), 'other sessions');
});

transmit.run();
