// A whole simulated mesh: a network with homes behind NATs, a machine in each, an agent on each
// machine. Scenarios make one, let things happen to it, and ask it how it is.

import { revokeNode } from '../../agent/identity/admin.js';
import type { NodeId } from '../../agent/identity/member.js';
import type { Roster } from '../../agent/identity/roster.js';
import { assemble } from './assemble.js';
import { Broker } from './broker.js';
import { Checks } from './checks.js';
import type { Villain } from './malice.js';
import { canMeet, NATS, type NatBehaviour, type NatName } from './nat.js';
import { type LineOptions, Net, type Site } from './net.js';
import { LISTEN_PORT, SimNode } from './node.js';
import { makePeople, type People, type Person } from './people.js';
import { World } from './world.js';

export type VillageOptions = Readonly<{
  seed: number;
  /** Of each node, the first being the admin's; null: no NAT. */
  nats: readonly (NatName | null)[];
  line?: LineOptions;
  thorough?: boolean; // looks at every datagram
  spreadMs?: number; // the nodes start within this time
  /** IPv6 of each node, beside IPv4; `closed`: behind a firewall. Default: none has it. */
  six?: readonly ('open' | 'closed' | null)[];
  /** So many of the last nodes are no members yet, and do not start by themselves. */
  guests?: number;
  broker?: boolean;
}>;

const NOTHING = new Uint8Array(0);
const HEARD_MS = 15_000; // for a packet to come through, everything being well

export class Village {
  readonly world: World;
  readonly net: Net;
  readonly people: People;
  readonly nodes: SimNode[] = [];
  readonly checks: Checks;
  readonly revoked = new Set<SimNode>();
  readonly guests = new Set<SimNode>(); // no members from the start; some are let in later
  broker: Broker | undefined;
  readonly welcomed = new Map<SimNode, SimNode | undefined>(); // guests, and who let them in
  villains: readonly Villain[] = []; // malicious members, for as long as they are
  private readonly believed = new Map<SimNode, SimNode>(); // who let each in
  private readonly nats = new Map<SimNode, NatBehaviour | null>();
  private readonly persons = new Map<SimNode, Person>();

  constructor(private readonly options: VillageOptions) {
    this.world = new World(options.seed);
    this.net = new Net(this.world);
    if (options.line) this.net.line = options.line;
    const { nats, guests = 0 } = options;
    this.people = makePeople(nats.length - guests, this.world.random, guests);
    this.checks = new Checks(this.world, this.net, this.nodes, options.thorough ?? true);
    for (const [i, nat] of nats.entries()) this.add(i, nat);
    if (options.broker) this.addBroker();
  }

  private add(i: number, nat: NatName | null): void {
    const person = this.people.persons[i];
    if (person === undefined) throw new RangeError('"nats" is longer than people');
    const behaviour = nat === null ? null : NATS[nat];
    const site = behaviour ? this.net.site(person.name, behaviour) : undefined;
    const host = this.net.host(person.name, site);
    const six = this.options.six?.[i] ?? null;
    if (six !== null) this.net.addSix(host, six === 'closed');
    const guest = i >= this.people.persons.length - (this.options.guests ?? 0);
    const brain = (self: SimNode) => assemble(self, person, this.people, guest);
    const { world, net, checks } = this;
    const node = new SimNode(person.id, person.name, world, net, host, brain, checks);
    this.nodes.push(node);
    this.nats.set(node, behaviour);
    this.persons.set(node, person);
    if (guest) this.guests.add(node);
  }

  private addBroker(): void {
    const belongs = ({ id }: SimNode) => this.admin.brain.roster.member(id) !== undefined;
    const broker = new Broker(this.world, this.nodes, belongs);
    for (const node of this.nodes)
      node.onPublish = (record) => {
        if (!node.host.site.cut) broker.publish(node.id, record);
      };
    this.broker = broker;
  }

  get admin(): SimNode {
    return this.node(0);
  }

  node(i: number): SimNode {
    const node = this.nodes[i];
    if (node === undefined) throw new RangeError(`"i" is no node: ${i}`);
    return node;
  }

  /** All start; who is not first was invited by the first that has a public address. */
  start(): void {
    const { spreadMs = 1_000 } = this.options;
    for (const node of this.nodes) {
      if (this.guests.has(node)) continue;
      const wait = node === this.admin ? 0 : this.world.random.below(spreadMs);
      this.world.after(wait, () => this.begin(node));
    }
  }

