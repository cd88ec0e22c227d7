// A slow, plain BLAKE2s (RFC 7693, sections 2.7 and 3), as an independent twin of the fast one:
// Node has the hash, but neither its keyed form nor another length than 32 bytes.

const IV = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/** Which message word goes where, one row per round. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** Columns, then diagonals, of the 4 by 4 state. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

const rotate = (word: number, by: number) => ((word >>> by) | (word << (32 - by))) >>> 0;
const add = (...words: number[]) => words.reduce((sum, word) => (sum + word) >>> 0, 0);

const UNKEYED: Uint8Array = new Uint8Array(0);

export function slowBlake2s(input: Uint8Array, length = 32, key = UNKEYED): Uint8Array {
  const h = [...IV];
  h[0] = (h[0]! ^ 0x01010000 ^ (key.length << 8) ^ length) >>> 0;
  const data = key.length > 0 ? [...key, ...new Uint8Array(64 - key.length), ...input] : [...input];
  const blocks = Math.max(1, Math.ceil(data.length / 64));
  for (let i = 0; i < blocks; i++) {
    const last = i === blocks - 1;
    const block = Uint8Array.from({ length: 64 }, (_, j) => data[64 * i + j] ?? 0);
    compress(h, block, last ? data.length : 64 * (i + 1), last);
  }
  const output = new Uint8Array(32);
  const view = new DataView(output.buffer);
  for (const [i, word] of h.entries()) view.setUint32(4 * i, word, true);
  return output.slice(0, length);
}

function compress(h: number[], block: Uint8Array, count: number, last: boolean): void {
  const view = new DataView(block.buffer);
  const v = [...h, ...IV];
  v[12] = (v[12]! ^ count) >>> 0; // the high word of the count stays 0 here
  if (last) v[14] = ~v[14]! >>> 0;
  for (const sigma of SIGMA) {
    for (const [i, [a, b, c, d]] of QUARTERS.entries()) {
      const x = view.getUint32(4 * sigma[2 * i]!, true);
      const y = view.getUint32(4 * sigma[2 * i + 1]!, true);
      v[a] = add(v[a]!, v[b]!, x);
      v[d] = rotate((v[d]! ^ v[a]!) >>> 0, 16);
      v[c] = add(v[c]!, v[d]!);
      v[b] = rotate((v[b]! ^ v[c]!) >>> 0, 12);
      v[a] = add(v[a]!, v[b]!, y);
      v[d] = rotate((v[d]! ^ v[a]!) >>> 0, 8);
      v[c] = add(v[c]!, v[d]!);
      v[b] = rotate((v[b]! ^ v[c]!) >>> 0, 7);
    }
  }
  for (let i = 0; i < 8; i++) h[i] = (h[i]! ^ v[i]! ^ v[i + 8]!) >>> 0;
}
