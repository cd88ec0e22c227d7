// One node of PathWorld: the machines under test, and a plane and a WireGuard of cardboard.

import type { Place } from '../../agent/bytes/address.js';
import type { NodeId } from '../../agent/identity/member.js';
import { Channels } from '../../agent/mesh/channels.js';
import type { Circuit, MeshEffect, Times } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import type { Candidate, NatKind } from '../../agent/mesh/ground.js';
import { type PathOptions, Paths } from '../../agent/mesh/path.js';
import { keyOf } from '../../agent/mesh/route.js';
import type { Millis } from '../../agent/wireguard/effects.js';
import { FakeGround } from './ground.js';
import type { Datagram, PathWorld, Site } from './pathworld.js';

const CALM_MS = 10_000;

type Data = { data: number; answer: boolean };
type Peer = {
  sessions: Set<string>;
  using: string | null;
  usedBy: NodeId | null; // who began it
  place: Place | null;
  second: Place | null;
  waiting: Data[];
  knocking: string | null;
  answered: Map<string, Place>; // their initiations, until confirmed
  seenAt: Millis;
  activeAt: Millis;
  unansweredSince: Millis;
  receivedAt: Millis;
  sentAt: Millis;
};

export class PathNode {
  readonly ground: FakeGround;
  paths: Paths;
  channels: Channels;
  private readonly legs = new Set<number>(); // channels that lead to us
  down = false;
  nat: NatKind = 'unknown';
  extra: Candidate[] = [];
  share = { relay: true, quotaBytes: null as number | null };
  readonly observed = new Map<NodeId, Place['endpoint']>();
  readonly log: { at: Millis; effect: MeshEffect }[] = [];
  readonly got = new Map<number, Millis>(); // user packets, by number
  readonly answers = new Map<number, Millis>();
  readonly circuits = new Map<number, Circuit & { bytes: number; lastAt: Millis }>();
  readonly peers = new Map<NodeId, Peer>();
  private handshakes = 0;

  constructor(
    readonly world: PathWorld,
    readonly id: NodeId,
    public site: Site,
    private readonly options: PathOptions = {},
  ) {
    this.ground = this.prepare();
    [this.paths, this.channels] = this.build();
  }

  private build(): [Paths, Channels] {
    const { world, ground } = this;
    const asks = {
      find: (to: NodeId) => {
        const other = world.byId(to);
        if (other !== undefined && !other.down) world.introduce(this, other);
      },
      relay: (to: NodeId, at: Times, out: MeshEffect[]) => channels.open(to, at, out),
      suspect: (to: NodeId, via: NodeId, at: Times, out: MeshEffect[]) => {
        channels.suspect(to, via, at, out);
      },
      recall: (to: NodeId) => this.recall(to),
    };
    const own = () => ({ nat: this.nat, port: 51_820 });
    const paths = new Paths(ground, asks, { own, ...this.options });
    const channels: Channels = new Channels(ground, {
      share: () => this.share,
      relayed: (...about) => paths.relayed(...about),
    });
    return [paths, channels];
  }

  private prepare(): FakeGround {
    const ground = new FakeGround(this.id, this.world.roll, this.world.nodes.length + 7);
    ground.placeOf = (node) => this.paths.direct(node);
    ground.traffic = (node) => {
      const peer = this.peer(node);
      const zero = { unacknowledgedSince: 0, dataReceivedAt: 0, receivedBytes: 0, sentBytes: 0 };
      const { unansweredSince, receivedAt, sentAt } = peer;
      return { ...zero, unansweredSince, receivedAt, sentAt };
    };
    ground.trackers = () => this.world.trackers;
    ground.onWant = (node, at, out) => this.paths.want(node, at, out);
    return ground;
  }

