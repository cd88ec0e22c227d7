// The mesh of one node, whole and without any I/O: what happens goes in, effects come out.
//
//   met, lost, frame, seen, want, active ─▶ Mesh ─▶ effects, in order
//        newcomers, addresses, records ─▶   │
//                     deadline(), tick ─▶   └─ paths, whereabouts, trackers, reach, channels,
//                                              gossip, kem, porch: each its own file
//
// Mesh itself decides little: it gives each event to the machines it concerns, and lets them hear
// of each other's effects.

import type { Address, Endpoint, Place, Prefix } from '../bytes/address.js';
import type { Member, NodeId, RosterChange } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { dispatch } from './dispatch.js';
import type { MeshEffect, Met, PorchId, Times } from './effects.js';
import type { Ground, NatKind, Reachable } from './ground.js';
import type { Machines } from './house.js';
import type { Machine, Metered, PathView } from './machines.js';
import { Newest } from './newest.js';
import type { Sight } from './sights.js';

export type MeshView = Readonly<{
  tracked: number;
  circuits: number; // that we relay
  given: number; // bytes relayed for others this month
  taken: number; // bytes that others relayed for us
  nat: NatKind;
  trackers: readonly NodeId[]; // ours
  reachable: boolean; // we are, by anybody
}>;

export class Mesh {
  private readonly met = new Set<NodeId>();
  private readonly rows = new Set<NodeId>();
  private readonly newest = new Newest();
  private readonly all: readonly Machine[];

  constructor(
    private readonly ground: Ground,
    private readonly machines: Machines,
    /** A row for every member from the start; else when it is first spoken with. */
    private readonly rowsForAll: boolean,
  ) {
    const { paths, whereabouts, trackers, reach, channels, gossip, kem, porch, visitor } = machines;
    this.all = [paths, whereabouts, trackers, reach, channels, gossip, kem, porch, visitor];
  }

