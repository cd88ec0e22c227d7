// Joins the mesh machine to a real tunnel: members are peers of the device there, what the mesh
// asks for becomes orders to the device and the workers, and one timer stands at its deadline.

import { type Endpoint, formatPrefix, type Place, type Prefix } from './bytes/address.js';
import { Claims } from './claims.js';
import { PEERS_MAX } from './dataplane/layout.js';
import type { PlaneEvent } from './dataplane/orders.js';
import type { Overlay } from './driver.js';
import type { NodeId } from './identity/member.js';
import type { MeshEffect, Times } from './mesh/effects.js';
import { encodeFrame } from './mesh/frames.js';
import type { Mesh } from './mesh/mesh.js';
import type { Tunnel } from './tunnel.js';
import type { Effect, PeerId } from './wireguard/effects.js';

const TIMER_MAX_MS = 2 ** 31 - 1; // what setTimeout can take
type Happening = (mesh: Mesh, at: Times) => readonly MeshEffect[];

const METER_MS = 5_000; // how often the workers' counts of circuits are looked at

/** What the mesh asks for that is not the tunnel's to do. */
export type Keeper = Readonly<{
  keep(statement: Uint8Array): void;
  discard(statement: string): void;
  remember(node: NodeId, endpoint: Endpoint): void;
  publish(record: Uint8Array): void;
  mtu(node: NodeId, mtu: number): void;
  /** What was relayed has been counted. */
  metered(): void;
  visit(node: NodeId, endpoints: readonly Endpoint[]): void;
  note(code: string, node: NodeId | undefined, text: string): void;
  publicKeyOf(node: NodeId): Uint8Array | undefined;
  /** One of the mesh's own addresses, and not a subnet behind a member. */
  isOverlay(prefix: Prefix): boolean;
}>;

export class Underlay implements Overlay {
  private readonly peers = new Map<NodeId, PeerId>();
  private readonly nodes = new Map<PeerId, NodeId>();
  private readonly porches = new Set<PeerId>();
  private readonly claims: Claims;
  private readonly circuits = new Set<number>(); // by the opener's channel
  private readonly waiting: Happening[] = [];
  private busy = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly meter: NodeJS.Timeout;
  private stopped = false;

  constructor(
    private readonly tunnel: Tunnel,
    private readonly mesh: Mesh,
    private readonly keeper: Keeper,
  ) {
    this.claims = new Claims({
      routes: tunnel.plane.routes,
      isMember: (peer) => this.nodes.has(peer),
      isOverlay: (prefix) => keeper.isOverlay(prefix),
    });
    this.meter = setInterval(() => this.count(), METER_MS);
    this.meter.unref();
  }

  start(): void {
    this.tunnel.attach(this);
    this.tell((mesh, at) => mesh.start(at));
  }

  stop(): void {
    this.count();
    this.stopped = true;
    clearTimeout(this.timer);
    clearInterval(this.meter);
    this.tunnel.attach(undefined);
    for (const peer of this.nodes.keys()) this.remove(peer);
  }

  times(): Times {
    return { now: this.tunnel.plane.now(), wall: Date.now() };
  }

  /** Runs one event of the mesh's and performs what comes of it. */
  tell(event: Happening): void {
    this.waiting.push(event);
    if (this.busy) return; // what is being performed has brought this about: it comes after
    this.busy = true;
    try {
      for (let next = this.waiting.shift(); next && !this.stopped; next = this.waiting.shift())
        for (const effect of next(this.mesh, this.times())) this.act(effect);
    } finally {
      this.busy = false;
      this.arm();
    }
  }

  isMember(peer: PeerId): boolean {
    return this.nodes.has(peer) || this.porches.has(peer);
  }

  peerOf(node: NodeId): PeerId | undefined {
    return this.peers.get(node);
  }

  // What the tunnel tells

  onWant(peer: PeerId): void {
    this.about(peer, (mesh, node, at) => mesh.onWant(node, at));
  }

