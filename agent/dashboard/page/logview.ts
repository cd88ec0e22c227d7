// What the agent logged last.

import type { LogLine } from '../../commands/context.js';
import { type App, complaint, type View } from './app.js';
import { h } from './elements.js';

const LINES = 500;
const EVERY_MS = 4_000;

export function logView(app: App): View {
  const list = h('ol', { class: 'log', 'aria-label': 'Log', tabindex: 0 });
  const levels = { error: 'errors', info: 'what matters', verbose: 'everything' };
  const options = Object.entries(levels).map(([value, text]) =>
    h('option', { value, selected: value === 'info' }, text),
  );
  const level = h('select', { 'aria-label': 'Show' }, ...options);
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = async () => {
    askedAt = performance.now();
    const answer = await app.session.ask('log', { level: level.value, lines: LINES });
    if (!answer.ok) return app.say(complaint(answer), true);
    const { log } = answer.result as { log: readonly LogLine[] };
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
    list.replaceChildren(...log.map(lineOf));
    if (log.length === 0) list.append(h('li', { class: 'empty' }, 'Nothing was logged yet.'));
    if (atEnd) list.scrollTop = list.scrollHeight;
  };
  level.addEventListener('change', () => void ask());
  const see = () => {
    if (performance.now() - askedAt >= EVERY_MS) void ask();
  };
  const bar = h('div', { class: 'row' }, h('h2', {}, 'Log'), level);
  const element = h('section', { class: 'card' }, bar, list);
  return { name: 'log', title: 'Log', element, see, enter: () => void ask() };
}

function lineOf({ at, level, line }: LogLine): HTMLElement {
  const time = new Date(at);
  const shown = time.toLocaleTimeString();
  const when = h('time', { datetime: time.toISOString(), title: time.toLocaleString() }, shown);
  return h('li', { class: level }, when, ' ', level === 'error' ? h('b', {}, 'error ') : '', line);
}
