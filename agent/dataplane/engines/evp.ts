// ChaCha20-Poly1305 by the OpenSSL that Node uses, through its EVP functions, called by address on
// the worker's memory: the way for a Node whose OpenSSL is a shared library (primitives.ts is
// faster). Four calls for a packet cost about 0.4 us, so this pays for long texts only.
//
// A trap: EVP_Cipher(ctx, NULL, NULL, 0) as the final step gives 0 for authentic and for forged
// packets alike. Only EVP_CipherFinal_ex === 1, with the tag set before, is a yes.

import koffi from 'koffi';
import {
  AUTHENTIC,
  DESCRIPTOR_WORDS,
  type Engine,
  PENDING,
  REFUSED,
  TAG_BYTES,
  type Table,
  WORD_COUNTER,
  WORD_KEY,
  WORD_LENGTH,
  WORD_STATE,
  WORD_TEXT,
} from './engine.js';

// Values of OpenSSL's evp.h
const CTRL_AEAD_GET_TAG = 0x10;
const CTRL_AEAD_SET_TAG = 0x11;
const ENCRYPT = 1;
const DECRYPT = 0;
const AS_BEFORE = -1;
const DONE = 1;

type Call = (...args: number[]) => number;

type Evp = Readonly<{
  newContext: Call;
  freeContext: Call;
  init: Call;
  update: Call;
  final: Call;
  control: Call;
  cipher: Call;
}>;

function symbols(): Evp {
  const library = koffi.load(null);
  const pointer = 'uintptr_t';
  const declare = (name: string, result: string, args: string[]): Call =>
    library.func(name, result, args);
  return {
    newContext: declare('EVP_CIPHER_CTX_new', pointer, []),
    freeContext: declare('EVP_CIPHER_CTX_free', 'void', [pointer]),
    init: declare('EVP_CipherInit_ex', 'int', [pointer, pointer, pointer, pointer, pointer, 'int']),
    update: declare('EVP_CipherUpdate', 'int', [pointer, pointer, pointer, pointer, 'int']),
    final: declare('EVP_CipherFinal_ex', 'int', [pointer, pointer, pointer]),
    control: declare('EVP_CIPHER_CTX_ctrl', 'int', [pointer, 'int', 'int', pointer]),
    cipher: declare('EVP_chacha20_poly1305', pointer, []),
  };
}

/** The engine, or a sentence that says why this Node has none. */
export function openEvp(table: Table): Engine | string {
  let evp: Evp;
  try {
    evp = symbols();
  } catch {
    return 'this Node does not export the functions of its OpenSSL';
  }
  const cipher = evp.cipher();
  if (cipher === 0) return 'the OpenSSL of this Node has no ChaCha20-Poly1305';
  const sealing = evp.newContext();
  const opening = evp.newContext();
  if (
    sealing !== 0 &&
    opening !== 0 &&
    evp.init(sealing, cipher, 0, 0, 0, ENCRYPT) === DONE &&
    evp.init(opening, cipher, 0, 0, 0, DECRYPT) === DONE
  ) {
    return new EvpEngine(table, evp, sealing, opening);
  }
  evp.freeContext(sealing); // freeing 0 is allowed
  evp.freeContext(opening);
  return 'the OpenSSL of this Node refuses to start ChaCha20-Poly1305';
}

class EvpEngine implements Engine {
  readonly name = 'openssl';
  readonly way = 'evp';
  private readonly words: Uint32Array;
  private readonly firstWord: number;
  // Nonce (12 bytes) and where OpenSSL writes lengths; an ArrayBuffer's bytes never move.
  private readonly scratch = new Uint32Array(new ArrayBuffer(64));
  private readonly nonce: number;
  private readonly written: number;
  private closed = false;

  constructor(
    private readonly table: Table,
    private readonly evp: Evp,
    private readonly sealing: number,
    private readonly opening: number,
  ) {
    this.words = new Uint32Array(table.memory);
    this.firstWord = table.address / 4;
    this.nonce = Number(koffi.address(this.scratch));
    this.written = this.nonce + 32;
  }

  seal(first: number, count: number): boolean {
    const { words, evp, sealing, written } = this;
    if (this.closed) return false;
    const { base } = this.table;
    let at = this.firstWord + first * DESCRIPTOR_WORDS;
    const end = at + count * DESCRIPTOR_WORDS;
    for (; at < end; at += DESCRIPTOR_WORDS) {
      const text = base + (words[at + WORD_TEXT] ?? 0);
      const length = words[at + WORD_LENGTH] ?? 0;
      if (!this.begin(sealing, at)) return false;
      if (evp.update(sealing, text, written, text, length) !== DONE) return false;
      if (evp.final(sealing, text + length, written) !== DONE) return false;
      if (evp.control(sealing, CTRL_AEAD_GET_TAG, TAG_BYTES, text + length) !== DONE) return false;
    }
    return true;
  }

  open(first: number, count: number): boolean {
    const { words, evp, opening, written } = this;
    if (this.closed) return false;
    const { base } = this.table;
    let at = this.firstWord + first * DESCRIPTOR_WORDS;
    const end = at + count * DESCRIPTOR_WORDS;
    for (; at < end; at += DESCRIPTOR_WORDS) {
      if (words[at + WORD_STATE] !== PENDING) continue;
      const text = base + (words[at + WORD_TEXT] ?? 0);
      const length = words[at + WORD_LENGTH] ?? 0;
      const good =
        this.begin(opening, at) &&
        evp.control(opening, CTRL_AEAD_SET_TAG, TAG_BYTES, text + length) === DONE &&
        evp.update(opening, text, written, text, length) === DONE &&
        evp.final(opening, text + length, written) === DONE;
      words[at + WORD_STATE] = good ? AUTHENTIC : REFUSED;
    }
    return true;
  }

  /** Contexts hold a copy of the last key: OpenSSL clears them when it frees them. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.evp.freeContext(this.sealing);
    this.evp.freeContext(this.opening);
    this.scratch.fill(0);
  }

  /**
   * Key and nonce of the descriptor at word `at`. The key each time: its slot may have a new one.
   */
  private begin(context: number, at: number): boolean {
    const { words, scratch } = this;
    scratch[1] = words[at + WORD_COUNTER] ?? 0;
    scratch[2] = words[at + WORD_COUNTER + 1] ?? 0;
    const key = this.table.base + (words[at + WORD_KEY] ?? 0);
    return this.evp.init(context, 0, 0, key, this.nonce, AS_BEFORE) === DONE;
  }
}
