// What happens to a simulated mesh, and what must be true in the end. What must be true all the
// time is in checks.ts. Each scenario is the same for the same seed.

import type { NatName } from './nat.js';
import { CALM, type LineOptions } from './net.js';
import type { SimNode } from './node.js';
import { Village } from './village.js';

export type Told = Readonly<{ events: number; delivered: number; virtualMs: number }>;

const SETTLE_MS = 180_000; // reachable nodes are believed in after two minutes
const BACK_MS = 3_000; // without traffic after a change of address
const TALK_MS = 200;
const DIRECT_MS = 30_000; // of traffic, for paths to become direct; first tries may be lost

/** Every kind of NAT twice, and three nodes on the internet itself. */
export const EVERY_KIND: readonly (NatName | null)[] = [
  null,
  null,
  null,
  'full-cone',
  'full-cone',
  'address-restricted',
  'address-restricted',
  'port-restricted',
  'port-restricted',
  'symmetric',
  'symmetric',
];

/** All pairs hear each other, directly wherever their NATs allow it, and by a relay elsewhere. */
export function meeting(seed: number, nats = EVERY_KIND, line: LineOptions = CALM): Told {
  const village = new Village({ seed, nats, line });
  village.start();
  village.world.run(SETTLE_MS);
  mustHear(village);
  mustBeDirect(village);
  return told(village);
}

/** Whatever may happen to homes happens; when it is over, everything is as it should be. */
export function faults(seed: number, minutes = 5): Told {
  const village = new Village({ seed, nats: someKinds(seed) });
  village.start();
  village.world.run(30_000);
  const troubles = new Troubles(village);
  for (let second = 0; second < 60 * minutes; second++) {
    troubles.maybe();
    chat(village);
    village.world.run(1_000);
  }
  troubles.end();
  village.world.run(SETTLE_MS);
  mustHear(village);
  mustBeDirect(village);
  mustAgree(village);
  return told(village);
}

/** Homes get other addresses, one after the other, while everybody talks; it goes on soon. */
export function moving(seed: number, nats = EVERY_KIND): Told {
  const village = new Village({ seed, nats });
  const { world } = village;
  village.start();
  world.run(SETTLE_MS);
  mustHear(village);
  mustBeDirect(village);
  for (const node of village.alive()) {
    if (node === village.admin) continue;
    const others = village.alive().filter((each) => each !== node);
    world.note(`move ${node.name}`);
    village.net.move(village.siteOf(node));
    if (village.siteOf(node).nat === null) node.noticeMove(); // behind a NAT nobody tells it
    const slow: string[] = [];
    const waiting = new Map(others.map((each) => [each, world.now]));
    for (let ms = 0; ms < 30_000; ms += TALK_MS) {
      const before = new Map(others.map((each) => [each, bothWays(village, node, each)]));
      for (const other of others) {
        village.say(node, other);
        village.say(other, node);
      }
      world.run(TALK_MS);
      for (const [other, since] of waiting) {
        const [forth, back] = bothWays(village, node, other);
        const [forthBefore = 0, backBefore = 0] = before.get(other) ?? [];
        if (forth <= forthBefore || back <= backBefore) continue;
        waiting.delete(other);
        if (world.now - since > BACK_MS) slow.push(`${other.name} ${world.now - since} ms`);
      }
    }
    slow.push(...[...waiting.keys()].map(({ name }) => `${name} never`));
    if (slow.length > 0) world.fail(`${node.name} moved, and was away for ${slow.join(', ')}`);
  }
  return told(village);
}

function bothWays(village: Village, a: SimNode, b: SimNode): [number, number] {
  return [village.heard(a, b), village.heard(b, a)];
}

/** A node is revoked while some are away; nobody who knows of it hears it again. */
export function revocation(seed: number): Told {
  const village = new Village({ seed, nats: [null, null, ...someKinds(seed)] });
  const { world } = village;
  village.start();
  world.run(SETTLE_MS);
  mustHear(village);
  const away = village.node(2);
  village.siteOf(away).cut = true;
  const out = village.node(3);
  village.revoke(out);
  const others = village.alive().filter((node) => node !== away);
  const knows = (node: SimNode) => node.brain.publicKeyOf(out.id) === undefined;
  const met = others.filter((node) => node.mesh.isMet(village.admin.id));
  world.run(2_000);
  const late = met.filter((node) => !knows(node)).map(({ name }) => name);
  if (late.length > 0) world.fail(`not told of a revocation within 2 s: ${late.join(' ')}`);
  const before = others.map((node) => village.heard(out, node));
  for (let second = 0; second < 60; second++) {
    for (const node of others) if (knows(node)) village.say(out, node);
    world.run(1_000);
  }
  const heard = others.filter((node, i) => knows(node) && village.heard(out, node) > before[i]!);
  if (heard.length > 0) world.fail(`${heard.map(({ name }) => name)} heard a revoked node`);
  village.siteOf(away).cut = false;
  world.run(SETTLE_MS);
  mustAgree(village);
  for (const node of village.alive())
    if (!knows(node)) world.fail(`${node.name} has never learned of a revocation`);
  return told(village);
}

