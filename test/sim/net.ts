// The network between simulated hosts: sites with NATs, one inside another where need be, and lines
// that lose, delay, duplicate, reorder and part.
//
//   host ── site (NAT) ── site (carrier's NAT) ── internet ── site ── host
// With IPv6 a host has an address of its own on the internet, wherever it is; a firewall may stand
// before it, which lets in what was asked for.
//
// Every datagram that is sent passes `onWire` first: what is looked at there, a wiretapper sees.

import type { Address, Endpoint } from '../../agent/bytes/address.js';
import { NATS, Nat, type NatBehaviour } from './nat.js';
import type { World } from './world.js';

export type LineOptions = Readonly<{
  loss: number; // 0 to 1
  duplication: number;
  delayMs: number; // least, one way
  jitterMs: number; // added at random: reorders what is closer together
}>;

export const CALM: LineOptions = { loss: 0, duplication: 0, delayMs: 10, jitterMs: 2 };
const MTU = 1_500;
const HEADERS = 28; // IPv4 and UDP
const HOPS_MAX = 4; // NATs in a row
const LAN_MS = 1;

/** What is behind one NAT, or (`nat` null) directly on the network of `upstream`. */
export type Site = {
  readonly name: string;
  readonly upstream: Site | null; // null: the internet
  readonly nat: Nat | null;
  address: Address; // in the network of `upstream`; of a site without NAT: nothing of its own
  cut: boolean;
  readonly mtu: number; // of its line upstream
  readonly hosts: Map<Address, Host>;
  readonly inner: Map<Address, Site>; // behind a NAT of their own
};

export type Datagram = Readonly<{ bytes: Uint8Array; from: Endpoint; to: Endpoint }>;

/** A machine with sockets. */
export type Host = {
  readonly name: string;
  site: Site;
  address: Address;
  six: Six | undefined;
  up: boolean;
  sentBytes: number; // whole packets, headers too
  receivedBytes: number;
  receive: (port: number, bytes: Uint8Array, from: Endpoint) => void;
};

/** `firewall`: a NAT that translates nothing; null: all is let in. */
export type Six = { address: Address; readonly firewall: Nat | null };

export type Drop = 'nowhere' | 'loss' | 'parted' | 'mtu' | 'filtered' | 'down';

export class Net {
  line: LineOptions = CALM;
  /** Sees everything that any host sends; throws what must not be there. */
  onWire: (datagram: Datagram, sender: Host) => void = () => {};
  readonly dropped: Record<Drop, number> = {
    nowhere: 0,
    loss: 0,
    parted: 0,
    mtu: 0,
    filtered: 0,
    down: 0,
  };
  delivered = 0;
  private readonly internet = new Map<Address, Site | Host>();
  private given = 0;
  private parts = new Map<string, number>(); // site name -> side of the partition

  constructor(private readonly world: World) {}

  /** A NAT on the internet, or behind another one. */
  site(name: string, behaviour: NatBehaviour, upstream: Site | null = null, mtu = MTU): Site {
    const nat = new Nat(behaviour, this.world.random);
    const address = upstream ? `100.64.0.${upstream.inner.size + 2}` : this.nextAddress();
    const nobody = { hosts: new Map(), inner: new Map() };
    const site: Site = { name, upstream, nat, address, cut: false, mtu, ...nobody };
    if (upstream) upstream.inner.set(address, site);
    else this.internet.set(address, site);
    return site;
  }

  /** A host behind a NAT, or (without one) with a public address. */
  host(name: string, site?: Site): Host {
    const own = site ?? this.open(name);
    const address = site ? `192.168.1.${site.hosts.size + 2}` : own.address;
    const nothing = { sentBytes: 0, receivedBytes: 0, receive: () => {} };
    const host: Host = { name, site: own, address, six: undefined, up: true, ...nothing };
    own.hosts.set(address, host);
    if (!site) this.internet.set(address, host);
    return host;
  }

  /** Gives a host IPv6, too. */
  addSix(host: Host, firewall: boolean): void {
    const behaviour = NATS['port-restricted'];
    const nat = firewall ? new Nat(behaviour, this.world.random) : null;
    host.six = { address: this.nextSix(), firewall: nat };
    this.internet.set(host.six.address, host);
  }

  private open(name: string): Site {
    const address = this.nextAddress();
    const nobody = { hosts: new Map(), inner: new Map() };
    return { name, upstream: null, nat: null, address, cut: false, mtu: MTU, ...nobody };
  }

  /** Another public address; its NAT forgets, as routers do when their uplink comes back. */
  move(site: Site): void {
    if (site.upstream !== null) throw new RangeError('"site" is behind another one');
    this.internet.delete(site.address);
    site.address = this.nextAddress();
    for (const { six } of site.hosts.values()) if (six !== undefined) this.moveSix(six);
    site.nat?.reset();
    if (site.nat !== null) {
      this.internet.set(site.address, site);
      return;
    }
    const hosts = [...site.hosts.values()];
    site.hosts.clear();
    for (const host of hosts) {
      host.address = site.address;
      site.hosts.set(host.address, host);
      this.internet.set(host.address, host);
    }
  }

  private moveSix(six: Six): void {
    const host = this.internet.get(six.address);
    this.internet.delete(six.address);
    six.address = this.nextSix();
    six.firewall?.reset();
    if (host !== undefined) this.internet.set(six.address, host);
  }

