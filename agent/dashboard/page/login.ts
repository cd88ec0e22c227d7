// The login: a password for a token, which this tab alone keeps.

import { h } from './elements.js';

export type Login = Readonly<{ token: string; node: string }>;

const KEY = 'kith-login';

/** What this tab kept, if it still counts. */
export async function keptLogin(): Promise<Login | undefined> {
  const token = sessionStorage.getItem(KEY);
  if (token === null) return undefined;
  try {
    const answer = await fetch('/login', { headers: { Authorization: `Bearer ${token}` } });
    if (answer.ok) return { token, ...((await answer.json()) as { node: string }) };
  } catch {
    // the agent is away: the form says so at the next try
  }
  return undefined;
}

export async function logOut(): Promise<void> {
  const token = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  await fetch('/logout', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
}

/** Shows the form until it succeeds. */
export function askLogin(place: HTMLElement): Promise<Login> {
  return new Promise((resolve) => {
    const error = h('p', { class: 'problem', role: 'alert' });
    const password = h('input', {
      type: 'password',
      id: 'password',
      autocomplete: 'current-password',
      autofocus: true,
      required: true,
    });
    const button = h('button', { class: 'main' }, 'Log in');
    const form = h(
      'form',
      { class: 'card login' },
      h('img', { src: '/icon.svg', alt: '', width: 48, height: 48 }),
      h('h1', {}, 'kith'),
      h('label', { for: 'password' }, 'Password'),
      password,
      button,
      error,
      h('p', { class: 'help' }, 'It is shown on the node by ', h('code', {}, 'kith dashboard')),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void tryPassword(password.value).then((answer) => {
        if ('error' in answer) {
          error.textContent = answer.error;
          password.select();
          return;
        }
        sessionStorage.setItem(KEY, answer.token);
        resolve(answer);
      });
    });
    place.replaceChildren(h('main', { class: 'door' }, form));
    password.focus();
  });
}

async function tryPassword(password: string): Promise<Login | { error: string }> {
  try {
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify({ password });
    const answer = await fetch('/login', { method: 'POST', headers, body });
    const said = (await answer.json()) as Login & { error?: string; waitSeconds?: number };
    if (answer.ok) return said;
    const wait = said.waitSeconds ? `. Wait ${said.waitSeconds} s.` : '';
    return { error: `${said.error ?? 'it failed'}${wait}` };
  } catch {
    return { error: 'the agent is out of reach' };
  }
}
