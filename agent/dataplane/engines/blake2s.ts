// Does the BLAKE2s of simd/blake2s.ts agree with noble on this machine? Asked at start; where it
// does not, the worker leaves MACs to noble.

import { blake2s } from '@noble/hashes/blake2.js';

/** All arguments are offsets into the memory and lengths in bytes; results go to the last one. */
export type Blake2sExports = Readonly<{
  blake2sMac(key: number, keyLength: number, text: number, length: number, tag: number): void;
  blake2sHash(text: number, length: number, digest: number): void;
}>;

/** Free bytes that the check needs. */
export const BLAKE2S_ROOM_BYTES = 512;

// Around the block (64), and what WireGuard authenticates: all before mac1 of a response and an
// initiation (60, 116), before mac2 (76, 132), a label with a public key (40), a source address (6,
// 18).
const LENGTHS = [0, 1, 6, 18, 40, 60, 63, 64, 65, 76, 116, 127, 128, 129, 132, 192, 193];

/** Undefined: they agree. Else what was wrong. `room`: offset of BLAKE2S_ROOM_BYTES free bytes. */
export function checkBlake2s(
  wasm: Blake2sExports,
  memory: ArrayBuffer,
  room: number,
): string | undefined {
  const bytes = new Uint8Array(memory, room, BLAKE2S_ROOM_BYTES);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 167 + 13) & 0xff;
  const key = bytes.subarray(0, 32);
  const out = bytes.subarray(32, 64);
  for (const length of LENGTHS) {
    const text = bytes.subarray(64, 64 + length);
    for (const keyLength of [32, 16]) {
      wasm.blake2sMac(room, keyLength, room + 64, length, room + 32);
      const want = blake2s(text, { key: key.subarray(0, keyLength), dkLen: 16 });
      if (Buffer.compare(out.subarray(0, 16), want) !== 0) return `wrong MAC of ${length} bytes`;
    }
    wasm.blake2sHash(room + 64, length, room + 32);
    if (Buffer.compare(out, blake2s(text)) !== 0) return `wrong hash of ${length} bytes`;
  }
  return undefined;
}
