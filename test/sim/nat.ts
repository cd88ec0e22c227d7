// A NAT in memory, in the terms of RFC 4787: how it maps what leaves, and whom it lets in.

import type { Endpoint } from '../../agent/bytes/address.js';
import type { Random } from '../lab/random.js';

export type Dependence = 'none' | 'address' | 'address-and-port'; // on the endpoint outside
export type PortChoice = 'same' | 'next' | 'random';

export type NatBehaviour = Readonly<{
  mapping: Dependence;
  filtering: Dependence;
  ports: PortChoice; // `same`: where it is free
  timeoutMs: number; // RFC 4787 asks for 120 s and more; 30 s are common
  refreshInward: boolean; // what comes in keeps a mapping alive, too
  hairpin: boolean; // hosts behind it reach each other at their outside endpoints
  blocked?: boolean; // no UDP at all
}>;

const usual = { ports: 'same', timeoutMs: 60_000, refreshInward: true, hairpin: false } as const;

export const NATS = {
  'full-cone': { ...usual, mapping: 'none', filtering: 'none' },
  'address-restricted': { ...usual, mapping: 'none', filtering: 'address' },
  'port-restricted': { ...usual, mapping: 'none', filtering: 'address-and-port' },
  symmetric: {
    ...usual,
    ports: 'random',
    mapping: 'address-and-port',
    filtering: 'address-and-port',
  },
  predictable: {
    ...usual,
    ports: 'next',
    mapping: 'address-and-port',
    filtering: 'address-and-port',
  },
  blocked: { ...usual, mapping: 'none', filtering: 'none', blocked: true },
} as const satisfies Record<string, NatBehaviour>;
export type NatName = keyof typeof NATS;

const MAPPINGS_MAX = 4_096; // home routers hold a few thousand; the oldest goes
const PORT_MIN = 1_024;
const PORTS = 64_512;

type Mapping = { inside: Endpoint; port: number; usedAt: number; peers: Map<string, number> };

export class Nat {
  private readonly byInside = new Map<string, Mapping>(); // oldest use first, roughly
  private readonly byPort = new Map<number, Mapping>();
  private next: number;

  constructor(
    readonly behaviour: NatBehaviour,
    private readonly random: Random,
  ) {
    this.next = this.random.below(PORTS);
  }

  get size(): number {
    return this.byInside.size;
  }

  /** A datagram from inside: the port it is seen from outside; undefined: not let out. */
  leave(inside: Endpoint, to: Endpoint, now: number): number | undefined {
    if (this.behaviour.blocked) return undefined;
    const key = `${text(inside)} ${part(to, this.behaviour.mapping)}`;
    let mapping = this.byInside.get(key);
    if (mapping !== undefined && this.isDead(mapping, now)) {
      this.forget(key, mapping);
      mapping = undefined;
    }
    mapping ??= this.map(key, inside, now);
    mapping.usedAt = now;
    mapping.peers.set(part(to, this.behaviour.filtering), now);
    return mapping.port;
  }

  /** A datagram from outside to this port: whose it is inside; undefined: dropped. */
  enter(port: number, from: Endpoint, now: number): Endpoint | undefined {
    const mapping = this.byPort.get(port);
    if (mapping === undefined || this.behaviour.blocked || this.isDead(mapping, now))
      return undefined;
    const sentAt = mapping.peers.get(part(from, this.behaviour.filtering));
    if (sentAt === undefined || now - sentAt > this.behaviour.timeoutMs) return undefined;
    if (this.behaviour.refreshInward) {
      mapping.usedAt = now;
      mapping.peers.set(part(from, this.behaviour.filtering), now);
    }
    return mapping.inside;
  }

  /** A reboot, or another uplink. */
  reset(): void {
    this.byInside.clear();
    this.byPort.clear();
  }

  private map(key: string, inside: Endpoint, now: number): Mapping {
    if (this.byInside.size >= MAPPINGS_MAX) {
      for (const [oldest, mapping] of this.byInside) {
        this.forget(oldest, mapping);
        break;
      }
    }
    const mapping = {
      inside,
      port: this.freePort(inside.port, now),
      usedAt: now,
      peers: new Map(),
    };
    this.byInside.set(key, mapping);
    this.byPort.set(mapping.port, mapping);
    return mapping;
  }

  private freePort(wanted: number, now: number): number {
    const { ports } = this.behaviour;
    if (ports === 'same' && this.isFree(wanted, now)) return wanted;
    for (;;) {
      const step = ports === 'next' ? this.next++ : this.random.below(PORTS);
      const port = PORT_MIN + (step % PORTS);
      if (this.isFree(port, now)) return port;
    }
  }

  private isFree(port: number, now: number): boolean {
    const mapping = this.byPort.get(port);
    return mapping === undefined || this.isDead(mapping, now);
  }

  private isDead(mapping: Mapping, now: number): boolean {
    return now - mapping.usedAt > this.behaviour.timeoutMs;
  }

  private forget(key: string, mapping: Mapping): void {
    this.byInside.delete(key);
    if (this.byPort.get(mapping.port) === mapping) this.byPort.delete(mapping.port);
  }
}

const text = ({ address, port }: Endpoint) => `${address}:${port}`;

function part(endpoint: Endpoint, dependence: Dependence): string {
  if (dependence === 'none') return '';
  return dependence === 'address' ? endpoint.address : text(endpoint);
}

/** Whether two hosts behind these NATs can meet directly when both are told of each other. */
export function canMeet(a: NatBehaviour | null, b: NatBehaviour | null): boolean {
  if (a?.blocked || b?.blocked) return false;
  return lets(a, b) || lets(b, a);
}

/** Whether b's datagrams get in at a, which has sent to where it believes b to be. */
function lets(a: NatBehaviour | null, b: NatBehaviour | null): boolean {
  if (a === null) return true;
  if (a.mapping !== 'none') return false; // b does not know a's port for it
  if (a.filtering === 'none') return true;
  return b === null || b.mapping === 'none' || a.filtering === 'address';
}
