// What happens to a simulated mesh, and what must be true in the end. What must be true all the
// time is in checks.ts. Each scenario is the same for the same seed.

import { TRICKS, Villain } from './malice.js';
import type { NatName } from './nat.js';
import { CALM, type LineOptions } from './net.js';
import type { SimNode } from './node.js';
import { chat, Troubles } from './troubles.js';
import { Village } from './village.js';

/** `log`: a hash of all that happened. */
export type Told = Readonly<{ events: number; delivered: number; virtualMs: number; log: string }>;

const SETTLE_MS = 180_000; // reachable nodes are believed in after two minutes
const BACK_MS = 3_000; // without traffic after a change of address
const LIED_MS = 60_000; // a relay that drops half of what it is given is left by then
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
    village.move(node);
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

/** One of four trackers lies as much as it can; the others find each other all the same. */
export function lies(seed: number): Told {
  const village = new Village({
    seed,
    nats: [null, null, null, null, ...someKinds(seed).slice(2)],
  });
  const { world } = village;
  village.start();
  world.run(10_000);
  const liar = new Villain(village, village.node(1 + world.random.below(3)), new Set(TRICKS));
  village.villains = [liar];
  liar.begin();
  world.run(SETTLE_MS);
  const honest = village.alive().filter((node) => node !== liar.node);
  mustHear(village, honest, LIED_MS);
  mustBeDirect(village, honest);
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

export function mustHear(village: Village, nodes = village.alive(), ms?: number): void {
  const missing = village.allHear(village.pairs(nodes), ms);
  if (missing.length > 0) village.world.fail(`do not hear each other: ${missing.join(' ')}`);
}

export function mustBeDirect(village: Village, nodes = village.alive(), within = DIRECT_MS): void {
  const { world } = village;
  const pairs = village.pairs(nodes).filter(([a, b]) => village.canMeet(a, b));
  const indirect = () =>
    pairs.filter(
      ([a, b]) => village.pathOf(a, b.id) !== 'direct' || village.pathOf(b, a.id) !== 'direct',
    );
  for (let ms = 0; ms < within && indirect().length > 0; ms += 1_000) {
    for (const [a, b] of pairs) {
      village.say(a, b);
      village.say(b, a);
    }
    world.run(1_000);
  }
  const left = indirect().map(([a, b]) => `${a.name}-${b.name} ${village.pathOf(a, b.id)}`);
  if (left.length > 0) world.fail(`could meet directly and do not: ${left.join(', ')}`);
}

export function mustAgree(village: Village): void {
  const stray = village.strayRosters();
  if (stray.length > 0) village.world.fail(`have another roster: ${stray.join(' ')}`);
}

export function told({ world, checks }: Village): Told {
  let delivered = 0;
  for (const count of checks.delivered.values()) delivered += count;
  return { events: world.events, delivered, virtualMs: world.now, log: world.log };
}
