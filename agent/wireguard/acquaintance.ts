// What we know of a peer's keys: its public key, what is computed of it once, and its configured
// pre-shared key.

import { Secret } from '../crypto/secret.js';
import type { PrivateKey } from '../crypto/x25519.js';
import type { Correspondent } from './handshake.js';
import { NO_PRESHARED_KEY, presharedKeyFrom } from './noise.js';

export class Acquaintance {
  private presharedKey: Secret | undefined;
  private staticStatic: Secret | undefined;

  constructor(readonly publicKey: Uint8Array) {}

  setPresharedKey(key: Uint8Array | null): void {
    const fresh = presharedKeyFrom(key);
    this.presharedKey?.wipe();
    this.presharedKey = fresh;
  }

  /** A copy; null where there is none. */
  getPresharedKey(): Uint8Array | null {
    return this.presharedKey === undefined ? null : Uint8Array.from(this.presharedKey.bytes);
  }

  /** Undefined without a key of ours, and for a public key of low order. */
  correspondent(identity: PrivateKey | undefined): Correspondent | undefined {
    if (this.staticStatic === undefined && identity !== undefined) {
      const shared = identity.dh(this.publicKey);
      this.staticStatic = shared && new Secret(shared);
    }
    if (this.staticStatic === undefined) return undefined;
    return {
      publicKey: this.publicKey,
      staticStatic: this.staticStatic.bytes,
      presharedKey: this.presharedKey?.bytes ?? NO_PRESHARED_KEY,
    };
  }

  /** Our static key is another. */
  forget(): void {
    this.staticStatic?.wipe();
    this.staticStatic = undefined;
  }
}
