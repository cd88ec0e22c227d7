// What the mesh of a simulated node asks of its machine is done here: rows in the tunnel, frames,
// sockets, visits to doors. New with each start of the agent.

import type { NodeId } from '../../agent/identity/member.js';
import { idBytes } from '../../agent/identity/nodeid.js';
import { signShow } from '../../agent/identity/show.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import { encodeFrame } from '../../agent/mesh/frames.js';
import type { PeerId } from '../../agent/wireguard/effects.js';
import type { SimNode } from './node.js';
import type { SimTunnel } from './tunnel.js';
import { Visit } from './visit.js';

const PUNCH_PORT = 49_152; // and up
const VISIT_PORT = 40_000;
const PORTS = 9_000;
const VISITS_MAX = 4; // as agent/visits.ts

/** What a malicious node makes of what its agent would say; see malice.ts. */
export interface Tamper {
  frames(to: NodeId, frame: Frame): readonly Frame[];
  /** Undefined: dropped. */
  datagram(datagram: Uint8Array): Uint8Array | undefined;
}

type OfPeer = Extract<MeshEffect, { node: NodeId }>;

export class Hands {
  readonly peers = new Map<NodeId, PeerId>();
  readonly nodes = new Map<PeerId, NodeId>();
  readonly porches = new Set<PeerId>();
  readonly ports: Map<number, number>; // slot -> port
  readonly visits = new Map<number, Visit>(); // by port
  circuits = 0;

  constructor(
    private readonly node: SimNode,
    private readonly tunnel: SimTunnel,
    listenPort: number,
  ) {
    this.ports = new Map([[0, listenPort]]);
    if (node.host.six !== undefined) this.ports.set(1, listenPort);
  }

  act(effect: MeshEffect): void {
    const { node, tunnel } = this;
    switch (effect.kind) {
      case 'keep':
        node.keep(effect.statement);
        return;
      case 'discard':
        node.later(() => node.disk.statements.delete(effect.statement));
        return;
      case 'remember':
        node.later(() => node.disk.remembered.set(effect.node, effect.endpoint));
        return;
      case 'note':
        node.notes.push(effect.code);
        if (node.notes.length > 100) node.notes.shift();
        return;
      case 'publish':
        node.onPublish(effect.record);
        return;
      case 'mtu':
        return;
      case 'porch-frame':
        for (const frame of encodeFrame(effect.frame))
          tunnel.order({ kind: 'frame', peer: effect.porch, frame });
        return;
      case 'porch-close':
        this.porches.delete(effect.porch);
        tunnel.perform(tunnel.device.closePorch(effect.porch));
        return;
      case 'circuit':
        this.relay(effect.circuit);
        return;
      case 'circuit-gone':
        this.circuits--;
        tunnel.order({ kind: 'circuit-gone', channel: effect.channel });
        return;
      case 'leg':
      case 'leg-gone':
        tunnel.order({ kind: effect.kind, channel: effect.channel });
        return;
      case 'slot-open':
        if (effect.family === 4 || node.host.six !== undefined)
          this.ports.set(effect.slot, this.freePort(PUNCH_PORT));
        return;
      case 'slot-close':
        this.ports.delete(effect.slot);
        return;
      case 'peer':
        this.addPeer(effect.node);
        return;
      case 'visit':
        this.visit(effect);
        return;
      default:
        this.actOnPeer(effect);
    }
  }

  /** Bytes as they are, which need not be a frame. */
  say(to: NodeId, frame: Uint8Array): void {
    const peer = this.peers.get(to);
    if (peer !== undefined) this.tunnel.order({ kind: 'frame', peer, frame });
  }

  private actOnPeer(effect: OfPeer): void {
    const peer = this.peers.get(effect.node);
    if (peer === undefined) return;
    const { tunnel } = this;
    const { now, wall } = this.node.times();
    switch (effect.kind) {
      case 'peer-gone':
        this.peers.delete(effect.node);
        this.nodes.delete(peer);
        tunnel.perform(tunnel.device.removePeer(peer));
        return;
      case 'allowed':
        tunnel.allow(peer, effect.prefixes);
        return;
      case 'knock':
        tunnel.perform(tunnel.device.knock(peer, effect.places, now, wall));
        return;
      case 'place':
        tunnel.perform(tunnel.device.setPlace(peer, effect.place, now, wall, effect.second));
        return;
      case 'keepalive':
        tunnel.order({ kind: 'keepalive', peer });
        return;
      case 'preshared':
        tunnel.perform(tunnel.device.setPresharedKeys(peer, effect.keys, now, wall));
        return;
      case 'frame':
        this.sendFrame(peer, effect);
    }
  }

  private sendFrame(peer: PeerId, effect: Extract<MeshEffect, { kind: 'frame' }>): void {
    const { tally, tamper } = this.node;
    if (tally) tally.saying = effect.frame.kind;
    const { at, pad } = effect;
    const frames = tamper?.frames(effect.node, effect.frame) ?? [effect.frame];
    for (const frame of frames.flatMap((each) => encodeFrame(each)))
      this.tunnel.order({
        kind: 'frame',
        peer,
        frame,
        ...(at && { at }),
        ...(pad !== undefined && { pad }),
      });
    if (tally) tally.saying = undefined;
  }

  private addPeer(node: NodeId): void {
    const publicKey = this.node.brain.publicKeyOf(node);
    const { device } = this.tunnel;
    if (publicKey === undefined || device.findPeer(publicKey) !== undefined) return;
    const added = device.addPeer(publicKey, { roams: false, member: true });
    if (added === undefined) return;
    this.peers.set(node, added.peer);
    this.nodes.set(added.peer, node);
    this.tunnel.perform(added.effects);
  }

  private relay(circuit: Extract<MeshEffect, { kind: 'circuit' }>['circuit']): void {
    const opener = this.peers.get(circuit.opener);
    const other = this.peers.get(circuit.other);
    if (opener === undefined || other === undefined) return;
    const { openerChannel, otherChannel } = circuit;
    this.circuits++;
    this.tunnel.order({ kind: 'circuit', opener, openerChannel, other, otherChannel });
  }

  /** As agent/visits.ts: our chain is shown at its door, out of a socket of its own. */
  private visit({ node, endpoints }: Extract<MeshEffect, { kind: 'visit' }>): void {
    const own = this.node;
    const { roster, signer } = own.brain;
    if (this.visits.size >= VISITS_MAX) return;
    const port = this.freePort(VISIT_PORT);
    const visit = new Visit(own, port, {
      meshKey: roster.meshKey,
      doors: endpoints.map((endpoint) => ({ nodeKey: idBytes(node), endpoint })),
      node: own.id,
      statements: roster.chainOf(own.id),
      sign: (hash) => signShow(signer, hash),
    });
    this.visits.set(port, visit);
    visit.start((outcome) => {
      this.visits.delete(port);
      if (outcome.kind === 'welcome' && own.hands === this) own.learn(outcome.frame.statements);
    });
  }

  private freePort(from: number): number {
    return from + this.node.random.below(PORTS);
  }
}
