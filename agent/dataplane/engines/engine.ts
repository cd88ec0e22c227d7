// What seals and opens packets: ChaCha20-Poly1305 (RFC 8439) as WireGuard uses it, over batches of
// descriptors in the worker's WebAssembly memory.
//
// The worker's first pass writes one descriptor per packet, an engine seals or opens what they
// describe in place, the third pass sends what is left. All engines read the same table:
//
//   0           4             8          12        16               24         28
//   +-----------+-------------+----------+---------+----------------+----------+---------+
//   | text      | textLength  | key      | state   | counter        | session  | flags   |
//   +-----------+-------------+----------+---------+----------------+----------+---------+
//     u32         u32           u32        u32       u64              u32        u32
//
// All little-endian; `text` and `key` are offsets into the memory. The tag's 16 bytes follow the
// text. The nonce is four zero bytes and the counter; there is no additional data. `flags` is the
// worker's own.

export const DESCRIPTOR_BYTES = 32;
export const TAG_BYTES = 16;
export const KEY_BYTES = 32;
export const TEXT_BYTES_MAX = 65_535; // no datagram is longer
export const SESSIONS_MAX = 4_096; // the session numbers a descriptor may carry

// A descriptor's fields, as indices of 32-bit words from its first.
export const WORD_TEXT = 0;
export const WORD_LENGTH = 1;
export const WORD_KEY = 2;
export const WORD_STATE = 3;
export const WORD_COUNTER = 4; // low word; the high word follows
export const WORD_SESSION = 6;
export const DESCRIPTOR_WORDS = 8;

// What `open` writes into the state of a descriptor.
export const PENDING = 0; // not opened yet; `open` passes over everything else
export const AUTHENTIC = 1; // the text is the plaintext
export const REFUSED = 2; // forged, or its batch was dropped; the text is worth nothing

export type EngineName = 'noble' | 'simd' | 'openssl';

/** How openssl is reached: by its ChaCha20 and Poly1305 themselves, or through EVP. */
export type Way = 'primitives' | 'evp';

/** The setting `cipher`: the fastest that agrees with noble here, or the one named. */
export type Cipher = 'auto' | EngineName;

/** The descriptors of one worker and the memory that they point into, which never grows. */
export type Table = Readonly<{
  /** The whole memory. */
  memory: ArrayBuffer;
  /** Offset of descriptor 0, a multiple of 16. */
  address: number;
  /** Address of the memory's first byte in this process, from koffi; only openssl needs it. */
  base: number;
}>;

export interface Engine {
  readonly name: EngineName;
  /** Of openssl. */
  readonly way?: Way | undefined;
  /**
   * Seals descriptors `first` to `first + count - 1` in place and writes the tags behind the texts.
   * False: nothing of this batch may be sent (the engine failed, or was caught lying); its counters
   * are spent all the same.
   */
  seal(first: number, count: number): boolean;
  /**
   * Opens the pending ones among these descriptors in place and sets their states.
   * False: nothing of this batch may be used; every state is REFUSED then.
   */
  open(first: number, count: number): boolean;
  /** Frees what the engine holds outside the memory and clears keys there. */
  close(): void;
}
