// Devices on SoftPlanes, joined by a network that delivers at once, in order, and on request not
// at all. Node n is 192.0.2.n outside and 10.0.0.n inside.

import type { Place } from '../../agent/bytes/address.js';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { Device } from '../../agent/wireguard/device.js';
import type { Effect, PeerId } from '../../agent/wireguard/effects.js';
import type { PlaneEvent, PlaneOrder } from '../../agent/wireguard/orders.js';
import { SoftPlane } from '../../agent/wireguard/softplane.js';
import { seeded } from './pair.js';

const WALL_0 = 1_800_000_000_000;

export function placeAt(n: number, channel = 0, port = 51820): Place {
  return { slot: 0, endpoint: { address: `192.0.2.${n}`, port }, source: null, channel };
}

export type Sent = { from: Place; to: Place; datagram: Uint8Array };

export class SoftNet {
  now = 1_000;
  readonly nodes: SoftNode[] = [];
  readonly queue: Sent[] = [];
  /** All that was sent, lost or not. */
  readonly log: Sent[] = [];
  passes: (sent: Sent) => boolean = () => true;
  readonly random = seeded(7);

  node(options: { privateKey?: Uint8Array } = {}): SoftNode {
    const node = new SoftNode(this, this.nodes.length + 1, options.privateKey);
    this.nodes.push(node);
    return node;
  }

  send(sent: Sent): void {
    this.log.push(sent);
    if (this.passes(sent)) this.queue.push(sent);
  }

  /** Delivers until nothing is under way. */
  settle(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { address } = next.to.endpoint;
      const node = this.nodes.find((one) => one.place.endpoint.address === address);
      node?.react(node.plane.outside(next.datagram, { ...next.from, channel: 0 }, this.now));
    }
  }

  /** Time goes on, tick by tick. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.settle();
      const due = Math.min(...this.nodes.map((node) => node.device.deadline() ?? end + 1));
      if (due > end) break;
      this.now = Math.max(this.now, due);
      for (const node of this.nodes) node.perform(node.device.tick(this.now, node.wall));
    }
    this.now = end;
    this.settle();
  }
}

export class SoftNode {
  readonly device: Device;
  readonly plane: SoftPlane;
  readonly publicKey: Uint8Array;
  place: Place;
  readonly got: { peer: PeerId; packet: Uint8Array }[] = [];
  readonly effects: Effect[] = [];
  readonly events: PlaneEvent[] = [];
  readonly owners = new Map<number, PeerId>(); // last byte of the inside address

  constructor(
    readonly net: SoftNet,
    readonly number: number,
    privateKey: Uint8Array = net.random.bytes(32),
  ) {
    this.place = placeAt(number);
    this.publicKey = publicKeyOf(privateKey);
    this.plane = new SoftPlane({
      send: (datagram, to) => net.send({ from: this.place, to, datagram }),
      deliver: (packet, peer) => this.got.push({ peer, packet: Uint8Array.from(packet) }),
      route: (address) => this.owners.get(address[3]!),
    });
    this.device = new Device({
      random: net.random.bytes,
      traffic: (peer) => this.plane.traffic(peer),
      slotFor: () => 0,
    });
    this.perform(this.device.setPrivateKey(privateKey));
    this.perform(this.device.up(net.now, this.wall));
  }

  get wall(): number {
    return WALL_0 + this.net.now;
  }

  /** `known`: its place is told. */
  meet(other: SoftNode, options: { member?: boolean; known?: boolean } = {}): PeerId {
    const { member = true, known = true } = options;
    const how = member ? { roams: false, member } : {};
    const { peer, effects } = this.device.addPeer(other.publicKey, how)!;
    this.perform(effects);
    this.owners.set(other.number, peer);
    if (known) {
      this.perform(this.device.setPlace(peer, other.place, this.net.now, this.wall));
    }
    return peer;
  }

  packet(to: number, from = this.number): void {
    this.react(this.plane.inside(ping(from, to), this.net.now));
  }

  order(order: PlaneOrder): void {
    this.react(this.plane.order(order, this.net.now));
  }

  perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.kind !== 'ceiling') this.order(effect);
    }
  }

  react(events: readonly PlaneEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      this.perform(this.answer(event));
    }
  }

  private answer(event: PlaneEvent): Effect[] {
    const { device, wall } = this;
    const { now } = this.net;
    if (event.kind === 'handshake') return device.onHandshake(event, false, now, wall);
    if (event.kind === 'want') return device.onWant(event.peer, now, wall);
    if (event.kind === 'active') return device.onActive(event.peer, now, wall);
    if (event.kind === 'stale') return device.onStale(event.session, now, wall);
    if (event.kind === 'confirmed') return device.onConfirmed(event.session, now, wall);
    if (event.kind === 'roamed') device.onRoamed(event.peer, event.place);
    return [];
  }

  kinds(kind: Effect['kind']): Effect[] {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  event<K extends PlaneEvent['kind']>(kind: K): Extract<PlaneEvent, { kind: K }>[] {
    return this.events.filter((event) => event.kind === kind) as never;
  }
}

/** An IPv4 packet of 28 bytes. */
export function ping(from: number, to: number): Uint8Array {
  const packet = new Uint8Array(28);
  packet.set([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, from, 10, 0, 0, to, 8]);
  return packet;
}

export const frame = (...rest: number[]) => Uint8Array.of(0xa1, 1, ...rest);
