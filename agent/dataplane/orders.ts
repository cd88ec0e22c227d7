// What main tells the workers and hears of them (wireguard/orders.ts), and the sockets by number.

export type {
  HandshakeCheck,
  Metered,
  PlaneEffect,
  PlaneEvent,
  PlaneOrder,
} from '../wireguard/orders.js';

export const SLOT_IPV4 = 0; // the listen port over IPv4
export const SLOT_IPV6 = 1; // the same over IPv6
export const SLOTS_MAX = 40;
