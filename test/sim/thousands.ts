// Many nodes for a long time, with hardly anything to say: what an idle mesh costs, and whether its
// load is spread. Run with the stand-ins (standin/register.mjs), or it takes days.

import type { NatName } from './nat.js';
import type { Told } from './scenarios.js';
import { Tally } from './tally.js';
import { Village } from './village.js';

const OPEN_PART = 0.2; // of all nodes have a public address
const IDLE_BITS_MAX = 200; // per second, sent and received, headers included
const LOAD_RATIO_MAX = 2; // busiest tracker to the mean
const SPREAD_MS = 120_000;
const LOOKUPS = 200;
const FORMED_MS = 600_000; // from here on everything is as it stays

/** `detail`: a table of what the bytes were spent on, too. */
export function thousands(seed: number, count: number, minutes: number, detail = false): Told {
  const kinds: readonly (NatName | null)[] = [
    'full-cone',
    'address-restricted',
    'port-restricted',
    'port-restricted',
    'symmetric',
  ];
  const open = Math.max(3, Math.round(OPEN_PART * count));
  const nats = Array.from({ length: count }, (_, i) => (i < open ? null : kinds[i % 5]!));
  const village = new Village({ seed, nats, thorough: false, spreadMs: SPREAD_MS });
  const { world, nodes } = village;
  village.start();
  world.run(Math.min(FORMED_MS, (minutes * 60_000) / 2));
  const before = nodes.map(({ host }) => host.sentBytes + host.receivedBytes);
  const tally = new Tally();
  if (detail) for (const node of nodes) node.tally = tally;
  const from = world.now;
  world.run(Math.max(60_000, minutes * 60_000 - from));
  const seconds = (world.now - from) / 1_000;
  const bits = nodes.map(({ host }, i) => {
    return (8 * (host.sentBytes + host.receivedBytes - before[i]!)) / seconds;
  });
  // A home behind a full cone is reachable by anybody, too, and serves others as a tracker then; of
  // very many who are reachable, a part that all agree on does.
  const known = village.admin.mesh.reachable();
  const serving = new Set(known.map(({ node }) => node));
  const serves = nodes.map(({ id }) => serving.has(id));
  const homes = bits.filter((_, i) => !serves[i]);
  report('bit/s of a home', homes);
  const trackers = bits.filter((_, i) => serves[i]);
  report('bit/s of a tracker', trackers);
  if (detail) {
    const named = (which: boolean) => nodes.filter((_, i) => serves[i] === which);
    for (const which of [false, true]) {
      const names = named(which).map(({ name }) => name);
      console.log(`${which ? 'trackers' : 'homes'}:\n${tally.table(names, seconds)}`);
    }
  }
  const tracked = nodes.map(({ mesh }) => mesh.view().tracked).filter((_, i) => serves[i]);
  report('nodes per tracker', tracked);
  const mean = tracked.reduce((sum, each) => sum + each, 0) / tracked.length;
  if (middle(homes) > IDLE_BITS_MAX) world.fail(`an idle node takes ${middle(homes)} bit/s`);
  if (count >= 1_000 && Math.max(...tracked) > LOAD_RATIO_MAX * mean)
    world.fail(`a tracker has ${Math.max(...tracked)} nodes, the mean is ${mean}`);
  lookups(village);
  let delivered = 0;
  for (const each of village.checks.delivered.values()) delivered += each;
  return { events: world.events, delivered, virtualMs: world.now, log: world.log };
}

/** Pairs that never met find each other. */
function lookups(village: Village): void {
  const { world, nodes } = village;
  const pick = () => nodes[world.random.below(nodes.length)]!;
  const pairs = Array.from({ length: LOOKUPS }, () => [pick(), pick()] as const);
  const missing = village.allHear(pairs.filter(([a, b]) => a !== b));
  if (missing.length > 0) world.fail(`did not find each other: ${missing.join(' ')}`);
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function report(what: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(0);
  const mean = values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length);
  const spread = [0, 0.5, 0.95, 1].map(at).join(', ');
  console.log(
    `${what} (${values.length}): least, median, p95, most ${spread}; mean ${mean.toFixed(1)}`,
  );
}
