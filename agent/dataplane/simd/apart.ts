// What a tag needs of us where somebody else's Poly1305 makes it (engines/primitives.ts): a text
// that stands in one piece with its padding and its lengths, as RFC 8439, section 2.8, has them
// hashed.
//
//   |                          | 16: the tag's place  | 16: saved and put back  |
//   | text          | zeroes, up to 16 | lengths: 0, text |
//
// The zeroes and the lengths lie over the tag's place and up to 15 bytes behind it, which may be
// the next packet's; so one packet is treated at a time, and nothing stays behind.

const CONTEXT: usize = 512; // OpenSSL's Poly1305 state; it says how much of this it needs
const TAG: usize = 16;
const ENTRIES: usize = 64 * 48; // of oneTimeKeys
const ROOM: usize = memory.data(3600, 64); // context | tag | entries

const SAVED: usize = memory.data(32, 16); // what lay behind the text

/** Where OpenSSL's state lies; behind its 512 bytes a tag (16), then room for 64 one-time keys. */
export function roomApart(): usize {
  return ROOM;
}

/** Lays zeroes and lengths behind the text; returns the bytes to be hashed from its beginning. */
export function layLengths(text: usize, length: usize): usize {
  const end = text + length;
  v128.store(SAVED, v128.load(end));
  v128.store(SAVED, v128.load(end, 16), 16);
  const whole = (length + 15) & ~15;
  v128.store(end, i64x2.splat(0));
  store<u64>(text + whole, 0);
  store<u64>(text + whole, <u64>length, 8);
  return whole + 16;
}

/** The tag stands behind the text now: puts back what lay behind that. */
export function putBack(text: usize, length: usize): void {
  v128.store(text + length, v128.load(SAVED, 16), 16);
}

/**
 * Puts back all, and compares the tag that came with the text to the one made, in constant time.
 */
export function isAuthentic(text: usize, length: usize): bool {
  const came = v128.load(SAVED);
  v128.store(text + length, came);
  putBack(text, length);
  return !v128.any_true(v128.xor(came, v128.load(ROOM, CONTEXT)));
}

/** Clears one-time keys, OpenSSL's state, and what was saved. */
export function wipeApart(): void {
  memory.fill(ROOM, 0, CONTEXT + TAG + ENTRIES);
  memory.fill(SAVED, 0, 32);
}
