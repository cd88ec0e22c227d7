// Bytes that must not be seen, and must not be there for longer than they are needed.

/** What every attempt to print a Secret gives. */
const SHOWN = '[secret]';
/** What util.inspect and console.log ask for. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Overwrites with zeros. The garbage collector may have copied nothing of a typed array. */
export function wipe(...arrays: (Uint8Array | undefined)[]): void {
  for (const array of arrays) array?.fill(0);
}

/** True where every byte is zero, in constant time for one length. */
export function isZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (const byte of bytes) any |= byte;
  return any === 0;
}

/**
 * Holds key bytes out of sight: no string, no JSON, no inspection shows them, and it is visible in
 * the source where they are used (`bytes`). Owns its bytes; `wipe` zeroes them for good.
 */
export class Secret {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes the bytes over: the caller keeps no use of them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static copyOf(bytes: Uint8Array): Secret {
    return new Secret(Uint8Array.from(bytes));
  }

  /** The bytes themselves, not a copy. Throws once they are wiped. */
  get bytes(): Uint8Array {
    if (this.#wiped) throw new TypeError('"secret" was wiped');
    return this.#bytes;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [INSPECT](): string {
    return SHOWN;
  }
}
