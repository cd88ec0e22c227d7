// Who reaches whom, as a table for the terminal and as data for programs.

import type { Status } from '../../commands/context.js';
import { formatTable } from '../../commands/table.js';
import type { HomeKind } from './internet.js';

export type Link = Readonly<{
  from: string;
  to: string;
  class: 'direct' | 'relay' | 'none';
  via: string | null;
  rttMs: number | null; // of the last packet that came back, where one did lately
  reason: string | null; // why it is not direct
}>;

export type Place = Readonly<{ name: string; nat: HomeKind; address: string; cut: boolean }>;

export type Picture = Readonly<{ homes: readonly Place[]; links: readonly Link[] }>;

/** Round trips of real packets: milliseconds, null where nothing comes back; undefined: unknown. */
export type Rtt = (from: string, to: string) => number | null | undefined;

export function picture(
  homes: readonly Place[],
  statuses: ReadonlyMap<string, Status | undefined>,
  rtt: Rtt,
): Picture {
  const names = homes.map(({ name }) => name);
  const links = names.flatMap((from) =>
    names.filter((to) => to !== from).map((to) => link(from, to, statuses, rtt)),
  );
  return { homes, links };
}

function link(
  from: string,
  to: string,
  statuses: ReadonlyMap<string, Status | undefined>,
  rtt: Rtt,
): Link {
  const peer = statuses.get(from)?.peers.find(({ name }) => name === to);
  const measured = rtt(from, to);
  // a guest has no agent to ask, and no member has a path to it: it is where its host is
  const guest = [from, to].find((name) => !statuses.has(name));
  const host = [...statuses].find(([, status]) => status?.peers.some(({ name }) => name === guest));
  const isHosts = host !== undefined && [from, to].includes(host[0]);
  const guessed = typeof measured !== 'number' ? 'none' : isHosts ? 'direct' : 'relay';
  return {
    from,
    to,
    class: peer?.path.class ?? guessed,
    via: peer?.path.via ?? (guessed === 'relay' ? (host?.[0] ?? null) : null),
    rttMs: measured === undefined ? (peer?.path.rttMs ?? null) : measured,
    reason: peer?.path.reason?.evidence ?? null,
  };
}

const COLOURS = { direct: 32, relay: 33, none: 31 } as const; // green, yellow, red

/** `pinged`: whether a link without a round trip is silent, or merely not measured. */
export function show({ homes, links }: Picture, pinged: boolean, color: boolean): string {
  const names = homes.map(({ name }) => name);
  const head = ['from \\ to', 'NAT', 'public address', ...names].map((text) => ({ text }));
  const rows: Cell[][] = homes.map(({ name, nat, address, cut }) => {
    const first = [name, cut ? 'cut off' : nat, address].map((text) => ({ text }));
    const own = links.filter(({ from }) => from === name);
    const others = names.map((to) => {
      const found = own.find((link) => link.to === to);
      return found ? cell(found, pinged) : { text: '' };
    });
    return [...first, ...others];
  });
  return layOut([head, ...rows], color);
}

type Cell = Readonly<{ text: string; colour?: number }>;

/** Painted last: colours have no width. */
function layOut(rows: readonly (readonly Cell[])[], color: boolean): string {
  const texts = formatTable(rows.map((row) => row.map(({ text }) => text))).split('\n');
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => row[i]?.text.length ?? 0)),
  );
  if (!color) return texts.join('\n');
  const painted = rows.map((row) =>
    row.map(({ text, colour }, i) => {
      const wide = text.padEnd(widths[i] ?? 0);
      return colour === undefined ? wide : `\x1b[${colour}m${wide}\x1b[0m`;
    }),
  );
  return painted.map((row) => row.join('  ')).join('\n');
}

function cell({ class: kind, via, rttMs }: Link, pinged: boolean): Cell {
  if (pinged && rttMs === null)
    return { text: kind === 'none' ? 'nothing' : `${kind}, silent`, colour: COLOURS.none };
  const way = kind === 'relay' && via !== null ? `by ${via}` : kind;
  const time = rttMs === null ? '' : ` ${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`;
  return { text: way + time, colour: COLOURS[kind] };
}

/** Whether a packet came back lately on every link. */
export function isWhole({ links }: Picture): boolean {
  return links.every(({ rttMs }) => rttMs !== null);
}