  private recall(to: NodeId): { candidates: Candidate[]; nat: NatKind } | undefined {
    const other = this.world.byId(to);
    if (other === undefined || !this.world.trackers.includes(to)) return undefined;
    const endpoint = { address: other.site.lan, port: 51_820 };
    return { candidates: [{ kind: 'configured', endpoint }], nat: 'open' };
  }

  /** What it would sign: its LAN address, and what trackers saw. */
  get candidates(): Candidate[] {
    const local = { kind: 'local', endpoint: { address: this.site.lan, port: 51_820 } } as const;
    const seen = new Map([...this.observed.values()].map((e) => [`${e.address} ${e.port}`, e]));
    const mapped = [...seen.values()].map((endpoint) => ({ kind: 'mapped', endpoint }) as const);
    return [local, ...mapped, ...this.extra];
  }

  learn(other: PathNode, urgent: boolean): void {
    this.act((out) => {
      this.paths.learn(other.id, other.candidates, other.nat, urgent, this.world.at, out);
    });
  }

  /** A session with each tracker, kept alive as the tracker machine would. */
  joinTrackers(): void {
    for (const id of this.world.trackers) {
      if (id === this.id) continue;
      this.act((out) => this.paths.want(id, this.world.at, out));
      const beat = () => {
        const peer = this.peer(id);
        if (peer.using !== null) this.seal(id, null, peer.place, 32);
        this.world.later(20_000, beat);
      };
      this.world.later(20_000, beat);
    }
  }

  /** A user packet; the other side answers each at once. */
  send(to: PathNode, data: number, answer = false): void {
    const peer = this.peer(to.id);
    if (peer.using === null) {
      peer.waiting.push({ data, answer });
      this.act((out) => this.paths.want(to.id, this.world.at, out));
      return;
    }
    this.active(to.id);
    if (peer.unansweredSince === 0) peer.unansweredSince = this.world.now;
    this.seal(to.id, { data, answer }, peer.place, 100);
    if (peer.second !== null) this.seal(to.id, { data, answer }, peer.second, 100);
  }

  /** One packet each `gap`. */
  stream(to: PathNode, from: number, count: number, gap: number): void {
    for (let i = 0; i < count; i++) this.world.later(i * gap, () => this.send(to, from + i));
  }

  act(what: (out: MeshEffect[]) => void): void {
    const out: MeshEffect[] = [];
    what(out);
    for (let i = 0; i < out.length; i++) this.perform(out[i] as MeshEffect, out);
  }

  deadline(): Millis | undefined {
    if (this.down) return undefined;
    const due = [this.paths.deadline(), this.channels.deadline()].filter((at) => at !== undefined);
    return due.length === 0 ? undefined : Math.min(...(due as number[]));
  }

  tick(): void {
    this.act((out) => {
      this.paths.tick(this.world.at, out);
      this.channels.tick(this.world.at, out);
    });
  }

  meter(): void {
    const counts = [...this.circuits.values()].map(({ openerChannel: channel, bytes, lastAt }) => {
      return { channel, bytes, lastAt };
    });
    const unique = new Map(counts.map((count) => [count.channel, count]));
    this.act((out) => this.channels.onMetered([...unique.values()], this.world.at, out));
  }

  /** All it knew is lost. */
  reboot(): void {
    this.peers.clear();
    this.legs.clear();
    this.ground.met.clear();
    [this.paths, this.channels] = this.build();
    this.joinTrackers();
  }

  peer(id: NodeId): Peer {
    const known = this.peers.get(id);
    if (known !== undefined) return known;
    const peer: Peer = {
      sessions: new Set(),
      using: null,
      usedBy: null,
      place: null,
      second: null,
      waiting: [],
      knocking: null,
      answered: new Map(),
      seenAt: -1e9,
      activeAt: -1e9,
      unansweredSince: 0,
      receivedAt: 0,
      sentAt: 0,
    };
    this.peers.set(id, peer);
    return peer;
  }

