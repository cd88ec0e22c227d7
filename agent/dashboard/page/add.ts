// Letting somebody in: an invite for a node, a configuration for a phone; and before that, a mesh.

import { type App, complaint, type View } from './app.js';
import { h } from './elements.js';
import { duration } from './format.js';
import { qr } from './qr.js';
import type { Answer } from './session.js';

export function add(app: App): View {
  const element = h('div', { class: 'columns' });
  const node = { invite: inviteCard(app), found: foundCard(app), join: joinCard(app) };
  const guest = guestCard(app);
  let inMesh: boolean | undefined;
  const see = () => {
    const { status } = app.model;
    if (!status || inMesh === (status.mesh !== null)) return;
    inMesh = status.mesh !== null;
    // What was just shown once, such as the mesh key, must stay.
    if (inMesh) element.replaceChildren(node.invite, guest, ...[node.found].filter(hasResult));
    else element.replaceChildren(node.found, node.join, guest);
  };
  return { name: 'add', title: 'Add', element, see };
}

function hasResult(card: HTMLElement): boolean {
  return (card.querySelector('.result')?.childElementCount ?? 0) > 0;
}

function inviteCard(app: App): HTMLElement {
  return formCard(
    'Invite a node',
    'A router or a computer that runs kith. The word lets in whoever has it first, once.',
    [
      field('Name', h('input', { name: 'name', required: true, autocomplete: 'off' })),
      field('Good for', choice('ttl', { '1h': 'an hour', '1d': 'a day', '7d': 'a week' })),
      tick('tracker', 'may help others to find each other', true),
      tick('relay', 'may relay for others', true),
      tick('exit', 'may offer its way into the internet', false),
    ],
    'Make an invite',
    async (form, result) => {
      const role = ['tracker', 'relay', 'exit'].filter((name) => form.get(name)).join(',');
      const given = { name: form.get('name'), ttl: form.get('ttl'), role: role || 'none' };
      const answer = await app.session.ask('invite', given);
      if (!answer.ok) return answer;
      const { name, word, expires } = answer.result as Record<'name' | 'word', string> & {
        expires: number;
      };
      const left = duration(expires - Date.now() / 1000);
      result.replaceChildren(
        h('p', {}, `For ${name}, once, within ${left}. There: kith join -`),
        qr(word.toUpperCase(), `QR code of the invite for ${name}`),
        secret('The invite', word),
      );
      return answer;
    },
  );
}

function guestCard(app: App): HTMLElement {
  return formCard(
    'Add a guest',
    'A phone or a laptop with the stock WireGuard app. It scans the code, or takes the file.',
    [
      field('Name', h('input', { name: 'name', required: true, autocomplete: 'off' })),
      field(
        'Where it finds this node',
        h('input', { name: 'endpoint', placeholder: 'as set, or guessed', autocomplete: 'off' }),
      ),
    ],
    'Add the guest',
    async (form, result) => {
      const endpoint = String(form.get('endpoint') ?? '').trim();
      const given = { name: form.get('name'), ...(endpoint !== '' && { endpoint }) };
      const answer = await app.session.ask('guest add', given);
      if (!answer.ok) return answer;
      const { name, configuration } = answer.result as Record<'name' | 'configuration', string>;
      const file = URL.createObjectURL(new Blob([configuration], { type: 'text/plain' }));
      result.replaceChildren(
        h('p', {}, 'Shown this once and kept nowhere: it holds the private key.'),
        qr(configuration.trimEnd(), `QR code of the configuration for ${name}`),
        h(
          'p',
          {},
          h('a', { class: 'button', href: file, download: `${name}.conf` }, 'Save the file'),
        ),
        secret('The configuration', configuration),
        ...(answer.notes ?? []).map((note) => h('p', { class: 'small' }, note)),
      );
      return answer;
    },
  );
}

function foundCard(app: App): HTMLElement {
  return formCard(
    'Found a mesh',
    'This node belongs to no mesh yet. It can be the first member of a new one.',
    [field('Name of this node', h('input', { name: 'name', autocomplete: 'off' }))],
    'Found a mesh',
    async (form, result) => {
      const name = String(form.get('name') ?? '').trim();
      const answer = await app.session.ask('init', name === '' ? {} : { name });
      if (!answer.ok) return answer;
      const { backup } = answer.result as { backup: string };
      result.replaceChildren(
        h('p', {}, 'Keep this in a safe place: whoever has the mesh key owns the mesh.'),
        secret('The mesh key', backup),
      );
      return answer;
    },
  );
}

function joinCard(app: App): HTMLElement {
  const word = h('textarea', { name: 'word', rows: 4, required: true, autocomplete: 'off' });
  return formCard(
    'Join a mesh',
    'With the word that a member of it made.',
    [field('The invite', word)],
    'Join',
    async (form, result) => {
      const answer = await app.session.ask('join', { word: form.get('word') });
      if (!answer.ok) return answer;
      const { by, members } = answer.result as { by: string; members: number };
      result.replaceChildren(h('p', {}, `Let in by ${by}; the mesh has ${members} members.`));
      return answer;
    },
  );
}

type Submit = (form: FormData, result: HTMLElement) => Promise<Answer>;

function formCard(
  title: string,
  help: string,
  fields: readonly HTMLElement[],
  button: string,
  submit: Submit,
): HTMLElement {
  const result = h('div', { class: 'result' });
  const error = h('p', { class: 'problem', role: 'alert' });
  const send = h('button', { class: 'main' }, button);
  const form = h('form', {}, ...fields, send, error);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send.disabled = true;
    error.textContent = '';
    void submit(new FormData(form), result).then((answer) => {
      send.disabled = false;
      if (!answer.ok) error.textContent = complaint(answer);
      else result.scrollIntoView({ block: 'nearest' });
    });
  });
  return h('section', { class: 'card' }, h('h2', {}, title), h('p', {}, help), form, result);
}

function field(label: string, input: HTMLElement): HTMLElement {
  return h('label', { class: 'field' }, h('span', {}, label), input);
}

function tick(name: string, label: string, checked: boolean): HTMLElement {
  return h('label', { class: 'tick' }, h('input', { type: 'checkbox', name, checked }), label);
}

function choice(name: string, options: Readonly<Record<string, string>>): HTMLElement {
  const items = Object.entries(options).map(([value, text]) => h('option', { value }, text));
  return h('select', { name }, ...items);
}

/** Text to be copied. Without TLS a page may not write to the clipboard by itself. */
function secret(label: string, text: string): HTMLElement {
  const rows = Math.max(text.split('\n').length + 1, Math.ceil(text.length / 32));
  const area = h('textarea', { readonly: true, rows, 'aria-label': label, class: 'secret' }, text);
  const copy = async () => {
    area.select();
    if (navigator.clipboard) await navigator.clipboard.writeText(text).catch(() => {});
    else document.execCommand('copy');
    button.textContent = 'Copied';
  };
  const button = h('button', { type: 'button', onclick: () => void copy() }, 'Copy');
  return h('div', { class: 'field' }, area, button);
}
