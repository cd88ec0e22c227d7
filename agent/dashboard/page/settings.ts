// The settings: a form made from the schema, and the problems of a change beside what they are of.

import type { Config } from '../../config/schema.js';
import { type App, complaint, type View } from './app.js';
import { h } from './elements.js';
import { type Field, formOf, type Schema } from './fields.js';
import type { Answer } from './session.js';

const CONFIRM_S = 60;

export function settings(app: App): View {
  const place = h('div', {}, h('p', { class: 'empty' }, 'The settings are on their way…'));
  const said = h('p', { class: 'said', role: 'status' });
  const save = h('button', { class: 'main', disabled: true }, 'Save');
  const undo = h('button', { type: 'button', disabled: true }, 'Undo');
  const careful = h('input', { type: 'checkbox', id: 'careful' });
  const label = h(
    'label',
    { for: 'careful' },
    `take it back after ${CONFIRM_S} s unless I confirm`,
  );
  const tick = h('div', { class: 'tick' }, careful, label);
  const bar = h('div', { class: 'bar' }, save, undo, tick, said);
  const form = h('form', { class: 'settings', novalidate: true }, place, bar);
  let fields: Field[] = [];
  let shown: Config | undefined;

  const changedFields = () => fields.filter((field) => !same(field.value(), at(shown, field.path)));
  const judge = () => {
    const count = changedFields().length;
    save.disabled = undo.disabled = count === 0;
    save.textContent = count > 1 ? `Save ${count} changes` : 'Save';
  };
  const fill = (config: Config) => {
    const touched = new Set(changedFields());
    shown = config;
    // What somebody is typing stays.
    for (const field of fields) if (!touched.has(field)) field.set(at(config, field.path));
    judge();
  };
  const load = async () => {
    if (fields.length > 0) return;
    const answer = await app.session.ask('config schema');
    if (!answer.ok || fields.length > 0) return;
    const made = formOf(answer.result as Schema);
    const config = app.config();
    fields = made.fields;
    place.replaceChildren(made.element);
    for (const field of fields) field.set(at(config, field.path));
    shown = config;
    judge();
  };
  const reset = () => {
    for (const field of fields) {
      field.set(at(shown, field.path));
      field.complain('');
    }
    said.textContent = '';
    judge();
  };
  const send = async () => {
    const patch = patchOf(changedFields());
    save.disabled = true;
    const answer = await app.session.patch(patch, careful.checked ? CONFIRM_S : undefined);
    for (const field of fields) field.complain('');
    if (answer.pending !== undefined) app.pending(answer.pending);
    said.textContent = answer.ok ? savedText(answer) : showProblems(answer, fields);
    said.className = answer.ok ? 'said' : 'said problem';
    judge();
  };
  form.addEventListener('input', judge);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  undo.addEventListener('click', reset);
  const enter = () => void load();
  return { name: 'settings', title: 'Settings', element: form, enter, see: enter, changed: fill };
}

function savedText({ restart = [] }: Answer): string {
  if (restart.length === 0) return 'Saved.';
  return `Saved. At the next start of the agent: ${restart.join(', ')}`;
}

/** Puts each problem where it belongs; what is left is the answer. */
function showProblems(answer: Answer, fields: readonly Field[]): string {
  const rest: string[] = [];
  let first: Field | undefined;
  for (const line of answer.problems ?? []) {
    const [path = '', ...words] = line.split(': ');
    const field = fields.find((one) => one.path === path || path.startsWith(`${one.path}.`));
    if (!field) {
      rest.push(line);
      continue;
    }
    const entry = path.slice(field.path.length + 1);
    const which = /^\d+$/.test(entry) ? `line ${Number(entry) + 1}: ` : '';
    field.complain(which + words.join(': '));
    first ??= field;
  }
  first?.focus();
  if (first && rest.length === 0) return 'Nothing was saved: see what is marked.';
  return complaint({ ...answer, problems: rest });
}

function patchOf(fields: readonly Field[]): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const field of fields) {
    const names = field.path.split('.');
    const last = names.pop() ?? '';
    let target = patch;
    for (const name of names) {
      target[name] ??= {};
      target = target[name] as Record<string, unknown>;
    }
    target[last] = field.value();
  }
  return patch;
}

function at(config: unknown, path: string): unknown {
  let value = config;
  for (const name of path.split('.'))
    value = (value as Record<string, unknown> | undefined)?.[name];
  return value;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}
