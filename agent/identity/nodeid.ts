// Node keys and statement ids as text: base64url without padding (RFC 4648, section 5), so that
// they serve as map keys, compare with === and fit into a topic or a file name.

import { base64urlnopad } from '@scure/base';

export const ID_LETTERS = 43; // of 32 bytes

/** 32 bytes as 43 letters. */
export function idOf(bytes: Uint8Array): string {
  if (bytes.length !== 32) throw new RangeError(`"bytes" has ${bytes.length} bytes, not 32`);
  return base64urlnopad.encode(bytes);
}

/** The 32 bytes of an id that idOf made; throws RangeError on another text. */
export function idBytes(id: string): Uint8Array {
  if (id.length !== ID_LETTERS) throw new RangeError(`"id" has ${id.length} letters, not 43`);
  return base64urlnopad.decode(id);
}
