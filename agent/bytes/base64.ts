// WireGuard keys as text: 32 bytes in base64 (RFC 4648, section 4), 44 characters, as `wg` writes
// them.

export const KEY_BYTES = 32;
export const KEY_TEXT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** 32 bytes, or undefined where the text is not exactly one key in its only spelling. */
export function decodeKey(text: string): Uint8Array | undefined {
  if (!KEY_TEXT.test(text)) return undefined;
  const key = new Uint8Array(KEY_BYTES);
  for (let i = 0, bits = 0, waiting = 0, at = 0; at < KEY_BYTES; i++) {
    bits = ((bits << 6) | ALPHABET.indexOf(text.charAt(i))) & 0xffff;
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    key[at++] = bits >> waiting;
  }
  return key;
}

export function encodeKey(key: Uint8Array): string {
  if (key.length !== KEY_BYTES) throw new RangeError(`"key" has ${key.length} bytes, not 32`);
  let text = '';
  for (let i = 0; i < KEY_BYTES; i += 3) {
    const three = ((key[i] ?? 0) << 16) | ((key[i + 1] ?? 0) << 8) | (key[i + 2] ?? 0);
    for (let shift = 18; shift >= 0; shift -= 6) text += ALPHABET.charAt((three >> shift) & 63);
  }
  return `${text.slice(0, 43)}=`;
}