  /**
   * Starts the agent. It believes whoever let it in to be reachable, where that one is now: a
   * broker or a friend would tell it, if nothing that it remembers were true any more.
   */
  begin(node: SimNode, by = this.believed.get(node) ?? this.inviter): void {
    node.start();
    if (by === undefined || by === node) return;
    this.believed.set(node, by);
    const endpoint = { address: by.host.address, port: LISTEN_PORT };
    node.tell((mesh, at) => mesh.believe(by.id, endpoint, at));
  }

  /** The first with a public address. */
  get inviter(): SimNode | undefined {
    return this.nodes.find((each) => this.nats.get(each) === null);
  }

  /** Nodes that are up and belong, as the admin's roster has it. */
  alive(): SimNode[] {
    const { roster } = this.admin.brain;
    return this.nodes.filter((node) => node.running && roster.member(node.id) !== undefined);
  }

  personOf(node: SimNode): Person {
    const person = this.persons.get(node);
    if (person === undefined) throw new RangeError(`"node" is nobody: ${node.name}`);
    return person;
  }

  /** Its node key. */
  keyOf(id: NodeId): Uint8Array {
    const person = this.people.persons.find((each) => each.id === id);
    if (person === undefined) throw new RangeError(`"id" is nobody: ${id}`);
    return person.signer.key;
  }

  /** Whether it has a public IPv4 address. */
  isOpen(node: SimNode): boolean {
    return this.nats.get(node) === null;
  }

  siteOf(node: SimNode): Site {
    return node.host.site;
  }

  /** Its home gets other addresses. Behind a NAT nobody tells it, but for IPv6. */
  move(node: SimNode): void {
    const site = this.siteOf(node);
    this.net.move(site);
    if (site.nat === null || node.host.six !== undefined) node.noticeMove();
  }

  say(from: SimNode, to: SimNode): void {
    from.send(to.id, this.checks.packet(from.id, to.id));
  }

  heard(from: SimNode, to: SimNode): number {
    return this.checks.delivered.get(`${from.id} ${to.id}`) ?? 0;
  }

  /** One packet a second each way between these, until all have come through or time is up. */
  allHear(pairs: readonly (readonly [SimNode, SimNode])[], ms = HEARD_MS): string[] {
    const before = pairs.map(([a, b]) => [this.heard(a, b), this.heard(b, a)] as const);
    const missing = () =>
      pairs.filter(([a, b], i) => {
        const [forth = 0, back = 0] = before[i] ?? [];
        return this.heard(a, b) <= forth || this.heard(b, a) <= back;
      });
    for (const end = this.world.now + ms; this.world.now < end; ) {
      const left = missing();
      if (left.length === 0) return [];
      for (const [a, b] of left) {
        this.say(a, b);
        this.say(b, a);
      }
      this.world.run(1_000);
    }
    return missing().map(([a, b]) => `${a.name}-${b.name}`);
  }

  pairs(nodes = this.alive()): [SimNode, SimNode][] {
    return nodes.flatMap((a, i) => nodes.slice(i + 1).map((b): [SimNode, SimNode] => [a, b]));
  }

  canMeet(a: SimNode, b: SimNode): boolean {
    if (a.host.six !== undefined && b.host.six !== undefined) return true;
    return canMeet(this.nats.get(a) ?? null, this.nats.get(b) ?? null);
  }

  /** By the admin, with effect everywhere in the end. */
  revoke(node: SimNode): void {
    const { admin } = this;
    const person = this.personOf(admin);
    const { roster } = admin.brain;
    const at = Math.max(admin.times().wall, roster.newestIssue);
    const random = (bytes: number) => admin.random.bytes(bytes);
    const made = revokeNode(roster, person.signer, node.id, at, random);
    if (made === undefined) throw new RangeError(`"node" cannot be revoked: ${node.name}`);
    admin.learn(made.statements);
    this.revoked.add(node);
  }

  /** Nodes whose roster is not the admin's. */
  strayRosters(): string[] {
    const want = this.sumOf(this.admin.brain.roster);
    const stray = this.alive().filter((node) => this.sumOf(node.brain.roster) !== want);
    return stray.map(({ name }) => name);
  }

  private sumOf({ ids }: Roster): string {
    return `${ids.count} ${Buffer.from(ids.fingerprint(NOTHING, NOTHING)).toString('hex')}`;
  }

  /** How a node reaches another, in its own words. */
  pathOf(from: SimNode, to: NodeId): string {
    return from.mesh.path(to).class;
  }
}
