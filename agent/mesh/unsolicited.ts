// Did somebody come out of the blue? Only then was our door open to everybody: a NAT or firewall
// lets in whoever it has seen us send to, for minutes.
//
// All that we send to is written down, by address: some NATs let in any port of an address that
// we have sent to (RFC 4787, "address-dependent filtering").

import type { Address } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Met } from './effects.js';

/**
 * NATs keep an unused UDP mapping for 5 min at most, as RFC 4787 recommends. What is sent in a
 * session is not told here, but each session is, and lasts 3 min; the rest is margin.
 */
export const FORGOTTEN_AFTER_MS = 600_000;

/** Addresses, and nodes, that are remembered. Where one has to go early, we claim nothing. */
const REMEMBERED_MAX = 4_096;

export class Unsolicited {
  private readonly sentTo = new Map<Address, Millis>(); // the oldest first
  private readonly metAt = new Map<NodeId, Millis>();
  private blindUntil: Millis = Number.NEGATIVE_INFINITY;

  onSent(to: Address, now: Millis): void {
    this.note(this.sentTo, to, now);
  }

  /** A session came to be used: did it begin out of the blue? */
  onMet(node: NodeId, { initiator, from }: Met, now: Millis): boolean {
    const { address } = from.endpoint;
    const earliest = now - FORGOTTEN_AFTER_MS;
    const known =
      (this.sentTo.get(address) ?? Number.NEGATIVE_INFINITY) > earliest ||
      (this.metAt.get(node) ?? Number.NEGATIVE_INFINITY) > earliest;
    this.note(this.metAt, node, now);
    this.note(this.sentTo, address, now); // the handshake's answer, and all that follows it
    return !initiator && from.channel === 0 && !known && now >= this.blindUntil;
  }

  private note<K>(map: Map<K, Millis>, key: K, now: Millis): void {
    map.delete(key);
    map.set(key, now);
    if (map.size <= REMEMBERED_MAX) return;
    for (const [oldest, at] of map) {
      map.delete(oldest);
      this.blindUntil = Math.max(this.blindUntil, at + FORGOTTEN_AFTER_MS);
      return;
    }
  }
}
