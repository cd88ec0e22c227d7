// Everybody this node speaks with: how, and where it is not direct, why and what to do.

import type { PeerStatus } from '../../commands/context.js';
import { type App, complaint, confirm, type View } from './app.js';
import { h } from './elements.js';
import { bytes, duration, milliseconds, rate } from './format.js';

const HEADS = ['Name', 'Path', 'Round trip', 'Receiving', 'Sending', 'Last handshake', ''];
const SHOWN_MAX = 500; // a browser on a phone still scrolls

export function peers(app: App): View {
  const body = h('tbody');
  const search = h('input', { type: 'search', placeholder: 'find a name', 'aria-label': 'Search' });
  const heads = HEADS.map((head) => h('th', { scope: 'col' }, head));
  const table = h('table', { class: 'peers' }, h('thead', {}, h('tr', {}, ...heads)), body);
  const empty = h(
    'p',
    { class: 'empty', hidden: true },
    'Nobody yet. ',
    h('a', { href: '#add' }, 'Add'),
  );
  const rows = new Map<string, { row: HTMLTableRowElement; text: string }>();
  const see = () => {
    const all = app.model.status?.peers ?? [];
    const wanted = search.value.trim().toLowerCase();
    const shown = all.filter(({ name }) => name.includes(wanted)).slice(0, SHOWN_MAX);
    empty.hidden = all.length > 0;
    table.hidden = all.length === 0;
    update(app, body, rows, shown);
  };
  search.addEventListener('input', see);
  const enter = (name: string) => {
    see();
    const found = document.getElementById(`peer-${name}`);
    found?.scrollIntoView({ block: 'center' });
    found?.focus();
  };
  const element = h('section', { class: 'card' }, h('h2', {}, 'Peers'), search, table, empty);
  return { name: 'peers', title: 'Peers', element, see, enter };
}

/** Rows stay where they are, so that focus and a held finger do too. */
function update(
  app: App,
  body: HTMLElement,
  rows: Map<string, { row: HTMLTableRowElement; text: string }>,
  shown: readonly PeerStatus[],
): void {
  const now = Date.now() / 1000;
  for (const [index, peer] of shown.entries()) {
    const known = rows.get(peer.publicKey);
    const row = known?.row ?? h('tr', { id: `peer-${peer.name}`, tabindex: -1 });
    const cells = cellsOf(app, peer, now);
    const text = JSON.stringify(
      cells.map(({ textContent, className }) => [textContent, className]),
    );
    if (text !== known?.text) {
      const last = row.lastElementChild;
      row.replaceChildren(...cells, last ?? h('td', { class: 'action' }, removeButton(app, peer)));
    }
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    rows.set(peer.publicKey, { row, text });
  }
  const keep = new Set(shown.map(({ publicKey }) => publicKey));
  for (const [key, { row }] of rows) {
    if (keep.has(key)) continue;
    row.remove();
    rows.delete(key);
  }
}

function cellsOf({ model }: App, peer: PeerStatus, now: number): HTMLElement[] {
  const { name, addresses, path, lastHandshake, publicKey, rxBytes, txBytes } = peer;
  const { rx, tx } = model.ratesOf(publicKey);
  const ago = lastHandshake === null ? 'never' : `${duration(now - lastHandshake)} ago`;
  const cell = (head: string, ...children: (Node | string)[]) =>
    h('td', { 'data-head': head }, ...children);
  const small = (text: string) => h('span', { class: 'small' }, text);
  const where = addresses.find((one) => one.includes('.')) ?? addresses[0] ?? '';
  return [
    h('th', { scope: 'row' }, name, small(where.replace(/\/(32|128)$/, ''))),
    h('td', { 'data-head': 'Path', class: 'path' }, ...pathOf(peer)),
    cell('Round trip', path.rttMs === null ? '–' : milliseconds(path.rttMs)),
    cell('Receiving', rate(rx), small(bytes(rxBytes))),
    cell('Sending', rate(tx), small(bytes(txBytes))),
    cell('Last handshake', ago),
  ];
}

function pathOf({ path }: PeerStatus): Node[] {
  const words = { direct: 'direct', relay: `relay ${path.via ?? ''}`, none: 'none' } as const;
  const badge = h('span', { class: `badge ${path.class}` }, words[path.class]);
  const { reason } = path;
  if (reason === null) return [badge];
  const evidence = reason.evidence === '' ? reason.code : sentenceCase(reason.evidence);
  return [
    badge,
    h('span', { class: 'why' }, evidence, evidence.endsWith('.') ? '' : '.'),
    h('span', { class: 'advice' }, reason.advice),
  ];
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function removeButton(app: App, { name }: PeerStatus): HTMLElement {
  const remove = async () => {
    const guest = app.config()?.peers?.some((peer) => peer.name === name) ?? false;
    const question = guest
      ? `${name} will be let in no more. Its configuration cannot be brought back.`
      : `${name} will be a member of the mesh no more, everywhere and for good.`;
    if (!(await confirm(question, guest ? 'Remove' : 'Revoke'))) return;
    const answer = await app.session.ask(guest ? 'guest remove' : 'revoke', { name });
    app.say(answer.ok ? `${name} is gone` : complaint(answer), !answer.ok);
  };
  return h('button', { class: 'quiet', 'aria-label': `Remove ${name}`, onclick: remove }, 'Remove');
}
