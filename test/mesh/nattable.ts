// A NAT small enough for a test: what RFC 4787 calls mapping and filtering, and nothing else.

import type { Endpoint } from '../../agent/bytes/address.js';
import { formatEndpoint } from '../../agent/bytes/address.js';

/** What it lets in: anybody, addresses sent to, addresses and ports sent to; or symmetric. */
export type NatType = 'full' | 'address' | 'port' | 'symmetric';

type Mapping = { port: number; inside: Endpoint; sentTo: Map<string, number>; until: number };
const LIFE_MS = 60_000;

export class Nat {
  private byKey = new Map<string, Mapping>();
  private byPort = new Map<number, Mapping>();
  private nextPort = 20_000;

  constructor(
    public address: string,
    readonly type: NatType,
    /** How far apart the ports of two new mappings are; null: wherever the dice say. */
    private readonly step: number | (() => number) = 7,
  ) {}

  get mappings(): number {
    return this.byPort.size;
  }

  /** A new address outside, as after a reconnect: nothing that was open is. */
  move(address: string): void {
    this.address = address;
    this.byKey.clear();
    this.byPort.clear();
  }

  outward(inside: Endpoint, to: Endpoint, now: number): Endpoint {
    const own = formatEndpoint(inside);
    const key = this.type === 'symmetric' ? `${own} ${formatEndpoint(to)}` : own;
    let mapping = this.byKey.get(key);
    if (mapping === undefined || mapping.until < now) {
      const step = typeof this.step === 'number' ? this.step : this.step();
      this.nextPort = 20_000 + ((this.nextPort - 20_000 + step) % 40_000);
      mapping = { port: this.nextPort, inside, sentTo: new Map(), until: 0 };
      this.byKey.set(key, mapping);
      this.byPort.set(mapping.port, mapping);
    }
    mapping.until = now + LIFE_MS;
    mapping.sentTo.set(formatEndpoint(to), now).set(to.address, now);
    return { address: this.address, port: mapping.port };
  }

  inward(port: number, from: Endpoint, now: number): Endpoint | undefined {
    const mapping = this.byPort.get(port);
    if (mapping === undefined || mapping.until < now) return undefined;
    const knows = (whom: string) => now - (mapping.sentTo.get(whom) ?? -LIFE_MS) < LIFE_MS;
    if (this.type === 'address' && !knows(from.address)) return undefined;
    const strict = this.type === 'port' || this.type === 'symmetric';
    if (strict && !knows(formatEndpoint(from))) return undefined;
    return mapping.inside;
  }
}
