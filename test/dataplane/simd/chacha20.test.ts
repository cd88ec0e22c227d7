// ChaCha20 by itself: vectors of RFC 8439 whose nonce begins with four zero bytes, and Poly1305
// between.

import { createCipheriv } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHACHA20_VECTORS } from '../../vectors/rfc8439.js';
import { compile, instantiate } from '../engines/workbench.js';

const { exports, memory } = instantiate(compile('chacha20', ['chacha20.ts', 'poly1305.ts']));
const { blocks } = exports as {
  blocks(
    key: number,
    counter: bigint,
    block: number,
    from: number,
    to: number,
    hashed: number,
    hashedEnd: number,
  ): void;
};
const bytes = new Uint8Array(memory);
const KEY = 0x10000;
const TEXT = 0x20000;
const OUT = 0x20800;
const hex = (source: Uint8Array) => Buffer.from(source).toString('hex');

const chacha = suite('dataplane/simd/chacha20');

for (const [name, key, nonce, block, text, want] of CHACHA20_VECTORS) {
  chacha(`RFC 8439 ${name}`, () => {
    bytes.set(key, KEY);
    bytes.fill(0, TEXT, OUT);
    bytes.set(text, TEXT);
    assert.is(hex(nonce.subarray(0, 4)), '00000000');
    const counter = Buffer.from(nonce).readBigUInt64LE(4);
    for (let at = 0; at < text.length; at += 256) {
      blocks(KEY, counter, block + at / 64, TEXT + at, OUT + at, 0, 0);
    }
    assert.is(hex(bytes.subarray(OUT, OUT + want.length)), hex(want));
  });
}

chacha('the keystream alone, in place, and at block numbers of all four lanes', () => {
  const key = new Uint8Array(32).map((_, i) => i);
  bytes.set(key, KEY);
  for (const first of [0, 1, 2, 3, 0xffff_fff0]) {
    const iv = Buffer.alloc(16); // OpenSSL's: block number, then nonce
    iv.writeUInt32LE(first, 0);
    iv.writeBigUInt64LE(0x1122_3344_5566_7788n, 8);
    const want = createCipheriv('chacha20', key, iv).update(Buffer.alloc(256));
    blocks(KEY, 0x1122_3344_5566_7788n, first, 0, OUT, 0, 0);
    assert.is(hex(bytes.subarray(OUT, OUT + 256)), hex(want));
    bytes.fill(0, OUT, OUT + 256);
    blocks(KEY, 0x1122_3344_5566_7788n, first, OUT, OUT, 0, 0);
    assert.is(hex(bytes.subarray(OUT, OUT + 256)), hex(want), 'in place');
  }
});

chacha.run();
