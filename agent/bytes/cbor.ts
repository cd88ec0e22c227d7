// CBOR in the one form that RFC 8949, section 4.2.1 calls deterministic, and nothing beside it:
// definite lengths, shortest integers, map keys unique and in the order of their bytes; and of the
// types only integers below 2^53, byte and text strings, arrays, maps, false, true and null.
//
// A scan walks over the bytes first and bounds what they can make anybody build; only what it has
// measured is given to cbor-x, which by itself takes duplicate keys, turns tags into objects and
// throws where bytes are missing.
//
//   initial byte:  mmm aaaaa     m: major type     a: 0-23 the value, 24-27 it follows in 1-8 bytes

import { Decoder } from 'cbor-x/decode';

/** What can be written, and what is read. Keys of maps are integers or text. */
export type Cbor =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly Cbor[]
  | ReadonlyMap<number | string, Cbor>;

/** Frames and statements nest four deep; recursion must end somewhere. */
export const DEPTH_MAX = 8;

const Major = {
  Unsigned: 0,
  Negative: 1,
  Bytes: 2,
  Text: 3,
  Array: 4,
  Map: 5,
  Simple: 7,
} as const;

// int64AsNumber is missing in cbor-x's types; copyBuffers: nothing read shares our input's memory.
const SETTINGS = {
  useRecords: false,
  mapsAsObjects: false,
  int64AsNumber: true,
  copyBuffers: true,
};
const decoder = new Decoder(SETTINGS);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const text = new TextEncoder();

/** One item and where it ended; undefined where what stands at the start is not in our form. */
export function decodePrefix(bytes: Uint8Array): { value: Cbor; length: number } | undefined {
  const scan = new Scan(bytes);
  if (!scan.item(DEPTH_MAX)) return undefined;
  const length = scan.at;
  // A plain view: of a Buffer's byte strings cbor-x would make Buffers.
  const exact = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
  return { value: decoder.decode(exact) as Cbor, length };
}

/** One item and nothing after it; with `padding`, zeros may follow. Undefined on anything else. */
export function decode(bytes: Uint8Array, { padding = false } = {}): Cbor | undefined {
  const found = decodePrefix(bytes);
  if (found === undefined) return undefined;
  if (!padding && found.length < bytes.length) return undefined;
  for (let i = found.length; i < bytes.length; i++) if (bytes[i] !== 0) return undefined;
  return found.value;
}

class Scan {
  at = 0;
  private argument = 0; // of the head that was read last

  constructor(private readonly bytes: Uint8Array) {}

  /** Steps over one item with at most `depth` levels; false where it is not in our form. */
  item(depth: number): boolean {
    const major = this.head();
    if (major === undefined || depth === 0) return false;
    switch (major) {
      case Major.Unsigned:
        return true;
      case Major.Negative:
        return this.argument < Number.MAX_SAFE_INTEGER; // -1 - argument is safe too
      case Major.Bytes:
        return this.skip(this.argument);
      case Major.Text:
        return this.skip(this.argument) && this.isText(this.at - this.argument, this.at);
      case Major.Array:
        return this.items(this.argument, depth - 1);
      case Major.Map:
        return this.entries(this.argument, depth - 1);
      default:
        return major === Major.Simple && this.argument >= 20 && this.argument <= 22;
    }
  }

  /** The major type; its argument is kept. Undefined where it is cut off or not the shortest. */
  private head(): number | undefined {
    const initial = this.bytes[this.at++];
    if (initial === undefined) return undefined;
    const major = initial >> 5;
    const short = initial & 31;
    if (short < 24) {
      this.argument = short;
      return major;
    }
    if (short > 27 || major === Major.Simple) return undefined; // indefinite, floats
    const length = 1 << (short - 24);
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + (this.bytes[this.at + i] ?? 0);
    this.argument = value;
    const least = short === 24 ? 24 : 2 ** (4 * length);
    if (value < least || value > Number.MAX_SAFE_INTEGER) return undefined;
    return this.skip(length) ? major : undefined;
  }

  private skip(length: number): boolean {
    this.at += length;
    return this.at <= this.bytes.length;
  }

  private items(count: number, depth: number): boolean {
    if (count > this.bytes.length - this.at) return false; // each takes a byte at least
    for (let i = 0; i < count; i++) if (!this.item(depth)) return false;
    return true;
  }

  private entries(count: number, depth: number): boolean {
    if (2 * count > this.bytes.length - this.at) return false;
    let [from, to] = [0, 0]; // the key before
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const major = (this.bytes[start] ?? 0) >> 5;
      if (major !== Major.Unsigned && major !== Major.Negative && major !== Major.Text)
        return false;
      if (!this.item(1)) return false;
      if (i > 0 && compareParts(this.bytes, from, to, start, this.at) >= 0) return false;
      [from, to] = [start, this.at];
      if (!this.item(depth)) return false;
    }
    return true;
  }

  private isText(from: number, to: number): boolean {
    try {
      utf8.decode(this.bytes.subarray(from, to));
      return true;
    } catch {
      return false;
    }
  }
}

function compareParts(b: Uint8Array, from: number, to: number, start: number, end: number) {
  const length = Math.min(to - from, end - start);
  for (let i = 0; i < length; i++) {
    const difference = (b[from + i] ?? 0) - (b[start + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return to - from - (end - start);
}

/** The only encoding of a value. Throws TypeError on what our form has no place for. */
export function encode(value: Cbor): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts, DEPTH_MAX);
  return concat(parts);
}

function write(value: Cbor, parts: Uint8Array[], depth: number): void {
  if (depth === 0) throw new TypeError(`"value" nests deeper than ${DEPTH_MAX}`);
  if (value === null) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'number') parts.push(integer(value));
  else if (typeof value === 'string') {
    const bytes = text.encode(value);
    if (utf8.decode(bytes) !== value) throw new TypeError('"value" has half a character');
    parts.push(head(Major.Text, bytes.length), bytes);
  } else if (value instanceof Uint8Array) {
    parts.push(head(Major.Bytes, value.length), value);
  } else if (value instanceof Map) {
    writeMap(value, parts, depth);
  } else if (Array.isArray(value)) {
    parts.push(head(Major.Array, value.length));
    for (const item of value) write(item, parts, depth - 1);
  } else {
    throw new TypeError(`"value" is a ${typeof value}, which has no place here`);
  }
}

function writeMap(map: ReadonlyMap<number | string, Cbor>, parts: Uint8Array[], depth: number) {
  const entries = [...map].map(([key, value]) => [encode(key), value] as const);
  entries.sort(([a], [b]) => compareBytes(a, b));
  parts.push(head(Major.Map, entries.length));
  for (const [key, value] of entries) {
    parts.push(key);
    write(value, parts, depth - 1);
  }
}

function integer(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new TypeError(`"value" is no safe integer: ${value}`);
  return value < 0 ? head(Major.Negative, -1 - value) : head(Major.Unsigned, value);
}

function head(major: number, argument: number): Uint8Array {
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | argument);
  if (argument < 2 ** 8) return Uint8Array.of(type | 24, argument);
  const width = argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8;
  const bytes = new Uint8Array(1 + width);
  bytes[0] = type | (width === 2 ? 25 : width === 4 ? 26 : 27);
  for (let i = width, rest = argument; i > 0; i--, rest = Math.floor(rest / 256)) {
    bytes[i] = rest % 256;
  }
  return bytes;
}

/** In the order of their bytes; of two, one of which begins the other, the shorter is first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