  /** Sites with different numbers do not hear each other; those not named are on side 0. */
  part(sides: ReadonlyMap<Site, number>): void {
    this.parts = new Map([...sides].map(([site, side]) => [site.name, side]));
  }

  heal(): void {
    this.parts.clear();
  }

  send(host: Host, port: number, bytes: Uint8Array, to: Endpoint): void {
    const isSix = to.address.includes(':');
    const address = isSix ? host.six?.address : host.address;
    const datagram = { bytes, from: { address: address ?? host.address, port }, to };
    this.onWire(datagram, host);
    host.sentBytes += bytes.length + HEADERS;
    const { loss, duplication } = this.line;
    const { random } = this.world;
    if (!host.up) this.count('down');
    else if (address === undefined) this.count('nowhere');
    else if (loss > 0 && random.next() < loss) this.count('loss');
    else {
      this.count(this.dispatch(host, datagram));
      if (duplication > 0 && random.next() < duplication) this.count(this.dispatch(host, datagram));
    }
  }

  // From here on: undefined, or why the datagram was dropped.

  private dispatch(host: Host, { bytes, from, to }: Datagram): Drop | undefined {
    const neighbour = this.neighbour(host, to.address);
    const { delayMs, jitterMs } = this.line;
    if (neighbour) {
      const arrive = () => this.count(this.arrive(neighbour, to.port, bytes, from));
      this.world.after(LAN_MS, arrive);
      return undefined;
    }
    const delay = delayMs + jitterMs * this.world.random.next();
    const isSix = to.address.includes(':');
    const seen = isSix
      ? this.outwardSix(host, from, to)
      : this.outward(host.site, from, to, bytes.length);
    if (typeof seen === 'string') return seen;
    this.world.after(delay, () => this.count(this.inward(host.site, { bytes, from: seen, to })));
    return undefined;
  }

  /** On the same LAN. */
  private neighbour({ site }: Host, address: Address): Host | null | undefined {
    if (!address.includes(':')) return site.nat && site.hosts.get(address);
    const found = this.internet.get(address);
    const isNear = found !== undefined && 'site' in found && found.site === site;
    return isNear && site.nat !== null ? found : undefined;
  }

  private outwardSix({ site, six }: Host, from: Endpoint, to: Endpoint): Endpoint | Drop {
    for (let at: Site | null = site; at !== null; at = at.upstream) if (at.cut) return 'down';
    six?.firewall?.leave(from, to, this.world.now);
    return from;
  }

  /** Through the NATs of the sender, from the innermost; its endpoint on the internet. */
  private outward(site: Site, from: Endpoint, to: Endpoint, bytes: number): Endpoint | Drop {
    let seen = from;
    let at: Site | null = site;
    for (let hop = 0; at !== null && hop < HOPS_MAX; hop++) {
      if (at.cut) return 'down';
      if (bytes + HEADERS > at.mtu) return 'mtu';
      if (at.nat !== null) {
        const port = at.nat.leave(seen, to, this.world.now);
        if (port === undefined) return 'filtered';
        seen = { address: at.address, port };
      }
      at = at.upstream;
    }
    return seen;
  }

  private inward(origin: Site, datagram: Datagram): Drop | undefined {
    const { bytes, from, to } = datagram;
    const found = this.internet.get(to.address);
    if (found === undefined) return 'nowhere';
    const site = 'site' in found ? found.site : found;
    if (this.sideOf(origin) !== this.sideOf(site)) return 'parted';
    if (site.cut) return 'down';
    if ('site' in found) {
      const { six } = found;
      const isClosed = to.address === six?.address && six.firewall !== null;
      if (isClosed && !six.firewall.enter(to.port, from, this.world.now)) return 'filtered';
      return this.arrive(found, to.port, bytes, from);
    }
    if (site === origin && !site.nat?.behaviour.hairpin) return 'filtered';
    return this.enter(site, datagram);
  }

  /** Through one NAT from outside, to a host or to the next one. */
  private enter(site: Site, { bytes, from, to }: Datagram): Drop | undefined {
    if (site.cut) return 'down';
    const inside = site.nat?.enter(to.port, from, this.world.now);
    if (inside === undefined) return 'filtered';
    const host = site.hosts.get(inside.address);
    if (host !== undefined) return this.arrive(host, inside.port, bytes, from);
    const inner = site.inner.get(inside.address);
    if (inner === undefined) return 'nowhere';
    return this.enter(inner, { bytes, from, to: inside });
  }

  private arrive(host: Host, port: number, bytes: Uint8Array, from: Endpoint): Drop | undefined {
    if (!host.up) return 'down';
    host.receivedBytes += bytes.length + HEADERS;
    this.delivered++;
    host.receive(port, bytes, from);
    return undefined;
  }

  /** Of the outermost site: what is behind one uplink is on one side. */
  private sideOf(site: Site): number {
    let outer = site;
    while (outer.upstream !== null) outer = outer.upstream;
    return this.parts.get(outer.name) ?? 0;
  }

  private nextAddress(): Address {
    const n = ++this.given;
    return `203.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  }

  private nextSix(): Address {
    const n = ++this.given;
    return `2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`;
  }

  private count(drop: Drop | undefined): void {
    if (drop !== undefined) this.dropped[drop]++;
  }
}
