// One simulated machine with one agent on it: its disk, its sockets, and the agent's own mesh over
// its own WireGuard machine. What agent/underlay.ts does on the real clock is done here in virtual
// time; everything that decides is the agent's code.

import { addressBytes, type Endpoint, type Place } from '../../agent/bytes/address.js';
import { doorKeyOf } from '../../agent/identity/doorkey.js';
import type { NodeId } from '../../agent/identity/member.js';
import type { MeshEffect, Times } from '../../agent/mesh/effects.js';
import type { Mesh } from '../../agent/mesh/mesh.js';
import type { Effect, PeerId } from '../../agent/wireguard/effects.js';
import type { PlaneEvent } from '../../agent/wireguard/orders.js';
import { Random } from '../lab/random.js';
import { type Brain, Disk, type Watcher } from './brain.js';
import { Hands, type Tamper } from './hands.js';
import type { Host, Net } from './net.js';
import type { Tally } from './tally.js';
import { type Above, SimTunnel } from './tunnel.js';
import type { World } from './world.js';

export const LISTEN_PORT = 51_820;
const METER_MS = 5_000; // as agent/underlay.ts
const SYNC_MS = 300; // what was written later than that before a crash is lost
const TICK_MIN_MS = 1; // the granularity of real timers

export class SimNode implements Above {
  readonly disk = new Disk();
  readonly random: Random;
  mesh!: Mesh; // of the running agent
  tunnel!: SimTunnel;
  brain!: Brain;
  hands!: Hands;
  running = false;
  ticks = 0;
  skewMs = 0; // of its wall clock
  synchronised = true; // its clock is known to be right, or it says so
  tamper: Tamper | undefined; // it is malicious
  onPublish: (record: Uint8Array) => void = () => {};
  notes: string[] = []; // codes, newest last
  tally: Tally | undefined; // of what it sends and hears, where somebody wants to know
  private life = 0; // counts starts: what an earlier one had planned comes to nothing
  private waiting: ((mesh: Mesh, at: Times) => readonly MeshEffect[])[] = [];
  private busy = false;
  private wakeAt = Number.POSITIVE_INFINITY;

  constructor(
    readonly id: NodeId,
    readonly name: string,
    readonly world: World,
    readonly net: Net,
    readonly host: Host,
    private readonly makeBrain: (node: SimNode) => Brain,
    private readonly watcher: Watcher,
  ) {
    this.random = new Random(world.random.below(2 ** 32));
  }

  times(): Times {
    return this.world.times(this.skewMs);
  }

  traffic(node: NodeId) {
    return this.tunnel.plane.traffic(this.hands.peers.get(node) ?? -1);
  }

  start(): void {
    const life = ++this.life;
    this.waiting = [];
    this.busy = false;
    this.wakeAt = Number.POSITIVE_INFINITY;
    this.running = true;
    this.host.up = true;
    this.brain = this.makeBrain(this);
    this.mesh = this.brain.mesh;
    this.tunnel = this.makeTunnel(this.brain.privateKey);
    this.hands = new Hands(this, this.tunnel, LISTEN_PORT);
    this.host.receive = (port, bytes, from) => this.receive(port, bytes, from);
    this.tunnel.start(doorKeyOf(this.brain.roster.meshKey).publicKey);
    this.tell((mesh, at) => mesh.start(at));
    this.tell((mesh, at) => mesh.onLocal(this.addresses(), LISTEN_PORT, at));
    for (const [node, endpoint] of this.disk.remembered)
      this.tell((mesh, at) => mesh.remind(node, [endpoint], at));
    this.meter(life);
  }

  /** The power fails: all that was not written in time is gone. */
  crash(): void {
    this.running = false;
    this.life++;
    this.host.up = false;
    this.host.receive = () => {};
  }

  /** Its address changed, and its agent notices. */
  noticeMove(): void {
    if (!this.running) return;
    this.tell((mesh, at) => mesh.onLocal(this.addresses(), LISTEN_PORT, at));
    this.tell((mesh, at) => mesh.onMoved(at));
  }

  private addresses(): string[] {
    const { address, six } = this.host;
    return six === undefined ? [address] : [address, six.address];
  }

  /** A user's packet for another member: IPv6, with `text` as all that is in it. */
  send(to: NodeId, text: Uint8Array): void {
    const own = this.brain.addressOf(this.id);
    const other = this.brain.addressOf(to);
    if (!this.running || own === undefined || other === undefined) return;
    this.inside(addressBytes(own), addressBytes(other), text);
  }

  /** A packet off its TUN. */
  inside(from: Uint8Array, to: Uint8Array, text: Uint8Array): void {
    const packet = new Uint8Array(40 + text.length);
    packet.set([0x60, 0, 0, 0, text.length >> 8, text.length & 0xff, 59, 64]);
    packet.set(from, 8);
    packet.set(to, 24);
    packet.set(text, 40);
    this.tunnel.inside(packet);
    this.arm();
  }

  /** Onto the disk, in a moment. */
  keep(statement: Uint8Array): void {
    this.later(() => this.disk.statements.set(this.brain.nameOf(statement), statement));
  }

