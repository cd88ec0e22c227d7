// Everything at once, in a few minutes of a small mesh: a seed draws the homes, their NATs, clocks
// and lines, who is malicious and how, who joins, who is revoked, and what breaks when. Then all
// that ends, and the mesh has to be as it should be. Short, for thousands of seeds.

import { inviteWord, join } from './join.js';
import { TRICKS, Villain } from './malice.js';
import { NATS, type NatName } from './nat.js';
import type { LineOptions } from './net.js';
import type { SimNode } from './node.js';
import { mustAgree, mustBeDirect, mustHear, type Told, told } from './scenarios.js';
import { Stranger } from './stranger.js';
import { chat, Troubles } from './troubles.js';
import { Village } from './village.js';
import { World } from './world.js';

const LARGE_EACH = 10; // so many seeds have one larger mesh among them, of up to thirteen nodes
const FORM_MS = 6_000;
const STORM_S = { least: 8, more: 16 };
const CALM_MS = 300_000; // two sessions' lives: what liars told is out of use by then
const QUIET_MS = 30_000;
const SOON_MS = 5_000;
const DIRECT_MS = 120_000; // tries become rare where many were in vain
const AGREE_MS = 240_000; // digests ride on keepalives, every two minutes at the least
const STEP_MS = 5_000;
const SKEW_MS = 120_000;
const TROUBLE_MS = 8_000;

const KINDS = (Object.keys(NATS) as NatName[]).filter((name) => name !== 'blocked');

export function storm(seed: number): Told {
  const village = drawn(seed);
  const { world } = village;
  const { random } = world;
  const chance = (part: number) => random.next() < part;
  for (const node of village.nodes) {
    if (chance(0.3)) node.skewMs = random.below(2 * SKEW_MS) - SKEW_MS;
    node.synchronised = chance(0.8);
  }
  village.start();
  world.run(FORM_MS);
  village.villains = chosenVillains(village);
  const stranger = chance(0.3) ? new Stranger(village) : undefined;
  for (const villain of village.villains) villain.begin();
  stranger?.begin();
  if (village.broker) village.broker.isMalicious = chance(0.3);
  const seconds = STORM_S.least + random.below(STORM_S.more);
  const script = drawnScript(village, seconds);
  const troubles = new Troubles(village, 0.4, TROUBLE_MS);
  for (let second = 0; second < seconds; second++) {
    script.get(second)?.();
    troubles.maybe();
    chat(village, 1);
    world.run(1_000);
  }
  troubles.end();
  stranger?.end();
  if (village.broker) village.broker.isMalicious = false;
  for (const villain of village.villains) villain.end();
  village.villains = [];
  settle(village);
  return told(village);
}

/** The mesh is as it should be, some time after the last trouble: most are long before. */
function settle(village: Village): void {
  const { world } = village;
  for (const end = world.now + CALM_MS; world.now < end; ) {
    world.run(Math.min(QUIET_MS, end - world.now));
    if (isOneLost(village)) continue;
    if (village.allHear(village.pairs(), SOON_MS).length === 0) break;
  }
  mustHear(village);
  mustBeDirect(village, village.alive(), DIRECT_MS);
  for (let ms = 0; ms < AGREE_MS && village.strayRosters().length > 0; ms += STEP_MS)
    world.run(STEP_MS);
  mustAgree(village);
  mustAdmitOnce(village);
}

function drawn(seed: number): Village {
  const { random } = new World(seed);
  const open = 2 + random.below(2);
  const homes = seed % LARGE_EACH === 0 ? 3 + random.below(6) : 1 + random.below(2);
  const guests = random.below(3);
  const kinds = Array.from({ length: homes + guests }, () => KINDS[random.below(KINDS.length)]!);
  const nats = [...Array.from({ length: open }, () => null), ...kinds];
  const six = nats.map(() => {
    const drawn = random.next();
    return drawn < 0.6 ? null : drawn < 0.75 ? 'open' : 'closed';
  });
  const line = drawnLine(random.below(3) === 0, random);
  return new Village({ seed, nats, six, guests, line, broker: true });
}

function drawnLine(bad: boolean, random: World['random']): LineOptions {
  return {
    loss: bad ? 0.03 * random.next() : 0,
    duplication: bad ? 0.05 * random.next() : 0,
    delayMs: 5 + 45 * random.next(),
    jitterMs: 10 * random.next(),
  };
}

/** None, or one or two; never the admin. */
function chosenVillains(village: Village): Villain[] {
  const { random } = village.world;
  const some = village.alive().slice(1);
  return Array.from({ length: random.below(3) }, () => {
    const [node] = some.splice(random.below(some.length), 1);
    const tricks = TRICKS.filter(() => random.below(2) === 0);
    return node === undefined ? [] : [new Villain(village, node, new Set(tricks))];
  }).flat();
}

/** What happens in which second, beside the troubles. */
function drawnScript(village: Village, seconds: number): Map<number, () => void> {
  const { random } = village.world;
  const script = new Map<number, () => void>();
  const at = () => random.below(seconds - 1);
  if (random.below(3) === 0) script.set(at(), () => revokeOne(village));
  if (village.guests.size === 0) return script;
  let word: string | undefined;
  const given = at();
  const isOld = random.below(6) === 0;
  script.set(given, () => {
    if (village.admin.running) word = inviteWord(village, isOld);
  });
  for (const guest of village.guests)
    script.set(given + 1 + random.below(seconds - given), () => {
      if (word === undefined || guest.running) return;
      join(village, guest, word, ({ outcome }) => {
        if (isOld && outcome === 'welcome')
          village.world.fail(`${guest.name} came in with an expired invite`);
      });
    });
  return script;
}

function revokeOne(village: Village): void {
  const all = village.alive().slice(1);
  const node = all[village.world.random.below(all.length)];
  if (node === undefined || all.length < 2 || !village.admin.running) return;
  if (node === village.inviter) return;
  village.world.note(`revoke ${node.name}`);
  village.revoke(node);
}

/** Of those with one invite one at most is a member, and one is, where any was welcomed. */
export function mustAdmitOnce(village: Village): void {
  const inside = insiders(village);
  if (inside.length > 1)
    village.world.fail(`one invite let in ${inside.map(({ name }) => name).join(' and ')}`);
  if (isOneLost(village)) village.world.fail('whoever was welcomed is no member in the end');
}

function insiders({ guests, admin }: Village): SimNode[] {
  return [...guests].filter(({ id }) => admin.brain.roster.member(id) !== undefined);
}

/** What a revoked member has countersigned counts no more, unless an admin did so, too. */
function isOneLost(village: Village): boolean {
  const { guests, revoked, welcomed } = village;
  if (insiders(village).length > 0 || [...guests].some((node) => revoked.has(node))) return false;
  return [...welcomed].some(([, by]) => by !== undefined && !revoked.has(by));
}
