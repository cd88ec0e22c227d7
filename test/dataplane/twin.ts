// What the data plane computes fast, computed by others: node:crypto, a Set, arrays.

import { createCipheriv, createDecipheriv } from 'node:crypto';

function nonce(counter: number | bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(BigInt(counter), 4);
  return bytes;
}

export function sealedWith(key: Uint8Array, counter: number | bigint, text: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce(counter), { authTagLength: 16 });
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Throws where the tag is wrong. */
export function openedWith(key: Uint8Array, counter: number | bigint, sealed: Uint8Array): Buffer {
  const cipher = createDecipheriv('chacha20-poly1305', key, nonce(counter), { authTagLength: 16 });
  cipher.setAuthTag(sealed.subarray(sealed.length - 16));
  return Buffer.concat([cipher.update(sealed.subarray(0, sealed.length - 16)), cipher.final()]);
}

/** RFC 6479 with 8,192 bits, the obvious way. */
export class Window {
  private readonly seen = new Set<bigint>();
  private newest = -1n;

  accepts(counter: bigint): boolean {
    if (counter <= this.newest - 8_128n || this.seen.has(counter)) return false;
    this.seen.add(counter);
    if (counter > this.newest) this.newest = counter;
    return true;
  }
}
