// The configuration of one WireGuard interface and its state, as the cross-platform configuration
// protocol (get=1, set=1) and `kith up` both see it.

import type { Endpoint, Prefix } from '../bytes/address.js';

/** A base64 key as `wg` prints it is its text; in memory keys are 32 bytes. */
export type PublicKey = Uint8Array;

export type PeerChange = Readonly<{
  publicKey: PublicKey;
  remove?: boolean;
  updateOnly?: boolean; // do nothing where the peer does not exist
  presharedKey?: Uint8Array | null; // null or zeros: none
  endpoint?: Endpoint;
  keepalive?: number; // seconds, 0 is off
  replaceAllowedIps?: boolean;
  allowedIps?: ReadonlyArray<Readonly<{ prefix: Prefix; remove?: boolean }>>;
}>;

export type DeviceChange = Readonly<{
  privateKey?: Uint8Array | null; // null or zeros: none
  listenPort?: number; // 0: the kernel chooses
  fwmark?: number; // 0: none
  replacePeers?: boolean;
  peers?: readonly PeerChange[];
}>;

export type PeerState = Readonly<{
  publicKey: PublicKey;
  presharedKey: Uint8Array | null;
  endpoint: Endpoint | null;
  keepalive: number;
  lastHandshake: number; // Unix time, seconds with a fraction; 0 is never
  receivedBytes: number;
  sentBytes: number;
  allowedIps: readonly Prefix[];
}>;

export type DeviceState = Readonly<{
  privateKey: Uint8Array | null;
  publicKey: PublicKey | null;
  listenPort: number;
  fwmark: number;
  peers: readonly PeerState[];
}>;

/** Why a change was refused; `errno` is what `set=1` answers with (errno.h, positive). */
export class DeviceError extends Error {
  constructor(
    message: string,
    readonly errno: number,
  ) {
    super(message);
  }
}

/** What the configuration socket and the agent drive: one interface and its peers. */
export interface Configurable {
  /**
   * All of the change, or, with a DeviceError, nothing of it that could be checked before. Keys
   * that it keeps are copied: the caller wipes the change.
   */
  apply(change: DeviceChange): void;
  /** The keys in it are copies: the caller wipes them. */
  state(): DeviceState;
}