  onActive(peer: PeerId): void {
    this.about(peer, (mesh, node, at) => mesh.onActive(node, at));
  }

  /** Effects of the device that the mesh hears of. */
  onEffect(effect: Effect): void {
    switch (effect.kind) {
      case 'met': {
        const { peer, initiator, from, hash, bare } = effect;
        this.about(peer, (mesh, node, at) => mesh.onMet(node, { initiator, from, hash, bare }, at));
        return;
      }
      case 'lost':
        this.about(effect.peer, (mesh, node, at) => mesh.onLost(node, at));
        return;
      case 'calm': {
        const node = this.nodes.get(effect.peer);
        if (node !== undefined) this.mesh.onCalm(node);
        return;
      }
      case 'porch':
        this.porches.add(effect.peer);
        this.tell((mesh, at) => mesh.onPorch(effect.peer, effect.hash, effect.from, at));
        return;
    }
  }

  onGone(peer: PeerId): void {
    const node = this.nodes.get(peer);
    if (node !== undefined) this.peers.delete(node);
    this.nodes.delete(peer);
    this.porches.delete(peer);
    this.claims.gone(peer);
  }

  onEvent(event: PlaneEvent): void {
    switch (event.kind) {
      case 'frame':
        if (this.porches.has(event.peer)) {
          this.tell((mesh, at) => mesh.onPorchFrame(event.peer, event.frame, at));
        } else {
          this.about(event.peer, (mesh, node, at) =>
            mesh.onFrame(node, event.frame, event.from, at),
          );
        }
        return;
      case 'channel-unknown':
        this.tell((mesh, at) => mesh.onUnknownChannel(event.channel, event.from, at));
        return;
      case 'seen':
        this.about(event.peer, (mesh, node, at) => mesh.onSeen(node, event.place, at));
        return;
    }
  }

  private about(
    peer: PeerId,
    event: (mesh: Mesh, node: NodeId, at: Times) => readonly MeshEffect[],
  ): void {
    const node = this.nodes.get(peer);
    if (node === undefined) return;
    // By the time its turn comes it may have been revoked: then nothing is heard of it any more.
    this.tell((mesh, at) => (this.nodes.get(peer) === node ? event(mesh, node, at) : []));
  }

  private count(): void {
    if (this.circuits.size === 0) return;
    this.tell((mesh, at) => mesh.onMetered(this.tunnel.plane.metered(), at));
    this.keeper.metered();
  }

  // What the mesh asks for

  private act(effect: MeshEffect): void {
    const { keeper, tunnel } = this;
    const { plane } = tunnel;
    switch (effect.kind) {
      case 'keep':
        keeper.keep(effect.statement);
        return;
      case 'discard':
        keeper.discard(effect.statement);
        return;
      case 'remember':
        keeper.remember(effect.node, effect.endpoint);
        return;
      case 'publish':
        keeper.publish(effect.record);
        return;
      case 'note':
        keeper.note(effect.code, effect.node, effect.text);
        return;
      case 'visit':
        keeper.visit(effect.node, effect.endpoints);
        return;
      case 'mtu':
        keeper.mtu(effect.node, effect.mtu);
        return;
      case 'porch-frame':
        for (const frame of encodeFrame(effect.frame))
          plane.order({ kind: 'frame', peer: effect.porch, frame });
        return;
      case 'porch-close':
        this.porches.delete(effect.porch);
        tunnel.perform(tunnel.device.closePorch(effect.porch));
        return;
      case 'circuit':
        this.relay(effect.circuit);
        return;
      case 'circuit-gone':
        this.circuits.delete(effect.channel);
        plane.order({ kind: 'circuit-gone', channel: effect.channel });
        return;
      case 'leg':
      case 'leg-gone':
        plane.order({ kind: effect.kind, channel: effect.channel });
        return;
      case 'slot-open':
        tunnel.openPunchSlot(effect.slot, effect.family);
        return;
      case 'slot-close':
        plane.closeSlot(effect.slot);
        return;
      case 'peer':
        this.addPeer(effect.node);
        return;
      default:
        this.actOnPeer(effect);
        return;
    }
  }

