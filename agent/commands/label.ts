// What a node or a peer is called where names may change: in topics, and to those who send there.

import { createHash } from 'node:crypto';
import { decodeKey } from '../bytes/base64.js';

const LABEL_LETTERS = 12; // 48 bits: no two nodes of one mesh meet by chance

/** 12 hexadecimal digits of the SHA-256 of a public key, which is given in base64. */
export function labelOf(publicKey: string): string {
  const key = decodeKey(publicKey) ?? publicKey;
  return createHash('sha256').update(key).digest('hex').slice(0, LABEL_LETTERS);
}
