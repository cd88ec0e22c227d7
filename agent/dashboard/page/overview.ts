// The first view: the mesh as a picture, and how it has been for the last minutes.

import type { Status } from '../../commands/context.js';
import type { App, View } from './app.js';
import { chart, LINES_MAX } from './chart.js';
import { h } from './elements.js';
import { bytes, duration, milliseconds, rate } from './format.js';
import { graph, sentence } from './graph.js';
import { pairsOf } from './pairs.js';

export function overview(app: App): View {
  const tiles = h('dl', { class: 'tiles' });
  const picture = h('div');
  const throughput = h('div');
  const rtt = h('div');
  const element = h(
    'div',
    { class: 'overview' },
    tiles,
    card('The mesh', picture, legendOfPaths()),
    h('div', { class: 'stack' }, card('Throughput', throughput), card('Round trip time', rtt)),
  );
  let drawn = '';
  const see = () => {
    const { status } = app.model;
    if (!status) return;
    tiles.replaceChildren(...tilesOf(status, app));
    // Drawn anew only when it changes, or the keyboard's focus in it would be lost every time.
    const now = pictureOf(status, app);
    if (now !== drawn && !picture.contains(document.activeElement))
      picture.replaceChildren(status.peers.length > 0 ? graph(status, app.model) : nobody(status));
    drawn = now;
    throughput.replaceChildren(...throughputOf(app));
    rtt.replaceChildren(...rttOf(app));
  };
  return { name: 'mesh', title: 'Mesh', element, see };
}

function card(title: string, ...children: Node[]): HTMLElement {
  return h('section', { class: 'card' }, h('h2', {}, title), ...children);
}

function tilesOf(status: Status, { model }: App): Node[] {
  const of = (which: string) => status.peers.filter(({ path }) => path.class === which).length;
  const [direct, relayed] = [of('direct'), of('relay')];
  const now = model.history.at(-1)?.rates ?? { rx: 0, tx: 0 };
  const relay = relayed > 0 ? `${relayed} by a relay` : 'none by a relay';
  const { mesh } = status;
  return [
    tile('Peers', `${direct + relayed} of ${status.peers.length}`, relay),
    tile('Receiving', rate(now.rx), `sending ${rate(now.tx)}`),
    tile('Running for', duration(status.uptime), `version ${status.version}`),
    tile('Memory', bytes(status.memory.rss), `cipher ${status.cipher.engine}`),
    mesh
      ? tile(
          'Members',
          String(mesh.members),
          mesh.reachable ? 'anybody reaches us' : `NAT: ${mesh.nat}`,
        )
      : tile('Members', 'no mesh', 'see Add'),
    tile('Address', addressOf(status), `relayed ${bytes(mesh?.relay.givenBytes ?? 0)}`),
  ];
}

function addressOf({ addresses }: Status): string {
  const one = addresses.find((address) => address.includes('.')) ?? addresses[0] ?? 'none yet';
  return one.replace(/\/\d+$/, '');
}

function tile(name: string, value: string, more: string): HTMLElement {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value), h('dd', { class: 'more' }, more));
}

function pictureOf(status: Status, { model }: App): string {
  const busy = status.peers.map(({ publicKey }) => {
    const { rx, tx } = model.ratesOf(publicKey);
    return Math.round(Math.log2(1 + (rx + tx) / 1_000));
  });
  const others = pairsOf(model.paths).map(({ from, to, via }) => [from, to, via]);
  return JSON.stringify([status.name, status.peers.map(sentence), busy, others]);
}

function nobody(status: Status): HTMLElement {
  const where = h('a', { href: '#add' }, 'Add');
  return h('p', { class: 'empty' }, `${status.name} is alone. Let somebody in: `, where);
}

function legendOfPaths(): HTMLElement {
  const item = (name: string, text: string) => h('li', { class: name }, text);
  return h(
    'ul',
    { class: 'legend paths' },
    item('direct', 'direct'),
    item('relay', 'by a relay'),
    item('none', 'no path now'),
    item('thread', 'between others'),
  );
}

function throughputOf({ model }: App): Node[] {
  const { history } = model;
  const lines = [
    { name: 'receiving', values: history.map(({ rates }) => 8 * rates.rx) },
    { name: 'sending', values: history.map(({ rates }) => 8 * rates.tx) },
  ];
  const last = history.at(-1)?.rates ?? { rx: 0, tx: 0 };
  const label = `throughput: receiving ${rate(last.rx)}, sending ${rate(last.tx)}`;
  return [chart(label, lines, (bits) => rate(bits / 8)), legend(lines.map(({ name }) => name))];
}

function rttOf({ model }: App): Node[] {
  const { history, status } = model;
  const named = (status?.peers ?? []).filter(({ path }) => path.rttMs !== null);
  if (named.length === 0) return [h('p', { class: 'empty' }, 'Measured once members are met.')];
  const lines = named.slice(0, LINES_MAX).map(({ name }) => ({
    name,
    values: history.map(({ rtts }) => rtts.get(name)),
  }));
  const last = named.slice(0, LINES_MAX).map(sentence).join('; ');
  return [
    chart(`round trip time: ${last}`, lines, milliseconds),
    legend(lines.map(({ name }) => name)),
  ];
}

function legend(names: readonly string[]): HTMLElement {
  const items = names.map((name, color) => h('li', { class: `c${color}` }, name));
  return h('ul', { class: 'legend' }, ...items);
}
