// The lower half of a simulated node: the agent's own WireGuard machine and a plane in TypeScript,
// driven in virtual time as agent/driver.ts and agent/underlay.ts drive the real ones.

import { addressBytes, type Place, type Prefix } from '../../agent/bytes/address.js';
import type { Times } from '../../agent/mesh/effects.js';
import { Device } from '../../agent/wireguard/device.js';
import type { Effect, Millis, PeerId } from '../../agent/wireguard/effects.js';
import type { PlaneEvent, PlaneOrder } from '../../agent/wireguard/orders.js';
import { SoftPlane } from '../../agent/wireguard/softplane.js';

export type TunnelOptions = Readonly<{
  privateKey: Uint8Array; // wiped
  random: (bytes: number) => Uint8Array;
  ceiling: number | undefined;
  saveCeiling: (seconds: number) => void;
  send: (datagram: Uint8Array, to: Place) => void;
  deliver: (packet: Uint8Array, from: PeerId) => void;
  above: Above;
}>;

/** What the mesh is told of; see agent/driver.ts (Overlay). */
export interface Above {
  onStranger(publicKey: Uint8Array): void;
  onWant(peer: PeerId): void;
  onActive(peer: PeerId): void;
  onEffect(effect: Effect): void;
  onEvent(event: PlaneEvent): void;
}

export class SimTunnel {
  readonly device: Device;
  readonly plane: SoftPlane;
  private readonly routes = new Map<string, PeerId>(); // address bytes as text
  private readonly routed = new Map<PeerId, string[]>();

  constructor(
    private readonly options: TunnelOptions,
    private readonly times: () => Times,
  ) {
    this.device = new Device({
      random: options.random,
      traffic: (peer) => this.plane.traffic(peer),
      slotFor: ({ address }) => (address.includes(':') ? 1 : 0),
      ceiling: options.ceiling,
      onStranger: (publicKey) => options.above.onStranger(publicKey),
    });
    this.plane = new SoftPlane({
      send: options.send,
      deliver: options.deliver,
      route: (address) => this.routes.get(textOf(address)),
    });
  }

  /** `door`: the public key with which newcomers knock. */
  start(door: Uint8Array | null = null): void {
    const { now, wall } = this.times();
    this.perform(this.device.setPrivateKey(this.options.privateKey));
    this.perform(this.device.up(now, wall));
    if (door !== null) this.perform(this.device.setDoor(door));
  }

  perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'ceiling') this.options.saveCeiling(effect.seconds);
      else {
        if (effect.kind === 'peer-gone') this.allow(effect.peer, []);
        this.order(effect);
      }
      this.options.above.onEffect(effect);
    }
  }

  order(order: PlaneOrder): void {
    this.take(this.plane.order(order, this.times().now));
  }

  /** A datagram off the network. */
  receive(datagram: Uint8Array, from: Place): void {
    this.take(this.plane.outside(datagram, from, this.times().now));
  }

  /** A packet of a user's. */
  inside(packet: Uint8Array): void {
    this.take(this.plane.inside(packet, this.times().now));
  }

  /** Hosts alone: members offer no subnets in simulations. */
  allow(peer: PeerId, prefixes: readonly Prefix[]): void {
    for (const key of this.routed.get(peer) ?? []) this.routes.delete(key);
    const keys = prefixes.map(({ address }) => textOf(addressBytes(address)));
    for (const key of keys) this.routes.set(key, peer);
    if (keys.length > 0) this.routed.set(peer, keys);
    else this.routed.delete(peer);
  }

  deadline(): Millis | undefined {
    return this.device.deadline();
  }

  tick(): void {
    const { now, wall } = this.times();
    this.perform(this.device.tick(now, wall));
  }

  private take(events: readonly PlaneEvent[]): void {
    for (const event of events) this.perform(this.react(event));
  }

  private react(event: PlaneEvent): readonly Effect[] {
    const { device } = this;
    const { above } = this.options;
    const { now, wall } = this.times();
    switch (event.kind) {
      case 'want':
        above.onWant(event.peer);
        return device.onWant(event.peer, now, wall);
      case 'active':
        above.onActive(event.peer);
        return device.onActive(event.peer, now, wall);
      case 'stale':
        return device.onStale(event.session, now, wall);
      case 'confirmed':
        return device.onConfirmed(event.session, now, wall);
      case 'roamed':
        device.onRoamed(event.peer, event.place);
        return [];
      case 'handshake':
        return device.onHandshake(event, false, now, wall);
      default:
        above.onEvent(event);
        return [];
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
