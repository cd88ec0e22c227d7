// Poly1305 by itself: vectors of RFC 8439, and a slow twin in BigInt for the edges of its carries.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { POLY1305_VECTORS } from '../../vectors/rfc8439.js';
import { compile, instantiate } from '../engines/workbench.js';

const { exports, memory } = instantiate(compile('poly1305', ['poly1305.ts']));
const { begin, absorb, finish } = exports as {
  begin(key: number): void;
  absorb(from: number, end: number): void;
  finish(tag: number): void;
};
const bytes = new Uint8Array(memory);
const KEY = 0x10000;
const TAG = 0x10100;
const TEXT = 0x20000;

/**
 * Whole blocks only: what is shorter is filled up with zeroes by the AEAD, before this is called.
 */
function tagOf(key: Uint8Array, text: Uint8Array, pieces = 1): Uint8Array {
  bytes.set(key, KEY);
  bytes.set(text, TEXT);
  begin(KEY);
  const end = TEXT + text.length;
  const step = Math.ceil(text.length / 16 / pieces) * 16;
  for (let at = TEXT; at < end; at += step) absorb(at, Math.min(at + step, end));
  finish(TAG);
  return bytes.slice(TAG, TAG + 16);
}

const P = 2n ** 130n - 5n;
const little = (source: Uint8Array) =>
  BigInt(`0x${Buffer.from(source).reverse().toString('hex') || 0}`);

/** The definition (RFC 8439, section 2.5). */
function twin(key: Uint8Array, text: Uint8Array): Uint8Array {
  const r = little(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let h = 0n;
  for (let at = 0; at < text.length; at += 16) {
    h = ((h + little(text.subarray(at, at + 16)) + 2n ** 128n) * r) % P;
  }
  const tag = (h + little(key.subarray(16))) % 2n ** 128n;
  return bytesOf(tag, 16);
}

function bytesOf(value: bigint, length: number): Uint8Array {
  const big = Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
  return new Uint8Array(big.reverse());
}

const hex = (source: Uint8Array) => Buffer.from(source).toString('hex');
const poly = suite('dataplane/simd/poly1305');

for (const [name, key, text, tag] of POLY1305_VECTORS) {
  poly(`RFC 8439 ${name}`, () => assert.is(hex(tagOf(key, text)), hex(tag)));
}

// Words at which carries begin and end.
const words = fc.constantFrom(
  0,
  1,
  4,
  5,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_fffa,
  0xffff_fffb,
  0xffff_fffc,
  0xffff_ffff,
);
const edgy = (count: number) =>
  fc
    .array(fc.oneof(words, fc.nat(0xffff_ffff)), { minLength: count, maxLength: count })
    .map((list) => new Uint8Array(Uint32Array.from(list).buffer));

poly('edges of its carries against the definition', () => {
  const blocks = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(
      edgy(8),
      blocks.chain((count) => edgy(4 * count)),
      fc.integer({ min: 1, max: 5 }),
      (key, text, pieces) => {
        assert.is(hex(tagOf(key, text, pieces)), hex(twin(key, text)));
      },
    ),
    { numRuns: 3_000 },
  );
});

poly('blocks of ones under the largest keys, up to 64 KiB', () => {
  const r = new Uint8Array(32).fill(0xff);
  for (const blocks of [1, 2, 3, 4, 5, 8, 16, 100, 4_096]) {
    const ones = new Uint8Array(16 * blocks).fill(0xff);
    assert.is(hex(tagOf(r, ones)), hex(twin(r, ones)), `${blocks} blocks`);
  }
});

poly('every remainder around p: h from p - 12 to p + 20', () => {
  // With r = 1 h is the sum of the blocks, each 2^128 more than its bytes: three of them, the rest
  // chosen, come to what we want; the pad is zero, so the tag is h mod p.
  const key = bytesOf(1n, 32);
  for (let delta = -12n; delta <= 20n; delta++) {
    const rest = 2n ** 130n - 5n + delta - 3n * 2n ** 128n; // a little over or under 2^128
    const first = rest > 2n ** 128n - 1n ? 2n ** 128n - 1n : rest;
    const text = Buffer.concat([bytesOf(first, 16), bytesOf(rest - first, 16), bytesOf(0n, 16)]);
    assert.is(hex(tagOf(key, text)), hex(twin(key, text)), `p + ${delta}`);
  }
});

poly('every remainder around p, reached by multiplying', () => {
  // The block m with (m + 2^128) r = t (mod p), wherever it fits 16 bytes.
  let tried = 0;
  for (const r of [4n, 0x0ffffffc0ffffffc0ffffffc0fffffffn, 0x0ffffffc00000000n, 3n]) {
    const inverse = power(r, P - 2n);
    for (let t = -40n; t <= 40n; t++) {
      const m = (((t + P) * inverse) % P) - 2n ** 128n;
      if (m < 0n || m >= 2n ** 128n) continue;
      for (const pad of [0n, 2n ** 128n - 1n, 2n ** 64n - 1n, 5n]) {
        const key = Buffer.concat([bytesOf(r, 16), bytesOf(pad, 16)]);
        const text = bytesOf(m, 16);
        assert.is(hex(tagOf(key, text)), hex(twin(key, text)), `r ${r}, h ${t}`);
        tried++;
      }
    }
  }
  assert.ok(tried > 100, `${tried}`);
});

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let e = exponent, b = base % P; e > 0n; e >>= 1n, b = (b * b) % P) {
    if (e & 1n) result = (result * b) % P;
  }
  return result;
}

poly.run();
