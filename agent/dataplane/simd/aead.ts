// ChaCha20-Poly1305 (RFC 8439, section 2.8) over packets in place, as WireGuard uses it: the nonce
// is four zero bytes and a 64-bit counter, there is no additional data.
//
//   keystream   | block 0      | blocks 1 to 3 | blocks 4 to 7 | ...
//   use         | one-time key | text 0-191    | text 192-447  | ...   256 bytes a call from there
//
// Sealing hashes behind the encryption: each call of `blocks` absorbs what the call before it
// wrote. Opening hashes what the same call is about to decrypt; so a forged packet has been
// decrypted by the time its tag turns out wrong, and must not be looked at.

import { ABSORB_UNIT, blocks, STRIDE } from './chacha20';
import { absorb, begin, finish } from './poly1305';

const HEAD: usize = 192; // bytes of text in the first call, beside the one-time key
const STREAM: usize = memory.data(256, 16); // keystream of one call
const LAST: usize = memory.data(16, 16); // a block that is filled up with zeroes; then the tag

/** Encrypts `length` bytes at `text` and writes the 16-byte tag behind them. */
export function seal(key: usize, counter: u64, text: usize, length: usize): void {
  blocks(key, counter, 0, 0, STREAM, 0, 0);
  begin(STREAM);
  const head = min(length, HEAD);
  mix(text, STREAM + 64, head);
  let hashed = text;
  let at = text + head;
  const end = text + length;
  let block: u32 = 4;
  for (; at + STRIDE <= end; at += STRIDE) {
    // 192 bytes in the first round, then 256: all that is encrypted so far
    blocks(key, counter, block, at, at, hashed, at);
    hashed = at;
    block += 4;
  }
  if (at < end) {
    blocks(key, counter, block, 0, STREAM, hashed, at);
    hashed = at;
    mix(at, STREAM, end - at);
  }
  hashRest(hashed, end, length);
  finish(end);
}

/** Checks the tag behind the text and decrypts; false: forged, and the text is worth nothing. */
export function open(key: usize, counter: u64, text: usize, length: usize): bool {
  blocks(key, counter, 0, 0, STREAM, 0, 0);
  begin(STREAM);
  const end = text + length;
  if (length <= HEAD) {
    hashRest(text, end, length);
    mix(text, STREAM + 64, length);
  } else {
    absorb(text, text + HEAD);
    mix(text, STREAM + 64, HEAD);
    let at = text + HEAD;
    let block: u32 = 4;
    for (; at + STRIDE <= end; at += STRIDE) {
      blocks(key, counter, block, at, at, at, at + STRIDE);
      block += 4;
    }
    if (at < end) {
      const hashed = at + ((end - at) & ~(ABSORB_UNIT - 1));
      blocks(key, counter, block, 0, STREAM, at, hashed);
      hashRest(hashed, end, length);
      mix(at, STREAM, end - at);
    } else {
      hashRest(end, end, length);
    }
  }
  finish(LAST);
  return !v128.any_true(v128.xor(v128.load(LAST), v128.load(end))); // in constant time
}

/**
 * Absorbs what is left of the text, filled up to 16 bytes, and the lengths of data (0) and text.
 */
function hashRest(from: usize, end: usize, length: usize): void {
  const rest = (end - from) & 15;
  const whole = end - rest;
  absorb(from, whole);
  if (rest) {
    v128.store(LAST, i64x2.splat(0));
    for (let i: usize = 0; i < rest; i++) store<u8>(LAST + i, load<u8>(whole + i));
    absorb(LAST, LAST + 16);
  }
  store<u64>(LAST, 0);
  store<u64>(LAST, <u64>length, 8);
  absorb(LAST, LAST + 16);
}

/** XORs keystream into the text. */
// @ts-ignore: decorator
@inline
function mix(text: usize, stream: usize, length: usize): void {
  const whole = length & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    v128.store(text + i, v128.xor(v128.load(text + i), v128.load(stream + i)));
  }
  for (; i < length; i++) store<u8>(text + i, load<u8>(text + i) ^ load<u8>(stream + i));
}

// Descriptor fields (layout: engines/engine.ts).
const LENGTH: usize = 4;
const KEY: usize = 8;
const STATE: usize = 12;
const COUNTER: usize = 16;
const DESCRIPTOR: usize = 32;

/** Seals descriptors `first` to `first + count - 1` of the table. */
export function sealBatch(table: usize, first: u32, count: u32): void {
  let at = table + <usize>first * DESCRIPTOR;
  for (const end = at + <usize>count * DESCRIPTOR; at < end; at += DESCRIPTOR) {
    seal(load<u32>(at, KEY), load<u64>(at, COUNTER), load<u32>(at), load<u32>(at, LENGTH));
  }
}

/** Opens the pending ones among these descriptors; writes 1 (authentic) or 2 (refused) as state. */
export function openBatch(table: usize, first: u32, count: u32): void {
  let at = table + <usize>first * DESCRIPTOR;
  for (const end = at + <usize>count * DESCRIPTOR; at < end; at += DESCRIPTOR) {
    if (load<u32>(at, STATE) != 0) continue;
    const key = load<u32>(at, KEY);
    const text = load<u32>(at);
    const good = open(key, load<u64>(at, COUNTER), text, load<u32>(at, LENGTH));
    store<u32>(at, good ? 1 : 2, STATE);
  }
}

/** Clears what the last packet left behind: keystream, one-time key, accumulator. */
export function wipe(): void {
  memory.fill(STREAM, 0, STRIDE);
  memory.fill(LAST, 0, 16);
  begin(STREAM);
}
