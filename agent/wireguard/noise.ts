// The symmetric half of Noise (rev. 34, section 5.2) as Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s
// needs it. Every key seals one thing only, so the nonce is always 0.

import { hash, KEY_BYTES, kdf1, kdf2, kdf3, open, seal } from '../crypto/primitives.js';
import { isZero, Secret, wipe } from '../crypto/secret.js';

const text = new TextEncoder();
const CONSTRUCTION = hash(text.encode('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
const PROLOGUE = hash(CONSTRUCTION, text.encode('WireGuard v1 zx2c4 Jason@zx2c4.com'));
const EMPTY = new Uint8Array(0);

/** Two keys of a finished handshake, and its hash, which is no secret; 32 bytes each. */
export type TransportKeys = Readonly<{
  initiatorSends: Uint8Array;
  responderSends: Uint8Array;
  hash: Uint8Array; // Noise rev. 34, section 11.2: channel binding
}>;

export class SymmetricState {
  #chainingKey: Secret;
  #hash: Secret;
  #key: Secret | undefined;

  private constructor(chainingKey: Secret, transcript: Secret) {
    this.#chainingKey = chainingKey;
    this.#hash = transcript;
  }

  /** Both sides begin with the responder's static public key, known to both. */
  static begin(responder: Uint8Array): SymmetricState {
    const state = new SymmetricState(Secret.copyOf(CONSTRUCTION), Secret.copyOf(PROLOGUE));
    state.mixHash(responder);
    return state;
  }

  /** A copy to try a message of unknown origin on; without the key of the last message. */
  clone(): SymmetricState {
    const { bytes } = this.#chainingKey;
    return new SymmetricState(Secret.copyOf(bytes), Secret.copyOf(this.#hash.bytes));
  }

  mixHash(data: Uint8Array): void {
    const { bytes } = this.#hash;
    bytes.set(hash(bytes, data));
  }

  /** MixKey for a public ephemeral: with a pre-shared key in play it is mixed in both ways. */
  mixEphemeral(publicKey: Uint8Array): void {
    this.mixHash(publicKey);
    this.#advance(kdf1(this.#chainingKey.bytes, publicKey));
  }

  /** Takes the shared secret over and wipes it. */
  mixKey(shared: Uint8Array): void {
    const [chainingKey, key] = kdf2(this.#chainingKey.bytes, shared);
    wipe(shared);
    this.#advance(chainingKey, key);
  }

  mixPresharedKey(presharedKey: Uint8Array): void {
    const [chainingKey, mixed, key] = kdf3(this.#chainingKey.bytes, presharedKey);
    this.mixHash(mixed);
    wipe(mixed);
    this.#advance(chainingKey, key);
  }

  seal(plain: Uint8Array): Uint8Array {
    const sealed = seal(this.#sealingKey(), 0, plain, this.#hash.bytes);
    this.mixHash(sealed);
    return sealed;
  }

  /** Undefined where it was not sealed by the same state; the state is of no use then. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const plain = open(this.#sealingKey(), 0, sealed, this.#hash.bytes);
    if (plain !== undefined) this.mixHash(sealed);
    return plain;
  }

  /** The end: the transport keys; the state is wiped. */
  split(): TransportKeys {
    const [initiatorSends, responderSends] = kdf2(this.#chainingKey.bytes, EMPTY);
    const transcript = Uint8Array.from(this.#hash.bytes);
    this.wipe();
    return { initiatorSends, responderSends, hash: transcript };
  }

  wipe(): void {
    this.#chainingKey.wipe();
    this.#hash.wipe();
    this.#key?.wipe();
  }

  #advance(chainingKey: Uint8Array, key?: Uint8Array): void {
    this.#chainingKey.wipe();
    this.#chainingKey = new Secret(chainingKey);
    this.#key?.wipe();
    this.#key = key && new Secret(key);
  }

  #sealingKey(): Uint8Array {
    if (this.#key === undefined) throw new TypeError('nothing was mixed into the key yet');
    return this.#key.bytes;
  }
}

/** No pre-shared key is a key of zeros. */
export const NO_PRESHARED_KEY = new Uint8Array(KEY_BYTES);

/** Undefined for null and for zeros, which both mean: none. Copies. */
export function presharedKeyFrom(key: Uint8Array | null): Secret | undefined {
  if (key === null || isZero(key)) return undefined;
  if (key.length !== KEY_BYTES) throw new RangeError(`"presharedKey" has ${key.length} bytes`);
  return Secret.copyOf(key);
}
