// ChaCha20-Poly1305 made of OpenSSL's ChaCha20 and Poly1305, which a Node with an OpenSSL of its
// own exports. Around them stands WebAssembly of ours: the one-time keys of four packets at once
// (simd/onetime.ts), and what Poly1305 must find behind a text (simd/apart.ts).
//
//   seal   one-time keys | ChaCha20, then Poly1305 in three calls, for each packet
//   open   one-time keys | Poly1305, compare, then ChaCha20 of what is authentic
//
// Measured on a 2.6 GHz EPYC with AVX-512, a packet of 1,420 bytes: one-time key 45 ns, ChaCha20
// 440, Poly1305 290, each with the calls out (45 ns apiece). Poly1305 by our own WebAssembly
// instead takes 540 ns, and less than OpenSSL's only below 600 bytes, where simd is near anyway.
//
// These functions are no public interface of OpenSSL, and a call with other arguments than they
// expect would crash; so only major versions are trusted that were looked at.

import koffi from 'koffi';
import {
  AUTHENTIC,
  DESCRIPTOR_WORDS,
  type Engine,
  PENDING,
  REFUSED,
  type Table,
  WORD_KEY,
  WORD_LENGTH,
  WORD_STATE,
  WORD_TEXT,
} from './engine.js';

/** What this needs of the module's exports. */
export type ApartExports = Readonly<{
  oneTimeKeys(table: number, first: number, count: number, room: number): void;
  roomApart(): number;
  layLengths(text: number, length: number): number;
  putBack(text: number, length: number): void;
  isAuthentic(text: number, length: number): number;
  wipeApart(): void;
}>;

const KNOWN_VERSIONS = /^3\./;

// The room of simd/apart.ts: Poly1305's state, a tag, an entry per one-time key.
const STATE_BYTES_MAX = 512;
const TAG_AT = 512;
const ENTRIES_AT = 528;
const ENTRIES_MAX = 64;
const ENTRY_BYTES = 48;
const COUNTER_AT = 32; // in an entry: ChaCha20's counter block

type Call = (...args: number[]) => number;

type Primitives = Readonly<{ chacha20: Call; init: Call; update: Call; final: Call; size: Call }>;

function symbols(): Primitives {
  const library = koffi.load(null);
  const pointer = 'uintptr_t';
  const declare = (name: string, result: string, args: string[]): Call =>
    library.func(name, result, args);
  return {
    chacha20: declare('ChaCha20_ctr32', 'void', [pointer, pointer, 'size_t', pointer, pointer]),
    init: declare('Poly1305_Init', 'void', [pointer, pointer]),
    update: declare('Poly1305_Update', 'void', [pointer, pointer, 'size_t']),
    final: declare('Poly1305_Final', 'void', [pointer, pointer]),
    size: declare('Poly1305_ctx_size', 'size_t', []),
  };
}

/** The engine, or a sentence that says why this Node, or this module, has none. */
export function openPrimitives(table: Table, wasm: Partial<ApartExports>): Engine | string {
  if (!hasAll(wasm)) return 'simd/apart.ts is not built in';
  const { openssl = 'none' } = process.versions;
  if (!KNOWN_VERSIONS.test(openssl)) return `the insides of OpenSSL ${openssl} are not known`;
  let primitives: Primitives;
  try {
    primitives = symbols();
  } catch {
    return 'this Node does not export ChaCha20 and Poly1305 of its OpenSSL';
  }
  if (primitives.size() > STATE_BYTES_MAX) return 'the Poly1305 of OpenSSL needs too much room';
  return new PrimitivesEngine(table, wasm, primitives);
}

function hasAll(wasm: Partial<ApartExports>): wasm is ApartExports {
  const { oneTimeKeys, roomApart, layLengths, putBack, isAuthentic, wipeApart } = wasm;
  const all = [oneTimeKeys, roomApart, layLengths, putBack, isAuthentic, wipeApart];
  return all.every((one) => one !== undefined);
}

class PrimitivesEngine implements Engine {
  readonly name = 'openssl';
  readonly way = 'primitives';
  private readonly words: Uint32Array;
  private readonly firstWord: number;
  private readonly entries: number; // offset of the first one-time key
  // Addresses in this process
  private readonly state: number;
  private readonly tag: number;
  private readonly firstEntry: number;
  private closed = false;

  constructor(
    private readonly table: Table,
    private readonly wasm: ApartExports,
    private readonly openssl: Primitives,
  ) {
    this.words = new Uint32Array(table.memory);
    this.firstWord = table.address / 4;
    const room = wasm.roomApart();
    this.entries = room + ENTRIES_AT;
    this.state = table.base + room;
    this.tag = this.state + TAG_AT;
    this.firstEntry = this.state + ENTRIES_AT;
  }

  seal(first: number, count: number): boolean {
    if (this.closed) return false;
    for (const end = first + count; first < end; first += ENTRIES_MAX) {
      this.sealSome(first, Math.min(end - first, ENTRIES_MAX));
    }
    return true;
  }

  open(first: number, count: number): boolean {
    if (this.closed) return false;
    for (const end = first + count; first < end; first += ENTRIES_MAX) {
      this.openSome(first, Math.min(end - first, ENTRIES_MAX));
    }
    return true;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.wasm.wipeApart();
  }

  private sealSome(first: number, count: number): void {
    const { words, wasm, openssl, state } = this;
    const { address, base } = this.table;
    wasm.oneTimeKeys(address, first, count, this.entries);
    let entry = this.firstEntry;
    let at = this.firstWord + first * DESCRIPTOR_WORDS;
    const end = at + count * DESCRIPTOR_WORDS;
    for (; at < end; at += DESCRIPTOR_WORDS, entry += ENTRY_BYTES) {
      const offset = words[at + WORD_TEXT] ?? 0;
      const length = words[at + WORD_LENGTH] ?? 0;
      const text = base + offset;
      const key = base + (words[at + WORD_KEY] ?? 0);
      openssl.chacha20(text, text, length, key, entry + COUNTER_AT);
      const hashed = wasm.layLengths(offset, length);
      openssl.init(state, entry);
      openssl.update(state, text, hashed);
      openssl.final(state, text + length);
      wasm.putBack(offset, length);
    }
  }

  private openSome(first: number, count: number): void {
    const { words, wasm, openssl, state } = this;
    const { address, base } = this.table;
    wasm.oneTimeKeys(address, first, count, this.entries);
    let entry = this.firstEntry;
    let at = this.firstWord + first * DESCRIPTOR_WORDS;
    const end = at + count * DESCRIPTOR_WORDS;
    for (; at < end; at += DESCRIPTOR_WORDS, entry += ENTRY_BYTES) {
      if (words[at + WORD_STATE] !== PENDING) continue;
      const offset = words[at + WORD_TEXT] ?? 0;
      const length = words[at + WORD_LENGTH] ?? 0;
      const text = base + offset;
      openssl.init(state, entry);
      openssl.update(state, text, wasm.layLengths(offset, length));
      openssl.final(state, this.tag);
      if (wasm.isAuthentic(offset, length) === 0) {
        words[at + WORD_STATE] = REFUSED;
        continue;
      }
      const key = base + (words[at + WORD_KEY] ?? 0);
      openssl.chacha20(text, text, length, key, entry + COUNTER_AT);
      words[at + WORD_STATE] = AUTHENTIC;
    }
  }
}
