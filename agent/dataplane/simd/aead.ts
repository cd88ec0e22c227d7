// ChaCha20-Poly1305 (RFC 8439, section 2.8) over packets in place, as WireGuard uses it: the nonce
// is four zero bytes and a 64-bit counter, there is no additional data.
// (First the signatures; the bodies follow.)

/** Encrypts `length` bytes at `text` and writes the 16-byte tag behind them. */
export function seal(key: usize, counter: u64, text: usize, length: usize): void {
  unreachable();
}

/** Checks the tag behind the text and decrypts; false: forged, and the text is worth nothing. */
export function open(key: usize, counter: u64, text: usize, length: usize): bool {
  return false;
}

/** Seals descriptors `first` to `first + count - 1` of the table (layout: engines/engine.ts). */
export function sealBatch(table: usize, first: u32, count: u32): void {
  unreachable();
}

/** Opens the pending ones among these descriptors; writes 1 (authentic) or 2 (refused) as state. */
export function openBatch(table: usize, first: u32, count: u32): void {
  unreachable();
}