  receive(datagram: Datagram, from: Place): void {
    if (this.down) return;
    if (datagram.type === 'channel') this.receiveChannel(datagram.channel, datagram.inner, from);
    else if (datagram.type === 'init') this.receiveInit(datagram.id, datagram.node, from);
    else if (datagram.type === 'response') this.receiveResponse(datagram.id, datagram.node, from);
    else this.receiveSealed(datagram, from);
  }

  private receiveChannel(channel: number, inner: Datagram, from: Place): void {
    const circuit = this.circuits.get(channel);
    if (circuit === undefined) {
      if (this.legs.has(channel)) this.receive(inner, { ...from, channel });
      else this.stray(channel, from);
      return;
    }
    const mine = circuit.openerChannel === channel;
    const [owner, next] = mine ? [circuit.opener, circuit.other] : [circuit.other, circuit.opener];
    const place = this.peers.get(owner)?.place;
    const to = this.peers.get(next)?.place;
    if (place == null || to == null || keyOf(place) !== keyOf(from)) return;
    circuit.bytes += inner.type === 'sealed' ? inner.bytes : 148;
    circuit.lastAt = this.world.now;
    const other = mine ? circuit.otherChannel : circuit.openerChannel;
    const onward = { type: 'channel', channel: other, inner } as const;
    this.world.transmit(this, to.slot, to.endpoint, onward);
  }

  private stray(channel: number, from: Place): void {
    for (const [node, { place }] of this.peers) {
      if (place === null || keyOf(place) !== keyOf(from)) continue;
      this.act((out) => this.channels.onUnknown(node, channel, out));
    }
  }

  private receiveInit(id: string, node: NodeId, from: Place): void {
    this.peer(node).answered.set(id, this.peer(node).answered.get(id) ?? from);
    this.emit(from, { type: 'response', id, node: this.id });
  }

  private receiveResponse(id: string, node: NodeId, from: Place): void {
    const peer = this.peer(node);
    if (peer.knocking !== id) return;
    peer.knocking = null;
    this.begin(node, id, this.id, from);
    this.seal(node, null, peer.place ?? from, 32); // confirms it
  }

  private begin(node: NodeId, id: string, by: NodeId, from: Place): void {
    const peer = this.peer(node);
    peer.sessions.add(id);
    const low = this.id < node ? this.id : node;
    if (peer.using !== null && peer.usedBy === low && by !== low) return;
    peer.using = id;
    peer.usedBy = by;
    this.ground.met.add(node);
    const met = { initiator: by === this.id, from, hash: new Uint8Array(32), bare: false };
    this.act((out) => {
      this.paths.onMet(node, met, this.world.at, out);
      this.channels.onMet(node, this.world.at, out);
    });
    for (const { data, answer } of peer.waiting.splice(0)) {
      const other = this.world.byId(node);
      if (other !== undefined) this.send(other, data, answer);
    }
  }

  private receiveSealed(datagram: Extract<Datagram, { type: 'sealed' }>, from: Place): void {
    const { id, what, bytes } = datagram;
    for (const [node, peer] of this.peers) {
      const pending = peer.answered.get(id);
      if (pending === undefined && !peer.sessions.has(id)) continue;
      peer.answered.delete(id);
      peer.receivedAt = this.world.now;
      peer.unansweredSince = 0;
      if (pending !== undefined) this.begin(node, id, node, pending);
      const strange = peer.place === null || keyOf(peer.place) !== keyOf(from);
      if (strange && this.world.now - peer.seenAt >= 1_000) {
        peer.seenAt = this.world.now;
        this.act((out) => this.paths.onSeen(node, from, this.world.at, out));
      }
      this.receiveText(node, what, from, bytes);
      return;
    }
  }

  private receiveText(node: NodeId, what: unknown, from: Place, bytes: number): void {
    if (what === null) return;
    if (typeof what === 'object' && 'kind' in what) {
      this.receiveFrame(node, what as Frame, from, bytes);
      return;
    }
    const { data, answer } = what as Data;
    this.active(node);
    const list = answer ? this.answers : this.got;
    const other = this.world.byId(node);
    if (!list.has(data)) list.set(data, this.world.now);
    if (!answer && other !== undefined) this.send(other, data, true);
  }

