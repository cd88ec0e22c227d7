import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Offline, type Written } from '../offline.js';
import { packet, pseudo, segments, sum } from '../packets.js';

const coalesce = suite('dataplane/simd/coalesce');

const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 15)]);

/** Sends packets as sealed datagrams of a peer, each a message of its own. */
function deliver(node: Offline, packets: readonly Buffer[]): Written[] {
  return node.receive(packets.map((one, i) => ({ data: node.fromPeer(pad(one), i) }))).written;
}

/** Cuts what went to the TUN again, as its kernel does, after checking the header. */
function restore({ header, packet: whole }: Written, tcp: boolean): Buffer[] {
  if (header[1] === 0) {
    assert.is(header[0], 0);
    return [whole];
  }
  const v6 = whole[0]! >> 4 === 6;
  const transport = v6 ? 40 : 20;
  assert.is(header[0], 1, 'needs a checksum');
  assert.is(header[1], tcp ? (v6 ? 4 : 1) : 5);
  assert.is(header.readUInt16LE(2), transport + (tcp ? 32 : 8));
  assert.is(header.readUInt16LE(6), transport);
  assert.is(header.readUInt16LE(8), tcp ? 16 : 6);
  assert.is(whole.readUInt16BE(transport + (tcp ? 16 : 6)), sum(pseudo(whole)), 'pseudo-header');
  if (v6) assert.is(whole.readUInt16BE(4), whole.length - 40);
  else {
    assert.is(whole.readUInt16BE(2), whole.length);
    assert.is(sum(whole.subarray(0, 20)), 0xffff);
  }
  return segments(whole, tcp, header.readUInt16LE(4));
}

for (const v6 of [false, true]) {
  for (const tcp of [true, false]) {
    coalesce(`what was cut comes back whole: ${tcp ? 'TCP' : 'UDP'} over IPv${v6 ? 6 : 4}`, () => {
      for (const segment of [1348, 536, 100]) {
        const node = new Offline();
        node.peer(0);
        const most = 65_535 - (v6 ? 0 : 20) - 32;
        const whole = packet({ v6, tcp, payload: Math.min(most, segment * 64 - 5) });
        const parts = segments(whole, tcp, segment);
        const written = deliver(node, parts);
        const back = written.flatMap((one) => restore(one, tcp));
        assert.is(back.length, parts.length);
        for (const [i, one] of back.entries()) assert.ok(one.equals(parts[i]!), `segment ${i}`);
        assert.is(written.length, Math.ceil(parts.length / 16), 'one per batch of 16');
      }
    });
  }
}

const base = { v6: false, tcp: true, payload: 500, from: '0a000001', to: '0a000002' } as const;
const second = { ...base, sequence: 1_500 };
const first = { ...base, sequence: 1_000, flags: 0x10 };

function edited(one: Buffer, edit: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(one);
  edit(bytes);
  bytes.writeUInt16BE(0, 10);
  bytes.writeUInt16BE(0xffff ^ sum(bytes.subarray(0, 20)), 10);
  bytes.writeUInt16BE(0, 36);
  const value = 0xffff ^ sum(Buffer.concat([pseudo(bytes), bytes.subarray(20)]));
  bytes.writeUInt16BE(value, 36);
  return bytes;
}

const apart: ReadonlyArray<readonly [string, Buffer]> = [
  ['a gap in the sequence', packet({ ...second, sequence: 1_501 })],
  ['another port', packet({ ...second, port: 4_001 })],
  ['another source', packet({ ...second, from: '0a000003' })],
  ['SYN', packet({ ...second, flags: 0x12 })],
  ['FIN', packet({ ...second, flags: 0x11 })],
  ['a longer payload', packet({ ...second, payload: 501 })],
  ['another type of service', edited(packet(second), (b) => b.writeUInt8(4, 1))],
  ['another time to live', edited(packet(second), (b) => b.writeUInt8(63, 8))],
  ['a fragment', edited(packet(second), (b) => b.writeUInt16BE(0x2000, 6))],
  ['another acknowledgement', edited(packet(second), (b) => b.writeUInt8(8, 31))],
  ['another window', edited(packet(second), (b) => b.writeUInt8(9, 35))],
  ['other options', edited(packet(second), (b) => b.writeUInt8(9, 51))],
  [
    'a broken checksum',
    (() => {
      const b = packet(second);
      b[60]! ^= 1;
      return b;
    })(),
  ],
  [
    'a broken IP checksum',
    (() => {
      const b = packet(second);
      b[10]! ^= 1;
      return b;
    })(),
  ],
];

