// Routes into the tunnel that the tunnel's own datagrams must not take: a default route, or a
// subnet in which the far end of the tunnel itself lies. They stand in a table of their own, which
// everything looks into but sockets with our mark, as wg-quick does it:
//
//   P      lookup main, but for its default route       what is nearby stays nearby
//   P + 1  all without our mark: lookup our table       into the tunnel
//          …  main                                      marked: as if there were no tunnel
//
// The routes go with the interface. The rules do not: they are undone at a clean stop, and what a
// crash has left leads into an empty table and is cleared at the next start.

import { formatPrefix, type Prefix } from '../agent/bytes/address.js';
import { familyOf } from './iplines.js';
import { type Answer, type Ip, remarks, runIp } from './link.js';

/**
 * On our UDP sockets. In the highest byte, where neither multi-WAN (mwan3: 0x3f00) nor policy
 * routing (pbr: 0xff0000) has its marks.
 */
export const MARK = 0x6b000000;
const MARK_MASK = 0xff000000;

/** Before the rules of multi-WAN, which begin at 1000 and decide on what is left. */
const PREFERENCE = 800;
const TABLE = 27_000;
/** Interfaces of one machine that shall not meet in one table; by a hash of the name. */
const NAMES = 40;

/** Whose routes: each part of the agent that has some keeps them apart. */
export type Whose = 'peers' | 'members';

export type Detour = Readonly<{
  routes: readonly Prefix[];
  mtu?: number | undefined;
  sources?: readonly Prefix[]; // of ours, one for each family: what we send ourselves comes from it
}>;

export const NO_DETOUR: Detour = { routes: [] };

/** From one state to the next; what fails is remarked on and left. */
export async function changeDetour(
  name: string,
  whose: Whose,
  before: Detour,
  after: Detour,
  ip: Ip = runIp,
): Promise<string[]> {
  const answers: Answer[] = [];
  for (const family of [4, 6] as const) {
    const was = routeLines(name, whose, family, before);
    const is = routeLines(name, whose, family, after);
    const lines = [
      ...[...was].filter(([to]) => !is.has(to)).map(([, line]) => `route del ${line}`),
      ...[...is]
        .filter(([to, line]) => was.get(to) !== line)
        .map(([, line]) => `route replace ${line}`),
      ...(is.size > 0 && was.size === 0 ? ruleLines(name, whose, 'add') : []),
      ...(is.size === 0 && was.size > 0 ? ruleLines(name, whose, 'del') : []),
    ];
    if (lines.length > 0) answers.push(...(await ip(lines, family)));
  }
  return remarks(answers);
}

/** What an agent that crashed has left of this interface. */
export async function clearDetours(name: string, ip: Ip = runIp): Promise<void> {
  const lines = (['peers', 'members'] as const).flatMap((whose) => ruleLines(name, whose, 'del'));
  // Mostly there is nothing, and each line fails.
  for (const family of [4, 6] as const) await ip(lines, family);
}

/** By destination. */
function routeLines(
  name: string,
  whose: Whose,
  wanted: 4 | 6,
  { routes, mtu, sources = [] }: Detour,
): Map<string, string> {
  const { table } = numbersOf(name, whose);
  const of = sources.find(({ address }) => familyOf(address) === wanted)?.address;
  const source = of === undefined ? '' : ` src ${of}`;
  const size = mtu === undefined ? '' : ` mtu ${mtu}`;
  const mine = routes.map(formatPrefix).filter((to) => familyOf(to) === wanted);
  return new Map(mine.map((to) => [to, `${to} dev ${name} table ${table}${size}${source}`]));
}

function ruleLines(name: string, whose: Whose, verb: 'add' | 'del'): string[] {
  const { table, preference } = numbersOf(name, whose);
  const mark = `0x${MARK.toString(16)}/0x${MARK_MASK.toString(16)}`;
  return [
    `rule ${verb} pref ${preference} table main suppress_prefixlength 0`,
    `rule ${verb} pref ${preference + 1} not fwmark ${mark} table ${table}`,
  ];
}

function numbersOf(name: string, whose: Whose): { table: number; preference: number } {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % NAMES;
  const at = 2 * hash + (whose === 'peers' ? 0 : 1);
  return { table: TABLE + at, preference: PREFERENCE + 2 * at };
}
