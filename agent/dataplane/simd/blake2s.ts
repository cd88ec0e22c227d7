// BLAKE2s (RFC 7693) on bytes in the memory: WireGuard's MAC (keyed, 16 bytes) and hash (32 bytes),
// so that the worker can tell a flood of noise from handshakes without leaving wasm.
//
// The sixteen words of the working vector are four rows of four lanes: one step mixes all columns,
// and after the rows are turned against each other, all diagonals.

const BLOCK: usize = 64;
const LAST: usize = memory.data(64, 16); // a block that is filled up with zeroes
const STATE: usize = memory.data(32, 16);

const IV: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
], 16);

// Message words of each round (RFC 7693, section 2.7), in the order in which they are used here:
// first and second words of the four columns, then of the four diagonals.
const SIGMA: usize = memory.data<u8>([
  0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15,
  14, 4, 9, 13, 10, 8, 15, 6, 1, 0, 11, 5, 12, 2, 7, 3,
  11, 12, 5, 15, 8, 0, 2, 13, 10, 3, 7, 9, 14, 6, 1, 4,
  7, 3, 13, 11, 9, 1, 12, 14, 2, 5, 4, 15, 6, 10, 0, 8,
  9, 5, 2, 10, 0, 7, 4, 15, 14, 11, 6, 3, 1, 12, 8, 13,
  2, 6, 0, 8, 12, 10, 11, 3, 4, 7, 15, 1, 13, 5, 14, 9,
  12, 1, 14, 4, 5, 15, 13, 10, 0, 6, 9, 8, 7, 3, 2, 11,
  13, 7, 12, 3, 11, 14, 1, 9, 5, 15, 8, 2, 0, 4, 6, 10,
  6, 14, 11, 0, 15, 9, 3, 8, 12, 13, 1, 10, 2, 7, 4, 5,
  10, 8, 7, 1, 2, 4, 6, 5, 15, 9, 3, 13, 11, 14, 12, 0,
]);

/** Writes the 16-byte keyed BLAKE2s of `length` bytes at `text`. The key is 1 to 32 bytes long. */
export function blake2sMac(
  key: usize, keyLength: usize, text: usize, length: usize, tag: usize,
): void {
  begin(16, <u32>keyLength);
  fill(key, keyLength);
  if (length == 0) {
    compress(LAST, BLOCK, true);
  } else {
    compress(LAST, BLOCK, false);
    absorb(text, length, BLOCK);
  }
  v128.store(tag, v128.load(STATE));
}

/** Writes the 32-byte BLAKE2s of `length` bytes at `text`. */
export function blake2sHash(text: usize, length: usize, digest: usize): void {
  begin(32, 0);
  absorb(text, length, 0);
  v128.store(digest, v128.load(STATE));
  v128.store(digest, v128.load(STATE, 16), 16);
}

/** The parameter block: digest and key length, sequential mode. */
function begin(digestLength: u32, keyLength: u32): void {
  const parameters = 0x01010000 ^ (keyLength << 8) ^ digestLength;
  v128.store(STATE, v128.xor(v128.load(IV), i32x4(parameters, 0, 0, 0)));
  v128.store(STATE, v128.load(IV, 16), 16);
}

/** Absorbs everything that is left; `before` bytes have been absorbed. */
function absorb(text: usize, length: usize, before: usize): void {
  const end = text + length;
  let done = before;
  for (; text + BLOCK < end; text += BLOCK) {
    done += BLOCK;
    compress(text, done, false);
  }
  fill(text, end - text);
  compress(LAST, before + length, true);
}

function fill(from: usize, length: usize): void {
  memory.fill(LAST, 0, BLOCK);
  memory.copy(LAST, from, length);
}

// @ts-ignore: decorator
@inline
function rotr(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

/** The four words of `block` that SIGMA names at `order`. */
// @ts-ignore: decorator
@inline
function pick(block: usize, order: usize): v128 {
  let words = v128.load_zero<u32>(block + (<usize>load<u8>(order) << 2));
  words = v128.load_lane<u32>(block + (<usize>load<u8>(order, 1) << 2), words, 1);
  words = v128.load_lane<u32>(block + (<usize>load<u8>(order, 2) << 2), words, 2);
  return v128.load_lane<u32>(block + (<usize>load<u8>(order, 3) << 2), words, 3);
}

/** `done` counts the bytes absorbed when this block is in. */
function compress(block: usize, done: usize, last: bool): void {
  const h0 = v128.load(STATE);
  const h1 = v128.load(STATE, 16);
  let a = h0, b = h1, c = v128.load(IV);
  let d = v128.xor(v128.load(IV, 16), i32x4(<i32>done, 0, last ? -1 : 0, 0));
  for (let order = SIGMA; order < SIGMA + 160; order += 16) {
    a = i32x4.add(i32x4.add(a, b), pick(block, order));
    d = rotr(v128.xor(d, a), 16);
    c = i32x4.add(c, d);
    b = rotr(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), pick(block, order + 4));
    d = rotr(v128.xor(d, a), 8);
    c = i32x4.add(c, d);
    b = rotr(v128.xor(b, c), 7);
    b = v128.shuffle<i32>(b, b, 1, 2, 3, 0); // diagonals become columns
    c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
    d = v128.shuffle<i32>(d, d, 3, 0, 1, 2);
    a = i32x4.add(i32x4.add(a, b), pick(block, order + 8));
    d = rotr(v128.xor(d, a), 16);
    c = i32x4.add(c, d);
    b = rotr(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), pick(block, order + 12));
    d = rotr(v128.xor(d, a), 8);
    c = i32x4.add(c, d);
    b = rotr(v128.xor(b, c), 7);
    b = v128.shuffle<i32>(b, b, 3, 0, 1, 2); // and back
    c = v128.shuffle<i32>(c, c, 2, 3, 0, 1);
    d = v128.shuffle<i32>(d, d, 1, 2, 3, 0);
  }
  v128.store(STATE, v128.xor(h0, v128.xor(a, c)));
  v128.store(STATE, v128.xor(h1, v128.xor(b, d)), 16);
}
