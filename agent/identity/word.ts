// Bytes as one word that survives paper, chat and a QR code: a prefix, then the letters of bech32
// (BIP 173: no 1, b, i, o), five bits each.
//
//   u8 length | content | first 4 bytes of SHA-256(prefix, length, content)
//
// The length tells a word that was cut off from one in which a letter is another.

import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../bytes/cbor.js';

export const CONTENT_BYTES_MAX = 250;
const CHECKSUM_BYTES = 4;
const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
/** Somebody may paste a whole page. */
const TEXT_MAX = 4_096;

/** What is wrong with a word, for programs and for people. */
export type WordProblem = Readonly<{ code: WordCode; text: string }>;
export type WordCode = 'not-a-word' | 'letter' | 'cut-off' | 'too-long' | 'altered' | 'newer';

export function encodeWord(prefix: string, content: Uint8Array): string {
  if (content.length > CONTENT_BYTES_MAX)
    throw new RangeError(`"content" has ${content.length} bytes, more than ${CONTENT_BYTES_MAX}`);
  const body = concat([Uint8Array.of(content.length), content]);
  return prefix + lettersOf(concat([body, checksum(prefix, body)]));
}

/** The content, or what is wrong. Spaces and line ends are passed over, upper case is taken. */
export function decodeWord(prefix: string, text: string): Uint8Array | WordProblem {
  if (text.length > TEXT_MAX) return wrong('not-a-word', 'This is far too long for a word.');
  const word = text.replace(/\s/g, '').toLowerCase();
  if (!word.startsWith(prefix))
    return prefix.startsWith(word)
      ? wrong('cut-off', 'The word is cut off right at its start.')
      : wrong('not-a-word', `This does not begin with "${prefix}".`);
  const letters = word.slice(prefix.length);
  for (const [i, letter] of [...letters].entries()) {
    if (LETTERS.includes(letter)) continue;
    const place = `letter ${prefix.length + i + 1}`;
    return wrong('letter', `"${letter}" (${place}) is none of the letters such a word has.`);
  }
  return check(prefix, letters);
}

function check(prefix: string, letters: string): Uint8Array | WordProblem {
  const bytes = bytesOf(letters);
  const length = bytes[0];
  if (length === undefined) return wrong('cut-off', 'The word is cut off right at its start.');
  const whole = lengthInLetters(1 + length + CHECKSUM_BYTES);
  if (letters.length === whole) {
    const end = 1 + length;
    const body = bytes.subarray(0, end);
    const sum = checksum(prefix, body);
    const good = sum.every((byte, i) => byte === bytes[end + i]) && lettersOf(bytes) === letters;
    return good ? body.slice(1) : wrong('altered', 'At least one letter is not as it was.');
  }
  if (isWholeButForLength(prefix, bytes))
    return wrong('altered', `One of the first letters after "${prefix}" is not as it was.`);
  const missing = whole - letters.length;
  return missing > 0
    ? wrong('cut-off', `The word is cut off: ${missing} of ${whole + prefix.length} letters miss.`)
    : wrong('too-long', `The word has ${-missing} letters more than it should.`);
}

/** All is there, if only the length is put right. */
function isWholeButForLength(prefix: string, bytes: Uint8Array): boolean {
  const length = bytes.length - 1 - CHECKSUM_BYTES;
  if (length < 0 || length > CONTENT_BYTES_MAX || length === bytes[0]) return false;
  const body = concat([Uint8Array.of(length), bytes.subarray(1, 1 + length)]);
  return checksum(prefix, body).every((byte, i) => byte === bytes[1 + length + i]);
}

function checksum(prefix: string, body: Uint8Array): Uint8Array {
  return sha256(concat([new TextEncoder().encode(prefix), body])).subarray(0, CHECKSUM_BYTES);
}

function lengthInLetters(bytes: number): number {
  return Math.ceil((8 * bytes) / 5);
}

function lettersOf(bytes: Uint8Array): string {
  let text = '';
  let [bits, waiting] = [0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    waiting += 8;
    while (waiting >= 5) {
      waiting -= 5;
      text += LETTERS.charAt((bits >> waiting) & 31);
    }
  }
  return waiting > 0 ? text + LETTERS.charAt((bits << (5 - waiting)) & 31) : text;
}

/** Bits that are left over at the end are dropped. */
function bytesOf(letters: string): Uint8Array {
  const bytes = new Uint8Array((5 * letters.length) >> 3);
  let [bits, waiting, at] = [0, 0, 0];
  for (const letter of letters) {
    bits = ((bits << 5) | LETTERS.indexOf(letter)) & 0xfff;
    waiting += 5;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes[at++] = bits >> waiting;
  }
  return bytes;
}

function wrong(code: WordCode, text: string): WordProblem {
  return { code, text };
}