  /** Statements that came by another way than gossip, as agent/meshnode.ts takes them. */
  learn(statements: readonly Uint8Array[]): void {
    const { added, changes } = this.brain.roster.add(statements);
    const fresh = added.flatMap((id) => this.brain.roster.get(id) ?? []);
    for (const statement of fresh) this.keep(statement);
    this.tell((mesh, at) => mesh.onStatements(fresh, changes, at));
  }

  /** Runs one event of the mesh's and performs what comes of it. */
  tell(event: (mesh: Mesh, at: Times) => readonly MeshEffect[]): void {
    this.waiting.push(event);
    if (this.busy) return;
    this.busy = true;
    for (let next = this.waiting.shift(); next; next = this.waiting.shift())
      for (const effect of next(this.mesh, this.times())) this.hands.act(effect);
    this.busy = false;
    this.arm();
  }

  nodeOf(peer: PeerId): NodeId | undefined {
    return this.hands.nodes.get(peer);
  }

  private makeTunnel(privateKey: Uint8Array): SimTunnel {
    const { disk } = this;
    return new SimTunnel(
      {
        privateKey,
        random: (bytes) => this.random.bytes(bytes),
        ceiling: disk.ceiling,
        saveCeiling: (seconds) => {
          disk.ceiling = seconds; // written before it is used
        },
        send: (datagram, to) => this.emit(datagram, to),
        deliver: (packet, peer) => this.watcher.onPacket(this, this.nodeOf(peer), packet),
        above: this,
      },
      () => this.times(),
    );
  }

  private emit(datagram: Uint8Array, to: Place): void {
    const port = this.hands.ports.get(to.slot);
    const bytes = this.tamper ? this.tamper.datagram(datagram) : datagram;
    if (port === undefined || bytes === undefined) return;
    this.tally?.sent(this.name, bytes);
    this.net.send(this.host, port, bytes, to.endpoint);
  }

  private receive(port: number, bytes: Uint8Array, from: Endpoint): void {
    const isSix = from.address.includes(':');
    this.hands.visits.get(port)?.receive(bytes, from);
    for (const [slot, own] of this.hands.ports) {
      if (own !== port || (slot < 2 && isSix !== (slot === 1))) continue;
      this.tally?.received(this.name, bytes);
      this.tunnel.receive(bytes, { slot, endpoint: from, source: null, channel: 0 });
      this.arm();
      return;
    }
  }

  // What the tunnel tells

  onStranger(publicKey: Uint8Array): void {
    const node = this.brain.nodeOf(publicKey);
    if (node !== undefined) this.tell((mesh, at) => mesh.onStranger(node, at));
  }

  onWant(peer: PeerId): void {
    this.about(peer, (mesh, node, at) => mesh.onWant(node, at));
  }

  onActive(peer: PeerId): void {
    this.about(peer, (mesh, node, at) => mesh.onActive(node, at));
  }

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
        const node = this.nodeOf(effect.peer);
        if (node !== undefined) this.mesh.onCalm(node);
        return;
      }
      case 'porch':
        this.hands.porches.add(effect.peer);
        this.tell((mesh, at) => mesh.onPorch(effect.peer, effect.hash, effect.from, at));
        return;
      case 'peer-gone':
        this.hands.porches.delete(effect.peer);
        return;
    }
  }

  onEvent(event: PlaneEvent): void {
    switch (event.kind) {
      case 'frame':
        if (this.hands.porches.has(event.peer)) {
          this.tell((mesh, at) => mesh.onPorchFrame(event.peer, event.frame, at));
          return;
        }
        this.about(event.peer, (mesh, node, at) => {
          this.watcher.onHeard(this, node);
          return mesh.onFrame(node, event.frame, event.from, at);
        });
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
    const node = this.nodeOf(peer);
    if (node !== undefined) this.tell((mesh, at) => event(mesh, node, at));
  }

  // Time

  /** Written, unless a crash comes first. */
  later(write: () => void): void {
    const { life } = this;
    this.world.after(SYNC_MS, () => {
      if (life === this.life) write();
    });
  }

  private meter(life: number): void {
    this.world.after(METER_MS, () => {
      if (life !== this.life) return;
      if (this.hands.circuits > 0)
        this.tell((mesh, at) => mesh.onMetered(this.tunnel.plane.metered(), at));
      this.meter(life);
    });
  }

  private arm(): void {
    const next = Math.min(
      this.mesh.deadline() ?? Number.POSITIVE_INFINITY,
      this.tunnel.deadline() ?? Number.POSITIVE_INFINITY,
    );
    if (next >= this.wakeAt || !Number.isFinite(next)) return;
    const { life } = this;
    const at = Math.max(next, this.world.now + TICK_MIN_MS);
    if (at >= this.wakeAt) return;
    this.wakeAt = at;
    this.world.at(at, () => {
      if (life !== this.life || this.wakeAt !== at) return;
      this.wakeAt = Number.POSITIVE_INFINITY;
      this.ticks++;
      this.tunnel.tick();
      this.tell((mesh, times) => mesh.tick(times));
    });
  }
}