/** Two to four on the internet, and three to six homes. */
function someKinds(seed: number): (NatName | null)[] {
  const { random } = new Village({ seed, nats: [null] }).world;
  const kinds = ['full-cone', 'address-restricted', 'port-restricted', 'symmetric'] as const;
  const open = Array.from({ length: 2 + random.below(3) }, () => null);
  const homes = Array.from({ length: 3 + random.below(4) }, () => kinds[random.below(4)]!);
  return [...open, ...homes];
}

/** A few words between some, so that paths are in use when they break. */
function chat(village: Village): void {
  const alive = village.alive();
  for (let i = 0; i < 4; i++) {
    const a = alive[village.world.random.below(alive.length)];
    const b = alive[village.world.random.below(alive.length)];
    if (a && b && a !== b) village.say(a, b);
  }
}

/** Crashes, cuts, moves, partitions, bad lines and wrong clocks, each with its end. */
class Troubles {
  private readonly over: (() => void)[] = [];
  private readonly touched = new Set<SimNode>();

  constructor(private readonly village: Village) {}

  /** About one in ten seconds begins one. */
  maybe(): void {
    const { random } = this.village.world;
    if (random.next() > 0.1) return;
    const kinds = ['crash', 'crash', 'cut', 'move', 'part', 'line', 'clock'] as const;
    const kind = kinds[random.below(kinds.length)]!;
    const node = this.village.node(random.below(this.village.nodes.length));
    this.village.world.note(`${kind} ${node.name}`);
    if (kind === 'line') this.badLine();
    else if (kind === 'part') this.part();
    else if (!this.touched.has(node)) this.strike(kind, node);
  }

  private strike(kind: 'crash' | 'cut' | 'move' | 'clock', node: SimNode): void {
    const { village } = this;
    if (kind === 'move') {
      village.net.move(village.siteOf(node));
      if (village.siteOf(node).nat === null) node.noticeMove();
      return;
    }
    if (kind === 'clock') {
      node.skewMs = village.world.random.below(240_000) - 120_000;
      return;
    }
    this.touched.add(node);
    const site = village.siteOf(node);
    if (kind === 'crash') node.crash();
    else site.cut = true;
    this.later(() => {
      this.touched.delete(node);
      if (kind === 'crash') village.begin(node);
      else site.cut = false;
    });
  }

  private part(): void {
    const { village } = this;
    const { random } = village.world;
    const sides = village.nodes.map((node) => [village.siteOf(node), random.below(2)] as const);
    village.net.part(new Map(sides));
    this.later(() => village.net.heal());
  }

  private badLine(): void {
    const { net, world } = this.village;
    const { random } = world;
    net.line = {
      loss: 0.2 * random.next(),
      duplication: 0.1 * random.next(),
      delayMs: 5 + 100 * random.next(),
      jitterMs: 100 * random.next(),
    };
    this.later(() => {
      net.line = CALM;
    });
  }

  /** Between one and thirty seconds. */
  private later(over: () => void): void {
    const { world } = this.village;
    const once = () => {
      const i = this.over.indexOf(once);
      if (i < 0) return;
      this.over.splice(i, 1);
      over();
    };
    this.over.push(once);
    world.after(1_000 + world.random.below(29_000), once);
  }

  /** All of them are over. */
  end(): void {
    while (this.over.length > 0) this.over[0]?.();
  }
}

function mustHear(village: Village): void {
  const missing = village.allHear(village.pairs());
  if (missing.length > 0) village.world.fail(`do not hear each other: ${missing.join(' ')}`);
}

function mustBeDirect(village: Village): void {
  const { world } = village;
  const pairs = village.pairs().filter(([a, b]) => village.canMeet(a, b));
  const indirect = () =>
    pairs.filter(
      ([a, b]) => village.pathOf(a, b.id) !== 'direct' || village.pathOf(b, a.id) !== 'direct',
    );
  for (let ms = 0; ms < DIRECT_MS && indirect().length > 0; ms += 1_000) {
    for (const [a, b] of pairs) {
      village.say(a, b);
      village.say(b, a);
    }
    world.run(1_000);
  }
  const left = indirect().map(([a, b]) => `${a.name}-${b.name} ${village.pathOf(a, b.id)}`);
  if (left.length > 0) world.fail(`could meet directly and do not: ${left.join(', ')}`);
}

function mustAgree(village: Village): void {
  const stray = village.strayRosters();
  if (stray.length > 0) village.world.fail(`have another roster: ${stray.join(' ')}`);
}

function told({ world, checks }: Village): Told {
  let delivered = 0;
  for (const count of checks.delivered.values()) delivered += count;
  return { events: world.events, delivered, virtualMs: world.now };
}
