// The one-time keys of a batch (RFC 8439, section 2.6): block 0 of each packet's keystream, for
// four packets at once. As in chacha20.ts each vector holds one word of four states, but here the
// states belong to four packets, each with a key and a counter of its own, and only the first half
// of a block is wanted.

import { rotl, rotl16 } from './chacha20';

// Descriptor fields (layout: engines/engine.ts).
const KEY: usize = 8;
const COUNTER: usize = 16;
const DESCRIPTOR: usize = 32;

/** Bytes of an entry: the one-time key (32), then the counter block (16). */
const ENTRY: usize = 48;

/** One word from each of four places. */
// @ts-ignore: decorator
@inline
function gather(a: usize, b: usize, c: usize, d: usize, at: usize): v128 {
  let x = v128.load32_zero(a + at);
  x = v128.load_lane<u32>(b + at, x, 1);
  x = v128.load_lane<u32>(c + at, x, 2);
  return v128.load_lane<u32>(d + at, x, 3);
}

/**
 * Writes an entry for each of descriptors `first` to `first + count - 1`: the one-time key and the
 * 16 bytes {1, 0, counter} with which ChaCha20 starts on the text. All must have a key, whatever
 * their state is. `room`: a multiple of 16.
 */
export function oneTimeKeys(table: usize, first: u32, count: u32, room: usize): void {
  let at = table + <usize>first * DESCRIPTOR;
  const end = at + <usize>count * DESCRIPTOR;
  const last = end - DESCRIPTOR;
  for (; at < end; at += 4 * DESCRIPTOR) {
    // lanes to spare repeat the last packet
    const b = min(at + DESCRIPTOR, last);
    const c = min(at + 2 * DESCRIPTOR, last);
    const d = min(at + 3 * DESCRIPTOR, last);
    const tb = room + ((b - at) / DESCRIPTOR) * ENTRY;
    const tc = room + ((c - at) / DESCRIPTOR) * ENTRY;
    const td = room + ((d - at) / DESCRIPTOR) * ENTRY;
    fourKeys(at, b, c, d, room, tb, tc, td);
    room += 4 * ENTRY;
  }
}

/** For descriptors a, b, c, d, to entries ta, tb, tc, td. */
function fourKeys(
  a: usize, b: usize, c: usize, d: usize, ta: usize, tb: usize, tc: usize, td: usize,
): void {
  const ka = <usize>load<u32>(a, KEY), kb = <usize>load<u32>(b, KEY);
  const kc = <usize>load<u32>(c, KEY), kd = <usize>load<u32>(d, KEY);
  let x0 = i32x4.splat(0x61707865), x1 = i32x4.splat(0x3320646e);
  let x2 = i32x4.splat(0x79622d32), x3 = i32x4.splat(0x6b206574);
  let x4 = gather(ka, kb, kc, kd, 0), x5 = gather(ka, kb, kc, kd, 4);
  let x6 = gather(ka, kb, kc, kd, 8), x7 = gather(ka, kb, kc, kd, 12);
  let x8 = gather(ka, kb, kc, kd, 16), x9 = gather(ka, kb, kc, kd, 20);
  let xa = gather(ka, kb, kc, kd, 24), xb = gather(ka, kb, kc, kd, 28);
  let xc = i32x4.splat(0), xd = i32x4.splat(0);
  let xe = gather(a, b, c, d, COUNTER), xf = gather(a, b, c, d, COUNTER + 4);
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
  }
  x0 = i32x4.add(x0, i32x4.splat(0x61707865)); x1 = i32x4.add(x1, i32x4.splat(0x3320646e));
  x2 = i32x4.add(x2, i32x4.splat(0x79622d32)); x3 = i32x4.add(x3, i32x4.splat(0x6b206574));
  scatter(x0, x1, x2, x3, ta, tb, tc, td);
  x4 = i32x4.add(x4, gather(ka, kb, kc, kd, 0)); x5 = i32x4.add(x5, gather(ka, kb, kc, kd, 4));
  x6 = i32x4.add(x6, gather(ka, kb, kc, kd, 8)); x7 = i32x4.add(x7, gather(ka, kb, kc, kd, 12));
  scatter(x4, x5, x6, x7, ta + 16, tb + 16, tc + 16, td + 16);
  xe = gather(a, b, c, d, COUNTER); xf = gather(a, b, c, d, COUNTER + 4);
  scatter(i32x4.splat(1), i32x4.splat(0), xe, xf, ta + 32, tb + 32, tc + 32, td + 32);
}

/** Four words of four packets: transposed, 16 bytes to each place. */
// @ts-ignore: decorator
@inline
function scatter(
  w: v128, x: v128, y: v128, z: v128, ta: usize, tb: usize, tc: usize, td: usize,
): void {
  const wx0 = v128.shuffle<i32>(w, x, 0, 4, 1, 5);
  const yz0 = v128.shuffle<i32>(y, z, 0, 4, 1, 5);
  const wx1 = v128.shuffle<i32>(w, x, 2, 6, 3, 7);
  const yz1 = v128.shuffle<i32>(y, z, 2, 6, 3, 7);
  v128.store(ta, v128.shuffle<i64>(wx0, yz0, 0, 2));
  v128.store(tb, v128.shuffle<i64>(wx0, yz0, 1, 3));
  v128.store(tc, v128.shuffle<i64>(wx1, yz1, 0, 2));
  v128.store(td, v128.shuffle<i64>(wx1, yz1, 1, 3));
}
