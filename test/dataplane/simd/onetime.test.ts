// One-time keys of batches of every size up to nine, against the keystream of node:crypto.

import { createCipheriv } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newWorkbench, ROOM } from '../engines/workbench.js';

const { wasm, table, packets } = newWorkbench();
const ENTRY_BYTES = 48;
const OUT = ROOM + 0x8000;
const COUNTERS = [0n, 1n, 0xffff_ffffn, 1n << 32n, 0x0123_4567_89ab_cdefn, (1n << 64n) - 1n];

const keyOf = (i: number) => Uint8Array.from({ length: 32 }, (_, at) => (at * 29 + i * 71) & 0xff);
const counterOf = (i: number) => COUNTERS[i % COUNTERS.length] ?? 0n;

/** RFC 8439, section 2.6, and the counter block as ChaCha20 takes it for the text. */
function entryOf(i: number): Buffer {
  const block = Buffer.alloc(16); // OpenSSL's: block number, then nonce
  block.writeBigUInt64LE(counterOf(i), 8);
  const key = createCipheriv('chacha20', keyOf(i), block).update(Buffer.alloc(32));
  block.writeUInt32LE(1, 0);
  return Buffer.concat([key, block]);
}

const onetime = suite('dataplane/simd/onetime');

for (const count of [0, 1, 2, 3, 4, 5, 7, 8, 9]) {
  onetime(`${count} packets from descriptor 3 on, each with its own key and counter`, () => {
    for (let i = 0; i < 12; i++) {
      const key = ROOM + i * 32;
      packets.bytes.set(keyOf(i), key);
      packets.write(i, { text: ROOM, length: 9, key, counter: counterOf(i), session: 0 });
    }
    packets.bytes.fill(0x5a, OUT - 64, OUT + 12 * ENTRY_BYTES);
    wasm.oneTimeKeys(table.address, 3, count, OUT);
    const fence = Buffer.alloc(64, 0x5a);
    const end = OUT + count * ENTRY_BYTES;
    assert.is(fence.compare(packets.bytes.subarray(OUT - 64, OUT)), 0, 'wrote before');
    assert.is(fence.compare(packets.bytes.subarray(end, end + 64)), 0, 'wrote behind');
    for (let i = 0; i < count; i++) {
      const at = OUT + i * ENTRY_BYTES;
      const got = Buffer.from(packets.bytes.subarray(at, at + ENTRY_BYTES)).toString('hex');
      assert.is(got, entryOf(3 + i).toString('hex'), `packet ${i}`);
    }
  });
}

onetime.run();
