// The mesh as this node sees it: itself in the middle, whom it reaches directly around it, those it
// reaches through a relay further out beside that relay, and those it does not reach at the rim;
// and thin lines between others who reach each other, as they say.

import type { MeshPath, PeerStatus, Status } from '../../commands/context.js';
import { s } from './elements.js';
import { milliseconds } from './format.js';
import type { Model } from './model.js';
import { pairsOf } from './pairs.js';

export const SHOWN_MAX = 48; // more cannot be read on a phone

type Point = Readonly<{ x: number; y: number }>;
type Placed = Readonly<{ peer: PeerStatus; at: Point }>;

const ASIDE = 60;
const MIDDLE: Point = { x: 300, y: 210 };

export function graph(status: Status, model: Model): SVGElement {
  const placed = place(status.peers);
  const points = new Map(placed.map(({ peer, at }) => [peer.name, at]));
  const between = pairsOf(model.paths).map((path) => thread(path, points));
  const wires = placed.map(({ peer, at }) => wire(peer, at, points, model));
  const dots = placed.map(({ peer, at }) =>
    dot(peer, at, placed.length, reachedBy(peer.name, status.name, model.paths)),
  );
  const more = status.peers.length - placed.length;
  const rest =
    more > 0 ? s('text', { x: 592, y: 412, 'text-anchor': 'end' }, `and ${more} more`) : '';
  const label = `the mesh around ${status.name}`;
  const box = { viewBox: '0 0 600 420', class: 'graph', role: 'group', 'aria-label': label };
  const self = s(
    'g',
    { class: 'self' },
    s('circle', { cx: MIDDLE.x, cy: MIDDLE.y, r: 17 }),
    s(
      'text',
      { x: MIDDLE.x, y: MIDDLE.y + 17, dy: '1.1em', 'text-anchor': 'middle' },
      short(status.name),
    ),
  );
  return s('svg', box, ...between, ...wires, ...dots, self, rest);
}

/** One sentence per peer, for those who do not see the lines. */
export function sentence({ name, path }: PeerStatus): string {
  const rtt = path.rttMs === null ? '' : `, ${milliseconds(path.rttMs)}`;
  if (path.class === 'direct') return `${name}: direct${rtt}`;
  if (path.class === 'relay') return `${name}: relayed by ${path.via ?? 'a member'}${rtt}`;
  return `${name}: no path now`;
}

/** What it says of others, for those who do not see the threads. */
function reachedBy(name: string, self: string, paths: readonly MeshPath[]): string {
  const said = paths.filter(({ from, to }) => from === name && to !== self);
  const list = said.map(({ to, via }) => (via === null ? to : `${to} by ${via}`)).slice(0, 8);
  return list.length === 0 ? '' : `; reaches ${list.join(', ')}`;
}

/** In a circle, the relayed beside their relay; two depths alternate where it gets narrow. */
function place(peers: readonly PeerStatus[]): Placed[] {
  const rank = { direct: 0, relay: 1, none: 2 } as const;
  const shown = [...peers]
    .sort((a, b) => rank[a.path.class] - rank[b.path.class])
    .slice(0, SHOWN_MAX);
  const near = (peer: PeerStatus) =>
    peer.path.class === 'relay' ? (peer.path.via ?? '') : peer.name;
  const key = (peer: PeerStatus) => `${near(peer)}\0${rank[peer.path.class]}\0${peer.name}`;
  const inner = shown.some(({ path }) => path.class !== 'direct') ? 0.66 : 1;
  shown.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return shown.map((peer, index) => {
    const angle = (2 * Math.PI * index) / shown.length - Math.PI / 2;
    const deep = peer.path.class === 'direct' ? inner : 1;
    const reach = deep - (shown.length > 14 && index % 2 === 1 ? 0.2 : 0);
    const at = {
      x: MIDDLE.x + 240 * reach * Math.cos(angle),
      y: MIDDLE.y + 130 * reach * Math.sin(angle),
    };
    return { peer, at };
  });
}

/** Bent to the outside, so that it does not lie on the wires. */
function thread({ from, to, class: kind }: MeshPath, points: ReadonlyMap<string, Point>) {
  const [a, b] = [points.get(from), points.get(to)];
  if (!a || !b) return ''; // one of them is this node, whose wires are drawn, or is not shown
  const middle = { x: (a.x + b.x) / 2 - MIDDLE.x, y: (a.y + b.y) / 2 - MIDDLE.y };
  // Opposite each other, they would meet in this node: past it at one side.
  const near =
    Math.hypot(middle.x, middle.y) < ASIDE ? ASIDE / Math.hypot(b.x - a.x, b.y - a.y) : 0;
  const x = MIDDLE.x + 1.25 * middle.x + near * (a.y - b.y);
  const y = MIDDLE.y + 1.25 * middle.y + near * (b.x - a.x);
  const point = (at: Point) => `${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
  return s('path', { class: `thread ${kind}`, d: `M${point(a)}Q${point({ x, y })} ${point(b)}` });
}

function wire(
  peer: PeerStatus,
  at: Point,
  points: ReadonlyMap<string, Point>,
  model: Model,
): SVGElement {
  const { path, publicKey } = peer;
  const { rx, tx } = model.ratesOf(publicKey);
  const busy = Math.min(6, Math.log10(1 + (rx + tx) / 1_000)); // 1 kB/s shows, 1 GB/s is thick
  // The way to the relay is drawn already: it is a peer itself.
  const from = (path.class === 'relay' && points.get(path.via ?? '')) || MIDDLE;
  const d = `M${from.x.toFixed(1)} ${from.y.toFixed(1)}L${at.x.toFixed(1)} ${at.y.toFixed(1)}`;
  const width = (1.5 + busy).toFixed(1);
  return s('path', { class: `wire ${path.class}`, d, 'stroke-width': width });
}

function dot(peer: PeerStatus, { x, y }: Point, count: number, reached: string): SVGElement {
  const { path, name } = peer;
  const r = count > 24 ? 8 : 12;
  const said = path.rttMs === null || count > 14 ? '' : milliseconds(path.rttMs);
  const link = {
    href: `#peers/${name}`,
    'aria-label': sentence(peer) + reached,
    class: `dot ${path.class}`,
  };
  // Above in the upper half, so that the line to the middle does not run through it.
  const above = y < MIDDLE.y - 1;
  const at = { x: x.toFixed(1), y: (above ? y - r : y + r).toFixed(1), 'text-anchor': 'middle' };
  const [first, second] = above
    ? [said === '' ? '-0.4em' : '-1.5em', '-0.4em']
    : ['1.1em', '2.4em'];
  return s(
    'a',
    link,
    s('title', {}, sentence(peer) + reached),
    s('circle', { cx: x.toFixed(1), cy: y.toFixed(1), r }),
    s('text', { ...at, dy: first }, short(name)),
    s('text', { ...at, dy: second, class: 'small' }, said),
  );
}

function short(name: string): string {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}