  private actOnPeer(effect: Extract<MeshEffect, { node: NodeId }>): void {
    const peer = this.peers.get(effect.node);
    if (peer === undefined) return; // its key is a static peer's here, or it has just gone
    const { tunnel } = this;
    const { now, wall } = this.times();
    switch (effect.kind) {
      case 'peer-gone':
        this.remove(peer);
        return;
      case 'allowed':
        this.allow(effect.node, peer, effect.prefixes);
        return;
      case 'knock':
        tunnel.perform(tunnel.device.knock(peer, effect.places, now, wall));
        return;
      case 'place':
        this.place(peer, effect.place, effect.second);
        return;
      case 'keepalive':
        tunnel.plane.order({ kind: 'keepalive', peer });
        return;
      case 'preshared':
        tunnel.perform(tunnel.device.setPresharedKeys(peer, effect.keys, now, wall));
        return;
      case 'frame':
        for (const frame of encodeFrame(effect.frame))
          this.seal(peer, frame, effect.at, effect.pad);
        return;
    }
  }

  private seal(peer: PeerId, frame: Uint8Array, at?: Place, pad?: number): void {
    const order = { kind: 'frame', peer, frame } as const;
    this.tunnel.plane.order({
      ...order,
      ...(at === undefined ? {} : { at }),
      ...(pad === undefined ? {} : { pad }),
    });
  }

  private addPeer(node: NodeId): void {
    const publicKey = this.keeper.publicKeyOf(node);
    const { device } = this.tunnel;
    if (publicKey === undefined) return;
    if (device.findPeer(publicKey) !== undefined) {
      this.keeper.note('static-peer', node, 'its key is already that of a peer in kith.json');
      return;
    }
    if (device.peerCount >= PEERS_MAX) {
      this.keeper.note('peers-full', node, `there is no room for more than ${PEERS_MAX} peers`);
      return;
    }
    const added = device.addPeer(publicKey, { roams: false, member: true });
    if (added === undefined) return; // our own key
    this.peers.set(node, added.peer);
    this.nodes.set(added.peer, node);
    this.tunnel.perform(added.effects);
    // No user packet travels without the post-quantum key (design section 4).
    device.requirePresharedKey(added.peer, true);
  }

  private remove(peer: PeerId): void {
    this.tunnel.perform(this.tunnel.device.removePeer(peer));
  }

  private allow(node: NodeId, peer: PeerId, prefixes: readonly Prefix[]): void {
    const lacking = this.claims.set(peer, prefixes).map(formatPrefix).join(', ');
    if (lacking !== '') this.keeper.note('prefix-taken', node, `${lacking}: another peer has it`);
  }

  private place(peer: PeerId, place: Place | null, second: Place | null): void {
    const { now, wall } = this.times();
    this.tunnel.perform(this.tunnel.device.setPlace(peer, place, now, wall, second));
  }

  private relay(circuit: Extract<MeshEffect, { kind: 'circuit' }>['circuit']): void {
    const opener = this.peers.get(circuit.opener);
    const other = this.peers.get(circuit.other);
    if (opener === undefined || other === undefined) return;
    const { openerChannel, otherChannel } = circuit;
    this.circuits.add(openerChannel);
    this.tunnel.plane.order({ kind: 'circuit', opener, openerChannel, other, otherChannel });
  }

  private arm(): void {
    clearTimeout(this.timer);
    const next = this.mesh.deadline();
    if (this.stopped || next === undefined) return;
    const delay = Math.ceil(next - this.tunnel.plane.now());
    this.timer = setTimeout(
      () => this.tell((mesh, at) => mesh.tick(at)),
      Math.min(TIMER_MAX_MS, Math.max(1, delay)),
    );
  }
}
