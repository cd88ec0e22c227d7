// ChaCha20 (RFC 8439, section 2.4), four blocks at a time: each of the sixteen vectors holds one
// word of the state for four consecutive blocks.
//
// Between its double rounds it absorbs up to twenty blocks of ciphertext into Poly1305, in pairs,
// so that vector and scalar units work side by side (poly1305.ts has the arithmetic).
//
// Rotations: by 16 as a byte shuffle, for which every machine has two cheap instructions; by 12, 8
// and 7 as shift and or. (A shuffle by 8 needs a mask, which V8 builds anew at every use.)

import { h0, h1, h2, h3, h4, keep, r0, r1, r2, r3, s1, s2, s3 } from './poly1305';

export const STRIDE: usize = 256; // bytes of one call

/** Ciphertext that one call can absorb, in bytes, and what that must be a multiple of. */
export const ABSORB_MAX: usize = 320;
export const ABSORB_UNIT: usize = 32;

const SIGMA = memory.data<u32>([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574], 16);

// @ts-ignore: decorator
@inline
export function rotl16(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

// @ts-ignore: decorator
@inline
export function rotl(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

/**
 * Writes text XOR keystream to `to`, for 256 bytes of text at `from`; with `from` 0 the keystream.
 * The nonce is four zero bytes and `counter`; `block` numbers the first 64-byte block. Absorbs the
 * ciphertext from `hashed` up to `hashedEnd`, at most ABSORB_MAX bytes and a multiple of
 * ABSORB_UNIT, all of it before anything is written.
 */
export function blocks(
  key: usize, counter: u64, block: u32, from: usize, to: usize, hashed: usize, hashedEnd: usize,
): void {
  let x0 = word(SIGMA), x1 = word(SIGMA + 4), x2 = word(SIGMA + 8), x3 = word(SIGMA + 12);
  let x4 = word(key), x5 = word(key + 4), x6 = word(key + 8), x7 = word(key + 12);
  let x8 = word(key + 16), x9 = word(key + 20), xa = word(key + 24), xb = word(key + 28);
  const numbers = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  const low = i32x4.splat(<i32>counter), high = i32x4.splat(<i32>(counter >> 32));
  let xc = numbers, xd = i32x4.splat(0), xe = low, xf = high;
  const p0 = r0, p1 = r1, p2 = r2, p3 = r3, q1 = s1, q2 = s2, q3 = s3;
  let a0 = h0, a1 = h1, a2 = h2, a3 = h3, a4 = h4;
  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4); xc = rotl16(v128.xor(xc, x0));
    x1 = i32x4.add(x1, x5); xd = rotl16(v128.xor(xd, x1));
    x2 = i32x4.add(x2, x6); xe = rotl16(v128.xor(xe, x2));
    x3 = i32x4.add(x3, x7); xf = rotl16(v128.xor(xf, x3));
    x8 = i32x4.add(x8, xc); x4 = rotl(v128.xor(x4, x8), 12);
    x9 = i32x4.add(x9, xd); x5 = rotl(v128.xor(x5, x9), 12);
    xa = i32x4.add(xa, xe); x6 = rotl(v128.xor(x6, xa), 12);
    xb = i32x4.add(xb, xf); x7 = rotl(v128.xor(x7, xb), 12);
    x0 = i32x4.add(x0, x4); xc = rotl(v128.xor(xc, x0), 8);
    x1 = i32x4.add(x1, x5); xd = rotl(v128.xor(xd, x1), 8);
    x2 = i32x4.add(x2, x6); xe = rotl(v128.xor(xe, x2), 8);
    x3 = i32x4.add(x3, x7); xf = rotl(v128.xor(xf, x3), 8);
    x8 = i32x4.add(x8, xc); x4 = rotl(v128.xor(x4, x8), 7);
    x9 = i32x4.add(x9, xd); x5 = rotl(v128.xor(x5, x9), 7);
    xa = i32x4.add(xa, xe); x6 = rotl(v128.xor(x6, xa), 7);
    xb = i32x4.add(xb, xf); x7 = rotl(v128.xor(x7, xb), 7);
    x0 = i32x4.add(x0, x5); xf = rotl16(v128.xor(xf, x0));
    x1 = i32x4.add(x1, x6); xc = rotl16(v128.xor(xc, x1));
    x2 = i32x4.add(x2, x7); xd = rotl16(v128.xor(xd, x2));
    x3 = i32x4.add(x3, x4); xe = rotl16(v128.xor(xe, x3));
    xa = i32x4.add(xa, xf); x5 = rotl(v128.xor(x5, xa), 12);
    xb = i32x4.add(xb, xc); x6 = rotl(v128.xor(x6, xb), 12);
    x8 = i32x4.add(x8, xd); x7 = rotl(v128.xor(x7, x8), 12);
    x9 = i32x4.add(x9, xe); x4 = rotl(v128.xor(x4, x9), 12);
    x0 = i32x4.add(x0, x5); xf = rotl(v128.xor(xf, x0), 8);
    x1 = i32x4.add(x1, x6); xc = rotl(v128.xor(xc, x1), 8);
    x2 = i32x4.add(x2, x7); xd = rotl(v128.xor(xd, x2), 8);
    x3 = i32x4.add(x3, x4); xe = rotl(v128.xor(xe, x3), 8);
    xa = i32x4.add(xa, xf); x5 = rotl(v128.xor(x5, xa), 7);
    xb = i32x4.add(xb, xc); x6 = rotl(v128.xor(x6, xb), 7);
    x8 = i32x4.add(x8, xd); x7 = rotl(v128.xor(x7, x8), 7);
    x9 = i32x4.add(x9, xe); x4 = rotl(v128.xor(x4, x9), 7);
    if (hashed < hashedEnd) { // two steps of `absorb`, written out: a loop here costs 6 %
      a0 += <u64>load<u32>(hashed); a1 += <u64>load<u32>(hashed, 4);
      a2 += <u64>load<u32>(hashed, 8); a3 += <u64>load<u32>(hashed, 12); a4 += 1;
      const d0 = a0 * p0 + a1 * q3 + a2 * q2 + a3 * q1;
      const d1 = a0 * p1 + a1 * p0 + a2 * q3 + a3 * q2 + a4 * q1 + (d0 >> 32);
      const d2 = a0 * p2 + a1 * p1 + a2 * p0 + a3 * q3 + a4 * q2 + (d1 >> 32);
      const d3 = a0 * p3 + a1 * p2 + a2 * p1 + a3 * p0 + a4 * q3 + (d2 >> 32);
      const d4 = a4 * p0 + (d3 >> 32);
      a0 = (d0 & 0xffffffff) + (d4 >> 2) + (d4 & ~3) + <u64>load<u32>(hashed, 16);
      a1 = (d1 & 0xffffffff) + <u64>load<u32>(hashed, 20);
      a2 = (d2 & 0xffffffff) + <u64>load<u32>(hashed, 24);
      a3 = (d3 & 0xffffffff) + <u64>load<u32>(hashed, 28); a4 = (d4 & 3) + 1;
      const e0 = a0 * p0 + a1 * q3 + a2 * q2 + a3 * q1;
      const e1 = a0 * p1 + a1 * p0 + a2 * q3 + a3 * q2 + a4 * q1 + (e0 >> 32);
      const e2 = a0 * p2 + a1 * p1 + a2 * p0 + a3 * q3 + a4 * q2 + (e1 >> 32);
      const e3 = a0 * p3 + a1 * p2 + a2 * p1 + a3 * p0 + a4 * q3 + (e2 >> 32);
      const e4 = a4 * p0 + (e3 >> 32);
      a0 = (e0 & 0xffffffff) + (e4 >> 2) + (e4 & ~3); hashed += 32;
      a1 = e1 & 0xffffffff; a2 = e2 & 0xffffffff; a3 = e3 & 0xffffffff; a4 = e4 & 3;
    }
  }
  keep(a0, a1, a2, a3, a4);
  x0 = plus(x0, SIGMA); x1 = plus(x1, SIGMA + 4);
  x2 = plus(x2, SIGMA + 8); x3 = plus(x3, SIGMA + 12);
  write(x0, x1, x2, x3, from, to, 0);
  x4 = plus(x4, key); x5 = plus(x5, key + 4); x6 = plus(x6, key + 8); x7 = plus(x7, key + 12);
  write(x4, x5, x6, x7, from, to, 16);
  x8 = plus(x8, key + 16); x9 = plus(x9, key + 20);
  xa = plus(xa, key + 24); xb = plus(xb, key + 28);
  write(x8, x9, xa, xb, from, to, 32);
  write(i32x4.add(xc, numbers), xd, i32x4.add(xe, low), i32x4.add(xf, high), from, to, 48);
}

