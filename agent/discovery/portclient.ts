// What the three ways of asking a router for a port have in common.

import type { Address, Endpoint } from '../bytes/address.js';

export type PortClientOptions = Readonly<{
  gateway: Address;
  port: number; // ours, UDP
  suggested: number; // the external port that we had, or would like to have
  random: (bytes: number) => Uint8Array;
  /** Called for the first answer and for each renewal. */
  onMapped: (endpoint: Endpoint) => void;
  /** Called once at most: silent, refused, or lost at a renewal. The client has then ended. */
  onFailed: () => void;
  gatewayPort: number | undefined; // a test has one of its own
}>;

export interface PortClient {
  start(): void;
  /** Calls nothing from then on. `giveBack`: the router is told that the port is free again. */
  stop(giveBack: boolean): Promise<void>;
}

export const LEASE_S = 7_200; // RFC 6887 leaves it to the client; others ask for the same
const RENEW_LEAST_S = 10; // whatever lifetime a router gives

/** Half the lease (RFC 6887, section 11.2.1), within bounds. */
export function renewMs(lifetimeS: number): number {
  return Math.min(LEASE_S / 2, Math.max(RENEW_LEAST_S, lifetimeS / 2)) * 1000;
}
