// A few nodes with path machines and relay channels, in virtual time, behind NATs. Sessions are
// play-acted: a handshake is three datagrams, sealing is a number that both ends know.

import { type Endpoint, formatEndpoint, type Place } from '../../agent/bytes/address.js';
import type { NodeId, Role } from '../../agent/identity/member.js';
import type { PathOptions } from '../../agent/mesh/path.js';
import { FakeRoll, nodeId, times } from './ground.js';
import type { Nat } from './nattable.js';
import { PathNode } from './pathnode.js';

export type Datagram =
  | { type: 'init'; id: string; node: NodeId }
  | { type: 'response'; id: string; node: NodeId }
  | { type: 'sealed'; id: string; what: unknown; bytes: number }
  | { type: 'channel'; channel: number; inner: Datagram };

type Event = { at: number; act: () => void };
export type Site = { lan: string; nat: Nat | null; delayMs?: number };

export class PathWorld {
  now = 0;
  readonly roll = new FakeRoll();
  readonly nodes: PathNode[] = [];
  readonly trackers: NodeId[] = [];
  delayMs = 20; // one way, between sites
  /** Largest packet inside the tunnel that the way carries. */
  mtu: (from: PathNode, to: PathNode) => number = () => 1_420;
  /** True: the datagram is lost. */
  lose: (from: PathNode, to: PathNode, datagram: Datagram, endpoint: Endpoint) => boolean = () =>
    false;
  sent = 0;
  private readonly events: Event[] = []; // the next one last

  /** `nat` null: a public host at `lan`. Role `relay` and `tracker` only for those in `roles`. */
  add(site: Site, roles: readonly Role[] = [], options: PathOptions = {}): PathNode {
    const node = new PathNode(this, nodeId(this.nodes.length + 1), site, options);
    this.roll.add(node.id, roles);
    this.nodes.push(node);
    if (roles.includes('relay')) this.trackers.push(node.id);
    return node;
  }

  byId(id: NodeId): PathNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }

  later(ms: number, act: () => void): void {
    const at = this.now + ms;
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.events[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    this.events.splice(low, 0, { at, act });
  }

  /** Runs until then; every machine is asked for its deadline after every event. */
  run(until: number): void {
    for (let steps = 0; steps < 1_000_000; steps++) {
      const event = this.events.at(-1);
      const due = Math.min(...this.nodes.map((node) => node.deadline() ?? Infinity));
      const next = Math.min(event?.at ?? Infinity, due);
      if (next > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, next);
      if (event !== undefined && event.at <= due) {
        this.events.pop();
        event.act();
      } else {
        for (const node of this.nodes) {
          if ((node.deadline() ?? Infinity) <= this.now) node.tick();
        }
      }
    }
    throw new Error('the machines never come to rest');
  }

  get at() {
    return times(this.now);
  }

  /** Out of a socket of `from`, through NATs, to whoever has that endpoint. */
  transmit(from: PathNode, slot: number, to: Endpoint, datagram: Datagram): void {
    this.sent++;
    if (from.down) return;
    const inside = { address: from.site.lan, port: 51_820 + slot };
    const { nat } = from.site;
    const neighbour = this.nodes.find(
      (node) => node.site.nat === nat && nat !== null && node.site.lan === to.address,
    );
    if (neighbour !== undefined) {
      this.deliver(from, neighbour, 1, inside, to, datagram);
      return;
    }
    const outside = nat === null ? inside : nat.outward(inside, to, this.now);
    const delay = this.delayMs + (from.site.delayMs ?? 0);
    this.later(delay, () => this.arrive(from, outside, to, datagram));
  }

  private arrive(from: PathNode, outside: Endpoint, to: Endpoint, datagram: Datagram): void {
    for (const node of this.nodes) {
      const { nat, lan } = node.site;
      if (nat === null && lan === to.address) {
        this.deliver(from, node, 0, outside, to, datagram);
        return;
      }
      if (nat?.address !== to.address) continue;
      const inside = nat.inward(to.port, outside, this.now);
      if (inside === undefined || inside.address !== lan) continue;
      this.deliver(from, node, 0, outside, inside, datagram);
      return;
    }
  }

  private deliver(
    from: PathNode,
    node: PathNode,
    delay: number,
    source: Endpoint,
    inside: Endpoint,
    datagram: Datagram,
  ): void {
    const slot = inside.port - 51_820;
    if (node.down || slot < 0 || this.lose(from, node, datagram, inside)) return;
    const sealed = datagram.type === 'channel' ? datagram.inner : datagram;
    if (sealed.type === 'sealed' && sealed.bytes > this.mtu(from, node)) return;
    const place: Place = { slot, endpoint: source, source: null, channel: 0 };
    this.later(delay, () => node.receive(datagram, place));
  }

  /** As trackers would: A hears where B is, B hears of A and shall hurry. */
  introduce(a: PathNode, b: PathNode): void {
    this.later(2 * this.delayMs, () => {
      a.learn(b, false);
      b.learn(a, true);
    });
  }
}

export const where = (place: Place | null) =>
  place === null ? '-' : formatEndpoint(place.endpoint);