  /** Once, before all else. */
  start(at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      this.ground.meshTime(at);
      if (!this.rowsForAll) return;
      for (const { node } of this.ground.roll.members()) this.meet(node, out);
    });
  }

  // From the WireGuard machine and the workers

  /** A session with it is in use from now on. */
  onMet(node: NodeId, met: Met, at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      const { paths, trackers, reach, channels, gossip, kem } = this.machines;
      this.met.add(node);
      this.machines.visitor.onMet(node);
      this.machines.silence.end();
      paths.onMet(node, met, at, out);
      kem.onMet(node, met, at, out);
      reach.onMet(node, met, at, out);
      trackers.onMet(node, met, at, out);
      channels.onMet(node, at, out);
      gossip.onMet(node, at, out);
    });
  }

  /** A handshake of one that has no row yet: where not every member has one from the start. */
  onStranger(node: NodeId, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.meet(node, out));
  }

  onLost(node: NodeId, at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      const { paths, trackers, channels, gossip } = this.machines;
      this.met.delete(node);
      this.machines.readers.forget(node);
      paths.onLost(node, at, out);
      trackers.onLost(node, at, out);
      channels.onLost(node, at, out);
      gossip.onLost(node);
    });
  }

  /** A control frame's bytes as they were opened; padding may follow. */
  onFrame(node: NodeId, bytes: Uint8Array, from: Place, at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      if (this.ground.roll.member(node) === undefined) return; // revoked a moment ago
      const frame = this.machines.readers.read(node, bytes, at.now);
      if (frame === undefined) return;
      if (frame.kind === 'moved') this.learn(frame.record, node, false, at, out);
      dispatch(this.machines, node, frame, { from, bytes: bytes.length }, at, out);
    });
  }

  onSeen(node: NodeId, place: Place, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.paths.onSeen(node, place, at, out));
  }

  /** A user packet waits for it. */
  onWant(node: NodeId, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.paths.want(node, at, out));
  }

  onActive(node: NodeId, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.paths.onActive(node, at, out));
  }

  onCalm(node: NodeId): void {
    this.machines.paths.onCalm(node);
  }

  /** Something came by a channel that is none: whoever is there may have missed its end. */
  onUnknownChannel(channel: number, from: Place, at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      for (const node of this.met) {
        const place = this.machines.paths.direct(node);
        if (place === undefined || !sameEndpoint(place.endpoint, from.endpoint)) continue;
        this.machines.channels.onUnknown(node, channel, out);
        return;
      }
    });
  }

  /** What the workers relayed; asked for every few seconds while there are circuits. */
  onMetered(counts: readonly Metered[], at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.channels.onMetered(counts, at, out));
  }

  /** A person looks at the mesh: others are asked what they see. */
  look(at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.sights.look(at, out));
  }

  /** A clean stop: nobody needs to wait for us. */
  bye(at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      this.machines.reach.bye(at, out);
      for (const node of this.met) out.push({ kind: 'frame', node, frame: { kind: 'bye' } });
    });
  }

  // The porch

  onPorch(porch: PorchId, hash: Uint8Array, from: Place, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.porch.onPorch(porch, hash, from, at, out));
  }

  onPorchFrame(porch: PorchId, bytes: Uint8Array, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.porch.onFrame(porch, bytes, at, out));
  }

  // From the machine we run on, and from outside of all sessions

  onLocal(addresses: readonly Address[], port: number, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.whereabouts.onLocal(addresses, port, at, out));
  }

  /** Our way out changed: all that was proven has to be proven again. */
  onMoved(at: Times): MeshEffect[] {
    this.machines.silence.end();
    return this.run(at, (out) => this.machines.paths.onMoved(at, out));
  }

  onPortMapping(endpoint: Endpoint | null, at: Times): MeshEffect[] {
    return this.run(at, (out) => this.machines.whereabouts.onPortMapping(endpoint, at, out));
  }

  /** A member's own candidate record, found on the LAN or at a broker. */
  onRecord(record: Uint8Array, at: Times): MeshEffect[] {
    // It was laid down for us to find, as ours for him: both knock, and so both NATs open.
    return this.run(at, (out) => this.learn(record, undefined, true, at, out));
  }

  /** Endpoints that answered in an earlier run, or stand in an invite. */
  remind(node: NodeId, endpoints: readonly Endpoint[], at: Times): MeshEffect[] {
    const known = endpoints.map((endpoint) => ({ kind: 'remembered', endpoint }) as const);
    return this.run(at, (out) => this.machines.paths.learn(node, known, 'unknown', false, at, out));
  }

  /** The invite that brought us here says that it is reachable there. */
  believe(node: NodeId, endpoint: Endpoint, at: Times): MeshEffect[] {
    this.machines.reach.believe(node, endpoint, at);
    return this.remind(node, [endpoint], at);
  }

  // The roster

  /** Statements of our own making, or that came with a welcome: applied already. */
  onStatements(
    statements: readonly Uint8Array[],
    changes: readonly RosterChange[],
    at: Times,
  ): MeshEffect[] {
    return this.run(at, (out) => {
      this.change(changes, at, out);
      this.machines.gossip.tell(statements, null, out);
    });
  }

  // Time

  tick(at: Times): MeshEffect[] {
    return this.run(at, (out) => {
      for (const machine of this.all) {
        const due = machine.deadline();
        if (due !== undefined && due <= at.now) machine.tick(at, out);
      }
    });
  }

  deadline(): Millis | undefined {
    let next: Millis | undefined;
    for (const machine of this.all) {
      const due = machine.deadline();
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  // What there is

  isMet(node: NodeId): boolean {
    return this.met.has(node);
  }

  get metNodes(): ReadonlySet<NodeId> {
    return this.met;
  }

  /** What others said of their paths since somebody looks, and how many have not answered yet. */
  sights(now: Millis): Readonly<{ sights: readonly Sight[]; awaited: number }> {
    const { sights } = this.machines;
    return { sights: sights.view(now), awaited: sights.awaited(now) };
  }

  path(node: NodeId): PathView {
    return this.machines.paths.view(node);
  }

  /** Where others may reach us, best first: what an invite says. */
  endpoints(): Endpoint[] {
    const proven = this.machines.reach
      .reachable()
      .flatMap(({ node, endpoint }) => (node === this.ground.self ? [endpoint] : []));
    const rest = this.machines.whereabouts.candidates.map(({ endpoint }) => endpoint);
    return [...proven, ...rest];
  }

  /** Those that anybody reaches, for invites of members who are not reachable themselves. */
  reachable(): readonly Pick<Reachable, 'node' | 'endpoint'>[] {
    return this.machines.reach.reachable();
  }

  view(): MeshView {
    const { trackers, channels, whereabouts } = this.machines;
    const { self } = this.ground;
    return {
      tracked: trackers.tracked,
      circuits: channels.circuits.length,
      given: channels.given,
      taken: [...channels.taken.values()].reduce((sum, bytes) => sum + bytes, 0),
      nat: whereabouts.nat,
      trackers: trackers.trackersOf(self),
      reachable: this.reachable().some(({ node }) => node === self),
    };
  }

  // Inside

  /** A record says where its own node is, whoever handed it over; `owner`: and must be his. */
  private learn(
    sealed: Uint8Array,
    owner: NodeId | undefined,
    urgent: boolean,
    at: Times,
    out: MeshEffect[],
  ): void {
    const record = this.ground.records.openCandidates(sealed);
    if (record === undefined || record.node === this.ground.self) return;
    if (owner !== undefined && record.node !== owner) return;
    if (!this.newest.accept(record.node, record.seq)) return;
    this.machines.paths.learn(record.node, record.candidates, record.nat, urgent, at, out);
  }

  /** Runs one event; what the machines ask of each other by effects is done here. */
  private run(at: Times, act: (out: MeshEffect[]) => void): MeshEffect[] {
    const out: MeshEffect[] = [];
    act(out);
    const done: MeshEffect[] = [];
    // Effects may bring others about: the list grows while it is read, each kind but once.
    for (let i = 0; i < out.length; i++) this.overhear(out[i] as MeshEffect, at, out, done);
    return done;
  }

  private overhear(effect: MeshEffect, at: Times, out: MeshEffect[], done: MeshEffect[]): void {
    switch (effect.kind) {
      case 'knock':
        for (const { endpoint } of effect.places) this.sent(endpoint, at);
        this.knocked(effect.node, effect.places, at);
        if (!effect.trial) this.machines.visitor.onKnock(effect.node, effect.places, at);
        this.meet(effect.node, done);
        break;
      case 'frame':
        if (effect.at !== undefined) this.sent(effect.at.endpoint, at);
        break;
      case 'place':
        if (effect.place !== null) this.sent(effect.place.endpoint, at);
        this.meet(effect.node, done);
        done.push(effect);
        this.machines.channels.onMoved(effect.node, at, out);
        return;
      case 'keepalive':
        // A digest keeps a NAT's mapping open as well as nothing does.
        if (this.machines.gossip.ride(effect.node, at, out)) return;
        break;
      case 'publish':
        this.machines.trackers.onRecord(at, out);
        this.machines.reach.onCandidates(at, out);
        break;
    }
    done.push(effect);
  }

  private knocked(node: NodeId, places: readonly Place[], at: Times): void {
    const open = this.machines.reach.endpointOf(node);
    if (this.met.size > 0 || open === undefined) return;
    const isThere = places.some(
      ({ channel, endpoint }) => channel === 0 && sameEndpoint(endpoint, open),
    );
    if (isThere) this.machines.silence.onKnock(open.address, at.now);
  }

  private sent(to: Endpoint, at: Times): void {
    this.machines.reach.onSent(to.address, at.now);
  }

  private meet(node: NodeId, out: MeshEffect[]): void {
    if (this.rows.has(node) || node === this.ground.self) return;
    const member = this.ground.roll.member(node);
    if (member === undefined) return;
    this.rows.add(node);
    out.push({ kind: 'peer', node });
    out.push({ kind: 'allowed', node, prefixes: allowed(member) });
  }

  /** What the roster says is done at once: rows, allowed IPs, sessions. */
  change(changes: readonly RosterChange[], at: Times, out: MeshEffect[]): void {
    this.machines.rendezvous.reseed(this.ground.roll.seed);
    this.ground.meshTime(at); // a newer time of issue counts from now on
    for (const change of changes) {
      if (change.kind !== 'epoch') this.machines.reach.onMember(change.node, at);
      if (change.kind === 'member') this.changed(change.node, out);
      else if (change.kind === 'member-gone') this.gone(change.node, at, out);
    }
  }

  private changed(node: NodeId, out: MeshEffect[]): void {
    const member = this.ground.roll.member(node);
    if (member === undefined || node === this.ground.self) return;
    if (this.rows.has(node)) out.push({ kind: 'allowed', node, prefixes: allowed(member) });
    else if (this.rowsForAll) this.meet(node, out);
  }

  /** Revoked: in the session and everywhere, at once. */
  private gone(node: NodeId, at: Times, out: MeshEffect[]): void {
    const { paths, trackers, channels, gossip, kem, readers } = this.machines;
    gossip.onLost(node);
    trackers.forget(node);
    channels.forget(node, at, out);
    paths.forget(node, out);
    kem.forget(node);
    readers.forget(node);
    this.machines.sights.forget(node);
    this.machines.visitor.onMet(node);
    this.met.delete(node);
    if (this.rows.delete(node)) out.push({ kind: 'peer-gone', node });
  }
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

function allowed({ addresses, guests, subnets }: Member): Prefix[] {
  return [...addresses, ...guests, ...subnets];
}
