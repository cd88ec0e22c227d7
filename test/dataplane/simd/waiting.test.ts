import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as L from '../../../agent/dataplane/layout.js';
import { Offline } from '../offline.js';
import { numbers } from '../random.js';

const waiting = suite('dataplane/simd/waiting');

const PEERS = 20;

/** A node whose peers have no session; address 10.0.0.N is peer N's. */
function lonely(): Offline {
  const node = new Offline({ vnet: false });
  for (let peer = 0; peer < PEERS; peer++) {
    node.owners.set(Buffer.from([10, 0, 0, peer]).toString('hex'), peer);
  }
  return node;
}

/** An IPv4 packet that names its number. */
function read(peer: number, number: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, number & 255);
  bytes[0] = 0x45;
  bytes.writeUInt32BE(number, 4);
  bytes.set([10, 0, 0, peer], 16);
  return bytes;
}

function take(node: Offline, peer: number): Buffer | undefined {
  const bytes = node.memory.wasm.takeWaiting(peer);
  if (bytes === 0) return undefined;
  return Buffer.from(node.memory.bytes.slice(L.TUN_READ, L.TUN_READ + bytes));
}

waiting('packets come back whole and in order, `want` was raised once', () => {
  const node = lonely();
  const reads = [40, 41, 1_500, 65_000].map((length, i) => read(3, i, length));
  for (const one of reads) assert.equal(node.transmit(one), []);
  assert.equal(node.notes(), [{ kind: L.NOTE_WANT, id: 3, pointer: 0, length: 0 }]);
  for (const one of reads) assert.ok(one.equals(take(node, 3)!));
  assert.is(take(node, 3), undefined);
});

waiting('of more than 32 the oldest go', () => {
  const node = lonely();
  for (let i = 0; i < 40; i++) node.transmit(read(1, i, 100));
  assert.is(node.drops(L.DROP_WAITING_FULL), 8);
  assert.is(take(node, 1)!.readUInt32BE(4), 8);
});

waiting('an expired session makes packets wait too', () => {
  const node = lonely();
  node.peer(2);
  node.memory.wasm.endSession(2);
  node.begin(2, 2, 1_000);
  node.use(2, 2);
  node.transmit(read(2, 0, 100), 999);
  assert.is(node.trains().length, 1);
  node.transmit(read(2, 1, 100), 1_000);
  assert.is(node.trains().length, 0);
  assert.is(take(node, 2)!.readUInt32BE(4), 1);
});

waiting('agrees with arrays over 20,000 random steps', () => {
  const node = lonely();
  const twin: number[][] = Array.from({ length: PEERS }, () => []);
  const random = numbers(5);
  let number = 0;
  let lost = 0;
  for (let step = 0; step < 20_000; step++) {
    const peer = random() % PEERS;
    const mine = twin[peer]!;
    const choice = random() % 10;
    if (choice < 7) {
      const length = random() % 20 === 0 ? 20_000 + (random() % 45_000) : 40 + (random() % 1_500);
      node.transmit(read(peer, number, length));
      mine.push(number++);
    } else if (choice < 9) {
      const got = take(node, peer);
      if (got === undefined) {
        lost += mine.length;
        mine.length = 0;
      } else {
        // The oldest may have been displaced, but what is left is in order.
        const at = mine.indexOf(got.readUInt32BE(4));
        assert.ok(at >= 0, 'one that waits');
        lost += at;
        mine.splice(0, at + 1);
      }
    } else if (random() % 20 === 0) {
      const before = node.drops(L.DROP_WAITING_EXPIRED);
      node.memory.wasm.dropWaiting(peer);
      lost += mine.length - (node.drops(L.DROP_WAITING_EXPIRED) - before);
      mine.length = 0;
    }
    assert.ok(mine.length <= 32 || node.drops(L.DROP_WAITING_FULL) > 0);
  }
  for (let peer = 0; peer < PEERS; peer++) {
    const mine = twin[peer]!;
    let left = 0;
    for (let got = take(node, peer); got; got = take(node, peer)) {
      assert.ok(mine.includes(got.readUInt32BE(4)));
      left++;
    }
    assert.ok(left <= 32);
    lost += mine.length - left;
  }
  assert.is(lost, node.drops(L.DROP_WAITING_FULL));
});

waiting.run();