for (const [name, other] of apart) {
  coalesce(`stays apart, in order and untouched: ${name}`, () => {
    const node = new Offline();
    node.peer(0);
    const one = packet(first);
    const written = deliver(node, [one, other]);
    assert.equal(
      written.map(({ header, packet: bytes }) => [header[0], bytes.toString('hex')]),
      [one, other].map((bytes) => [0, bytes.toString('hex')]),
    );
  });
}

coalesce('the two of them do go together when nothing differs', () => {
  const node = new Offline();
  node.peer(0);
  const written = deliver(node, [packet(first), packet(second)]);
  assert.is(written.length, 1);
  assert.is(written[0]!.packet.length, 52 + 1_000);
  assert.is(written[0]!.packet[33], 0x18, 'PSH of the last');
});

coalesce('what cannot be coalesced ends its flow: nothing overtakes it', () => {
  const node = new Offline();
  node.peer(0);
  const between = packet({ ...second, flags: 0x30 });
  const packets = [packet(first), between, packet(second)];
  assert.equal(
    deliver(node, packets).map((one) => one.packet.toString('hex')),
    packets.map((one) => one.toString('hex')),
  );
});

coalesce('a superpacket has at most 64 segments', () => {
  const node = new Offline();
  node.peer(0);
  const parts = segments(packet({ ...base, payload: 100 * 100 }), true, 100);
  const sealed = parts.map((one, i) => node.fromPeer(pad(one), i));
  const data = Buffer.concat(sealed);
  const { written } = node.receive([{ data, segment: sealed[0]!.length }]);
  assert.equal(
    written.map((one) => (one.packet.length - 52) / 100),
    [64, 36],
  );
});

coalesce('after PSH a flow begins anew; interleaved flows keep their order', () => {
  const node = new Offline();
  node.peer(0);
  const flows = [4_000, 4_001, 4_002];
  const packets: Buffer[] = [];
  for (let i = 0; i < 5; i++) {
    for (const port of flows) {
      packets.push(packet({ ...base, port, sequence: i * 500, flags: i === 2 ? 0x18 : 0x10 }));
    }
  }
  const written = deliver(node, packets.slice(0, 15));
  for (const port of flows) {
    const mine = written.filter(({ packet: one }) => one.readUInt16BE(20) === port);
    const back = mine.flatMap((one) => restore(one, true));
    const want = packets.filter((one) => one.readUInt16BE(20) === port);
    assert.is(mine.length, 2);
    assert.equal(
      back.map((b) => b.readUInt32BE(24)),
      want.map((b) => b.readUInt32BE(24)),
    );
  }
});

coalesce('without virtio_net_hdr packets are written as they are', () => {
  const node = new Offline({ vnet: false });
  node.peer(0);
  const packets = [packet(first), packet(second)];
  const written = deliver(node, packets);
  assert.equal(
    written.map((one) => one.packet.toString('hex')),
    packets.map((b) => b.toString('hex')),
  );
});

coalesce('without USO for writing, UDP is written packet by packet', () => {
  const node = new Offline({ udp: false });
  node.peer(0);
  const parts = segments(packet({ v6: false, tcp: false, payload: 4_000 }), false, 1_000);
  assert.is(deliver(node, parts).length, 4);
});

coalesce.run();