/** A word of key or constants, in all four lanes. */
// @ts-ignore: decorator
@inline
function word(at: usize): v128 {
  return v128.load_splat<u32>(at);
}

// @ts-ignore: decorator
@inline
function plus(x: v128, at: usize): v128 {
  return i32x4.add(x, word(at));
}

/** Four words of four blocks: transposed, so that each block's 16 bytes come together. */
// @ts-ignore: decorator
@inline
function write(a: v128, b: v128, c: v128, d: v128, from: usize, to: usize, at: usize): void {
  const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  let w0 = v128.shuffle<i64>(ab0, cd0, 0, 2);
  let w1 = v128.shuffle<i64>(ab0, cd0, 1, 3);
  let w2 = v128.shuffle<i64>(ab1, cd1, 0, 2);
  let w3 = v128.shuffle<i64>(ab1, cd1, 1, 3);
  if (from) {
    w0 = v128.xor(w0, v128.load(from + at));
    w1 = v128.xor(w1, v128.load(from + at + 64));
    w2 = v128.xor(w2, v128.load(from + at + 128));
    w3 = v128.xor(w3, v128.load(from + at + 192));
  }
  v128.store(to + at, w0);
  v128.store(to + at + 64, w1);
  v128.store(to + at + 128, w2);
  v128.store(to + at + 192, w3);
}
