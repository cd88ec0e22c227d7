// The handshake of the WireGuard paper, section 5.4: Noise_IKpsk2 in one round trip.
//
//   initiator                                            responder
//   Initiation.begin ── e, es, s, ss, timestamp ──▶ openInitiation   who is it?
//                                                    .timestamp       is it really, is it new?
//   Initiation.finish ◀── e, ee, se, psk, empty ─── .respond
//
// What cannot be authentic gives undefined and leaves the state as it was. No side effects, no
// time: the caller brings ephemeral keys, indices and the timestamp.

import { KEY_BYTES } from '../crypto/primitives.js';
import { wipe } from '../crypto/secret.js';
import { PrivateKey } from '../crypto/x25519.js';
import {
  type Initiation as InitiationMessage,
  type Response,
  writeInitiation,
  writeResponse,
} from './messages.js';
import { SymmetricState, type TransportKeys } from './noise.js';

/** A peer's static key, with what is computed once: DH(our static, their static). */
export type Correspondent = Readonly<{
  publicKey: Uint8Array;
  staticStatic: Uint8Array;
  presharedKey: Uint8Array; // zeros: none
}>;

const EMPTY = new Uint8Array(0);

/** Our initiation, waiting for its response. */
export class Initiation {
  private constructor(
    /** The index that the response will bear as its receiver. */
    readonly sender: number,
    private readonly state: SymmetricState,
    private readonly ephemeral: PrivateKey,
  ) {}

  /**
   * The message has no macs yet. `ephemeral` is a fresh private key of 32 bytes, taken over.
   * Undefined for a peer whose public key is of low order.
   */
  static begin(
    us: PrivateKey,
    them: Correspondent,
    fresh: { ephemeral: Uint8Array; sender: number; timestamp: Uint8Array },
  ): { initiation: Initiation; datagram: Uint8Array } | undefined {
    const ephemeral = new PrivateKey(fresh.ephemeral);
    const ephemeralStatic = ephemeral.dh(them.publicKey);
    if (ephemeralStatic === undefined) {
      ephemeral.wipe();
      return undefined;
    }
    const { publicKey } = ephemeral;
    const state = SymmetricState.begin(them.publicKey);
    state.mixEphemeral(publicKey);
    state.mixKey(ephemeralStatic);
    const sealedStatic = state.seal(us.publicKey);
    state.mixKey(Uint8Array.from(them.staticStatic));
    const sealedTimestamp = state.seal(fresh.timestamp);
    const { sender } = fresh;
    return {
      initiation: new Initiation(sender, state, ephemeral),
      datagram: writeInitiation({ sender, ephemeral: publicKey, sealedStatic, sealedTimestamp }),
    };
  }

  /**
   * After the one good response the state is wiped; a forged one changes nothing. Where several
   * pre-shared keys may have been used, they are tried in turn; which one it was is told.
   */
  finish(
    us: PrivateKey,
    them: Correspondent,
    response: Response,
    presharedKeys: readonly Uint8Array[] = [them.presharedKey],
  ): (TransportKeys & { presharedKey: number }) | undefined {
    const shared = [this.ephemeral, us].map((key) => key.dh(response.ephemeral));
    const [ephemeralEphemeral, staticEphemeral] = shared;
    if (ephemeralEphemeral === undefined || staticEphemeral === undefined) {
      wipe(...shared);
      return undefined;
    }
    const state = this.state.clone();
    state.mixEphemeral(response.ephemeral);
    state.mixKey(ephemeralEphemeral);
    state.mixKey(staticEphemeral);
    for (const [number, presharedKey] of presharedKeys.entries()) {
      const attempt = state.clone();
      attempt.mixPresharedKey(presharedKey);
      if (attempt.open(response.sealedEmpty) !== undefined) {
        state.wipe();
        this.wipe();
        return { ...attempt.split(), presharedKey: number };
      }
      attempt.wipe();
    }
    state.wipe();
    return undefined;
  }

  wipe(): void {
    this.state.wipe();
    this.ephemeral.wipe();
  }
}

/** Somebody's initiation, its sender's static key known but not proven yet. */
export class OpenedInitiation {
  constructor(
    readonly publicKey: Uint8Array,
    private readonly message: InitiationMessage,
    private readonly state: SymmetricState,
  ) {}

  /** The index that our response bears as its receiver. */
  get sender(): number {
    return this.message.sender;
  }

  /** Proves the sender: 12 bytes of TAI64N, or undefined (then the state is wiped). */
  timestamp(staticStatic: Uint8Array): Uint8Array | undefined {
    this.state.mixKey(Uint8Array.from(staticStatic));
    const timestamp = this.state.open(this.message.sealedTimestamp);
    if (timestamp === undefined) this.wipe();
    return timestamp;
  }

  /** Only after `timestamp`. The message has no macs yet; the state is wiped. */
  respond(
    them: Correspondent,
    fresh: { ephemeral: Uint8Array; sender: number },
  ): { datagram: Uint8Array; keys: TransportKeys } | undefined {
    const ephemeral = new PrivateKey(fresh.ephemeral);
    const others = [this.message.ephemeral, them.publicKey];
    const shared = others.map((other) => ephemeral.dh(other));
    const [ephemeralEphemeral, ephemeralStatic] = shared;
    const { publicKey } = ephemeral;
    ephemeral.wipe();
    if (ephemeralEphemeral === undefined || ephemeralStatic === undefined) {
      wipe(...shared);
      this.wipe();
      return undefined;
    }
    this.state.mixEphemeral(publicKey);
    this.state.mixKey(ephemeralEphemeral);
    this.state.mixKey(ephemeralStatic);
    this.state.mixPresharedKey(them.presharedKey);
    const sealedEmpty = this.state.seal(EMPTY);
    const { sender } = fresh;
    const receiver = this.message.sender;
    return {
      datagram: writeResponse({ sender, receiver, ephemeral: publicKey, sealedEmpty }),
      keys: this.state.split(),
    };
  }

  wipe(): void {
    this.state.wipe();
  }
}

/** One DH; undefined where it was not made for our key. */
export function openInitiation(
  us: PrivateKey,
  message: InitiationMessage,
): OpenedInitiation | undefined {
  const ephemeralStatic = us.dh(message.ephemeral);
  if (ephemeralStatic === undefined) return undefined;
  const state = SymmetricState.begin(us.publicKey);
  state.mixEphemeral(message.ephemeral);
  state.mixKey(ephemeralStatic);
  const publicKey = state.open(message.sealedStatic);
  if (publicKey === undefined || publicKey.length !== KEY_BYTES) {
    state.wipe();
    return undefined;
  }
  return new OpenedInitiation(publicKey, message, state);
}
