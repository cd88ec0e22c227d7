// Descriptors as objects see them: for noble, the judge and the self-test. The fast engines read
// the table's words themselves.

import {
  DESCRIPTOR_WORDS,
  KEY_BYTES,
  PENDING,
  TAG_BYTES,
  type Table,
  WORD_COUNTER,
  WORD_KEY,
  WORD_LENGTH,
  WORD_SESSION,
  WORD_STATE,
  WORD_TEXT,
} from './engine.js';

const NONCE_BYTES = 12;

/** What a descriptor says, state and flags left out; `text` and `key` are offsets. */
export type Packet = Readonly<{
  text: number;
  length: number;
  key: number;
  counter: bigint;
  session: number;
}>;

export class Descriptors {
  /** The whole memory. */
  readonly bytes: Uint8Array;
  private readonly words: Uint32Array;
  private readonly firstWord: number;
  private readonly nonceWords = new Uint32Array(NONCE_BYTES / 4);
  private readonly nonceBytes = new Uint8Array(this.nonceWords.buffer);

  constructor(table: Table) {
    this.bytes = new Uint8Array(table.memory);
    this.words = new Uint32Array(table.memory);
    this.firstWord = table.address / 4;
  }

  write(index: number, packet: Packet): void {
    const at = this.firstWord + index * DESCRIPTOR_WORDS;
    this.words[at + WORD_TEXT] = packet.text;
    this.words[at + WORD_LENGTH] = packet.length;
    this.words[at + WORD_KEY] = packet.key;
    this.words[at + WORD_STATE] = PENDING;
    this.words[at + WORD_COUNTER] = Number(packet.counter & 0xffff_ffffn);
    this.words[at + WORD_COUNTER + 1] = Number(packet.counter >> 32n);
    this.words[at + WORD_SESSION] = packet.session;
  }

  length(index: number): number {
    return this.word(index, WORD_LENGTH);
  }

  session(index: number): number {
    return this.word(index, WORD_SESSION);
  }

  state(index: number): number {
    return this.word(index, WORD_STATE);
  }

  setState(index: number, state: number): void {
    this.words[this.firstWord + index * DESCRIPTOR_WORDS + WORD_STATE] = state;
  }

  key(index: number): Uint8Array {
    const key = this.word(index, WORD_KEY);
    return this.bytes.subarray(key, key + KEY_BYTES);
  }

  /** Valid until the next call. */
  nonce(index: number): Uint8Array {
    this.nonceWords[1] = this.word(index, WORD_COUNTER);
    this.nonceWords[2] = this.word(index, WORD_COUNTER + 1);
    return this.nonceBytes;
  }

  text(index: number): Uint8Array {
    const text = this.word(index, WORD_TEXT);
    return this.bytes.subarray(text, text + this.length(index));
  }

  /** Text and tag. */
  sealed(index: number): Uint8Array {
    const text = this.word(index, WORD_TEXT);
    return this.bytes.subarray(text, text + this.length(index) + TAG_BYTES);
  }

  private word(index: number, word: number): number {
    return this.words[this.firstWord + index * DESCRIPTOR_WORDS + word] ?? 0;
  }
}
