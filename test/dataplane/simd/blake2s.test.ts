import { blake2s } from '@noble/hashes/blake2.js';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Blake2sExports, checkBlake2s } from '../../../agent/dataplane/engines/blake2s.js';
import { compile, instantiate } from '../engines/workbench.js';

const { exports, memory } = instantiate(compile('blake2s', ['blake2s.ts']));
const wasm = exports as Blake2sExports;
const bytes = new Uint8Array(memory);
const KEY = 0x10000;
const OUT = 0x10100;
const TEXT = 0x20003; // not aligned

const hex = (source: Uint8Array) => Buffer.from(source).toString('hex');

function hash(text: Uint8Array): string {
  bytes.set(text, TEXT);
  wasm.blake2sHash(TEXT, text.length, OUT);
  return hex(bytes.subarray(OUT, OUT + 32));
}

function mac(key: Uint8Array, text: Uint8Array): string {
  bytes.set(text, TEXT);
  bytes.set(key, KEY);
  bytes.fill(0xa5, OUT, OUT + 32);
  wasm.blake2sMac(KEY, key.length, TEXT, text.length, OUT);
  assert.is(hex(bytes.subarray(OUT + 16, OUT + 32)), 'a5'.repeat(16), 'sixteen bytes, no more');
  return hex(bytes.subarray(OUT, OUT + 16));
}

const blake = suite('dataplane/simd/blake2s');

blake('RFC 7693 appendix B: the hash of abc', () => {
  const want = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982';
  assert.is(hash(Buffer.from('abc')), want);
});

blake('every length up to 300 against noble, hash and both kinds of MAC', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i * 5);
  for (let length = 0; length <= 300; length++) {
    const text = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
    assert.is(hash(text), hex(blake2s(text)), `${length} bytes`);
    for (const part of [key, key.subarray(0, 16)]) {
      assert.is(mac(part, text), hex(blake2s(text, { key: part, dkLen: 16 })), `${length} bytes`);
    }
  }
});

blake('random texts and keys', () => {
  const any = fc.uint8Array({ maxLength: 2_000, size: 'max' });
  const key = fc.uint8Array({ minLength: 1, maxLength: 32 });
  fc.assert(
    fc.property(key, any, (k, text) => {
      assert.is(mac(k, text), hex(blake2s(text, { key: k, dkLen: 16 })));
    }),
  );
});

blake('the check at start passes it, and catches who lies', () => {
  assert.is(checkBlake2s(wasm, memory, KEY), undefined);
  const liar = (what: keyof Blake2sExports): Blake2sExports => ({
    ...wasm,
    [what]: (...rest: number[]) => {
      Reflect.apply(wasm[what], undefined, rest);
      const out = rest.at(-1)!;
      if (rest.at(-2) === 148 - 32) bytes[out + 15]! ^= 1;
    },
  });
  assert.is(checkBlake2s(liar('blake2sMac'), memory, KEY), 'wrong MAC of 116 bytes');
  assert.is(checkBlake2s(liar('blake2sHash'), memory, KEY), 'wrong hash of 116 bytes');
});

blake.run();
