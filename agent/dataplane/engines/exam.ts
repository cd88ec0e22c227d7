// Questions for an engine, with the answers of noble: packets of every kind of length, sealed.
// Made once at start, since noble is slow; every engine sits the same exam.

import { TAG_BYTES } from './engine.js';
import { nobleSeal } from './noble.js';

export type Question = Readonly<{
  key: Uint8Array;
  counter: bigint;
  text: Uint8Array;
  sealed: Uint8Array;
}>;

// Both sides of every edge at which an engine may change its way: whole and broken Poly1305 blocks
// (16), ChaCha20 blocks (64), the first 192 bytes of simd/aead.ts and its steps of 256, the widths
// of OpenSSL's vector code (512, 1024), usual packets, the longest of an ordinary MTU, jumbo.
// biome-ignore format: one line per edge
const LENGTHS = [
  0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 80, 96, 127, 128, 129,
  191, 192, 193, 207, 208, 209, 224, 255, 256, 257, 319, 320, 321, 384,
  447, 448, 449, 464, 511, 512, 513, 640, 703, 704, 705, 960, 1024, 1025, 1424, 4163,
];

// The counter fills two words of the nonce: each empty, full, and the step between them.
// biome-ignore format: five pairs
const COUNTERS = [
  0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 0x0123_4567_89ab_cdefn, 0xffff_ffff_ffff_ffffn,
];

// RFC 8439 appendix A.1, vector 2: the second block of the all-zero key, which is how 64 zero bytes
// are encrypted under counter 0. The tag was computed with OpenSSL.
const ZERO_BLOCK =
  '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
  '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f' +
  '75c5180ef52d6921037a3d0af9f0dac8';

/** All questions. Throws if noble itself does not answer the RFC's: then nothing can be trusted. */
export function makeExam(): Question[] {
  const rfc = { key: new Uint8Array(32), counter: 0n, text: new Uint8Array(64) };
  const zero = { ...rfc, sealed: new Uint8Array(Buffer.from(ZERO_BLOCK, 'hex')) };
  const answer = answerOf(rfc.key, rfc.counter, rfc.text);
  if (Buffer.compare(answer, zero.sealed) !== 0) {
    throw new Error('noble does not agree with RFC 8439 on this machine');
  }
  const bytes = byteSource(0x6b69_7468);
  const rest = LENGTHS.map((length, i) => {
    const key = bytes(32);
    const counter = COUNTERS[i % COUNTERS.length] ?? 0n;
    const text = bytes(length);
    return { key, counter, text, sealed: answerOf(key, counter, text) };
  });
  return [zero, allOnes(47), allOnes(1424), ...rest];
}

/** Carries run furthest through ones. */
function allOnes(length: number): Question {
  const key = new Uint8Array(32).fill(0xff);
  const text = new Uint8Array(length).fill(0xff);
  return { key, counter: 1n, text, sealed: answerOf(key, 1n, text) };
}

function answerOf(key: Uint8Array, counter: bigint, text: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, counter, true);
  const sealed = new Uint8Array(text.length + TAG_BYTES);
  nobleSeal(key, nonce, text, sealed);
  return sealed;
}

/** Bytes that look random and are the same every time: xorshift32 (Marsaglia 2003). */
function byteSource(seed: number): (length: number) => Uint8Array {
  let x = seed;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      bytes[i] = x >>> 24;
    }
    return bytes;
  };
}
