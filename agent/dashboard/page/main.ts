// The page: a login, then views of one node, and a look at it every two seconds.

import type { MeshPath, Status } from '../../commands/context.js';
import type { Config } from '../../config/schema.js';
import { add } from './add.js';
import { type App, complaint, type View } from './app.js';
import { h } from './elements.js';
import { askLogin, keptLogin, logOut } from './login.js';
import { logView } from './logview.js';
import { Model } from './model.js';
import { overview } from './overview.js';
import { peers } from './peers.js';
import { Session } from './session.js';
import { settings } from './settings.js';

const LOOK_MS = 2_000;
const PATHS_MS = 5_000; // members are asked for them: no oftener than an eye needs
const SAID_MS = 6_000;

const login = (await keptLogin()) ?? (await askLogin(document.body));
const model = new Model();
let config: Config | undefined;
let up = false;

const name = h('h1', {}, 'kith');
const link = h('span', { class: 'link', role: 'status' }, 'connecting…');
const toast = h('div', { class: 'toast', role: 'status', hidden: true });
const pendingBar = h('div', { class: 'pending', role: 'alert', hidden: true });
let toastTimer = 0;
let pendingTimer = 0;

const session = new Session(login.token, login.node, {
  onLink(now) {
    if (now === up) return;
    up = now;
    link.textContent = up ? 'connected' : 'out of reach';
    link.classList.toggle('up', up);
    if (up) void readConfig().then(look);
    else model.pause();
  },
  onConfig: () => void readConfig(),
  onEnd(answer) {
    endPending();
    say(answer.ok ? 'The change stays.' : complaint(answer), !answer.ok);
  },
  onLoggedOut: () => location.reload(),
});

const app: App = { session, model, config: () => config, say, pending };
const views: readonly View[] = [overview, peers, add, settings, logView].map((make) => make(app));
let shown = views[0] as View;

const tabs = views.map((view) => h('a', { href: `#${view.name}` }, view.title));
const leave = async () => {
  session.stop();
  await logOut().catch(() => {});
  location.reload();
};
const main = h('main');
document.body.replaceChildren(
  h(
    'header',
    {},
    h('div', { class: 'who' }, name, link),
    h('nav', { 'aria-label': 'Views' }, ...tabs),
    h('button', { class: 'quiet', onclick: () => void leave() }, 'Log out'),
  ),
  pendingBar,
  main,
  toast,
);
addEventListener('hashchange', show);
document.addEventListener('visibilitychange', () =>
  document.hidden ? model.pause() : void look(),
);
show();
session.start();
setInterval(() => void look(), LOOK_MS);
setInterval(() => void lookAround(), PATHS_MS);

function show(): void {
  const [wanted = '', ...rest] = decodeURIComponent(location.hash.slice(1)).split('/');
  shown = views.find((view) => view.name === wanted) ?? (views[0] as View);
  for (const [index, tab] of tabs.entries()) {
    if (views[index] === shown) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  document.title = `${shown.title}: ${model.status?.name ?? 'kith'}`;
  main.replaceChildren(shown.element);
  scrollTo(0, 0);
  shown.see?.();
  if (up) shown.enter?.(rest.join('/'));
}

/** As it is written: what is told by MQTT is what counts in this very connection. */
async function readConfig(): Promise<void> {
  const answer = await session.ask('config get');
  if (!answer.ok) return;
  config = answer.result as Config;
  for (const view of views) view.changed?.(config);
}

let looking = false;

async function look(): Promise<void> {
  if (!up || document.hidden || looking) return;
  looking = true;
  const answer = await session.ask('status');
  looking = false;
  if (!answer.ok) {
    if (up) say(complaint(answer), true);
    return;
  }
  const first = model.status === undefined;
  model.see(answer.result as Status, performance.now());
  name.textContent = model.status?.name ?? '';
  if (first) {
    show();
    void lookAround();
  } else {
    shown.see?.();
  }
}

/** Only while somebody sees the picture, and there is one. */
async function lookAround(): Promise<void> {
  if (!up || document.hidden || shown.name !== 'mesh' || !model.status?.mesh) return;
  const answer = await session.ask('paths', { mesh: true });
  if (!answer.ok) return;
  model.paths = (answer.result as { mesh: readonly MeshPath[] }).mesh;
  shown.see?.();
}

function say(text: string, bad = false): void {
  toast.textContent = text;
  toast.classList.toggle('bad', bad);
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => {
    toast.hidden = true;
  }, SAID_MS);
}

/** A change that is taken back unless somebody says that it is good. */
function pending(seconds: number): void {
  const until = performance.now() + 1000 * seconds;
  const left = h('span');
  const act = (command: string) => async () => {
    const answer = await session.ask(command);
    if (!answer.ok) say(complaint(answer), true);
    endPending();
  };
  pendingBar.replaceChildren(
    left,
    h('button', { class: 'main', onclick: () => void act('config confirm')() }, 'Keep it'),
    h('button', { onclick: () => void act('config rollback')() }, 'Take it back'),
  );
  pendingBar.hidden = false;
  clearInterval(pendingTimer);
  const tell = () => {
    const rest = Math.max(0, Math.round((until - performance.now()) / 1000));
    left.textContent = `The change is taken back in ${rest} s unless you keep it.`;
  };
  tell();
  pendingTimer = window.setInterval(tell, 1_000);
}

function endPending(): void {
  clearInterval(pendingTimer);
  pendingBar.hidden = true;
}
