// Signatures as OpenWrt's usign makes them: Ed25519 in two lines of text, the second in base64.
//
//   public key   "Ed" key number[8] key[32]
//   signature    "Ed" key number[8] signature[64]

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';

const ALGORITHM = Buffer.from('Ed');
const NUMBER_BYTES = 8;

/** `privateKey`: PEM (PKCS 8) of an Ed25519 key. The number is made of the key's own bytes. */
export function usignPublicKey(privateKey: string, comment: string): string {
  return twoLines(comment, Buffer.concat([ALGORITHM, keyNumber(privateKey), point(privateKey)]));
}

/** The name under which opkg looks for the key in /etc/opkg/keys. */
export function usignKeyName(privateKey: string): string {
  return keyNumber(privateKey).toString('hex');
}

export function usignSign(bytes: Uint8Array, privateKey: string, comment: string): string {
  const signature = sign(null, bytes, createPrivateKey(privateKey));
  return twoLines(comment, Buffer.concat([ALGORITHM, keyNumber(privateKey), signature]));
}

function keyNumber(privateKey: string): Buffer {
  return point(privateKey).subarray(0, NUMBER_BYTES);
}

function point(privateKey: string): Buffer {
  const { x = '', crv } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (crv !== 'Ed25519') throw new RangeError(`"privateKey" is ${crv ?? 'no curve'}, not Ed25519`);
  return Buffer.from(x, 'base64url');
}

function twoLines(comment: string, bytes: Buffer): string {
  if (comment.includes('\n')) throw new RangeError('"comment" has more than one line');
  return `untrusted comment: ${comment}\n${bytes.toString('base64')}\n`;
}