  private receiveFrame(node: NodeId, frame: Frame, from: Place, bytes: number): void {
    const { at } = this.world;
    this.act((out) => {
      switch (frame.kind) {
        case 'probe':
          return this.paths.onProbe(node, frame, from, bytes, at, out);
        case 'probe-ack':
          if (from.channel === 0 && this.world.trackers.includes(node)) {
            this.observed.set(node, frame.observed);
          }
          return this.paths.onProbeAck(node, frame, from, at, out);
        case 'open':
        case 'opened':
        case 'refused':
        case 'offer':
        case 'close':
        case 'gone':
        case 'usage':
          return this.channels.onFrame(node, frame, at, out);
      }
    });
  }

  private active(node: NodeId): void {
    const peer = this.peer(node);
    const calm = this.world.now - peer.activeAt >= CALM_MS;
    peer.activeAt = this.world.now;
    if (!calm) return;
    this.act((out) => this.paths.onActive(node, this.world.at, out));
    const rest = () => {
      const left = peer.activeAt + CALM_MS - this.world.now;
      if (left > 0) this.world.later(left, rest);
      else this.paths.onCalm(node);
    };
    this.world.later(CALM_MS, rest);
  }

  private perform(effect: MeshEffect, out: MeshEffect[]): void {
    this.log.push({ at: this.world.now, effect });
    if (effect.kind === 'knock') this.knock(effect.node, effect.places);
    else if (effect.kind === 'place') {
      const peer = this.peer(effect.node);
      peer.place = effect.place;
      peer.second = effect.second;
      this.channels.onMoved(effect.node, this.world.at, out);
    } else if (effect.kind === 'frame') {
      const { node, frame, at, pad } = effect;
      this.seal(node, frame, at ?? this.peer(node).place, pad ?? 48);
    } else if (effect.kind === 'leg') {
      this.legs.add(effect.channel);
    } else if (effect.kind === 'leg-gone') {
      this.legs.delete(effect.channel);
    } else if (effect.kind === 'circuit') {
      const { circuit } = effect;
      const row = { ...circuit, bytes: 0, lastAt: 0 };
      this.circuits.set(circuit.openerChannel, row).set(circuit.otherChannel, row);
    } else if (effect.kind === 'circuit-gone') {
      const row = this.circuits.get(effect.channel);
      this.circuits.delete(row?.openerChannel ?? 0);
      this.circuits.delete(row?.otherChannel ?? 0);
    }
  }

  private knock(node: NodeId, places: readonly Place[]): void {
    const peer = this.peer(node);
    const id = peer.knocking ?? `${this.id.slice(0, 4)} ${this.handshakes++}`;
    peer.knocking = id;
    for (let i = 0; i < 8; i++) {
      this.world.later(250 * i, () => {
        if (peer.knocking !== id) return;
        for (const place of places) this.emit(place, { type: 'init', id, node: this.id });
      });
    }
    this.world.later(5_000, () => {
      if (peer.knocking === id) peer.knocking = null;
    });
  }

  private seal(node: NodeId, what: unknown, place: Place | null, bytes: number): void {
    const { using } = this.peer(node);
    if (place === null || using === null) return;
    this.peer(node).sentAt = this.world.now;
    this.emit(place, { type: 'sealed', id: using, what, bytes });
  }

  private emit(place: Place, datagram: Datagram): void {
    const { slot, endpoint, channel } = place;
    if (channel !== 0 && !this.circuits.has(channel)) this.legs.add(channel);
    const outer =
      channel === 0 ? datagram : ({ type: 'channel', channel, inner: datagram } as const);
    this.world.transmit(this, slot, endpoint, outer);
  }
}
