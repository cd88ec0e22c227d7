// A form from the JSON Schema of the configuration. What is wrong with a value is for the agent to
// say, in the words it uses everywhere; here nothing is checked.

import { h } from './elements.js';

export type Schema = Readonly<{
  type?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  items?: Schema;
}>;

export type Field = Readonly<{
  path: string; // `listen.port`
  element: HTMLElement;
  /** What stands there now, as the patch would have it. */
  value(): unknown;
  set(value: unknown): void;
  complain(problem: string): void;
  focus(): void;
}>;

type Control = Readonly<{
  input: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
  value(): unknown;
  set(value: unknown): void;
}>;

/** Settings that have a place of their own on the page, or none. */
const ELSEWHERE = ['version', 'peers'];

/** One group of fields per object; groups are for the page, fields for the patch. */
export function formOf(schema: Schema): { element: HTMLElement; fields: Field[] } {
  const fields: Field[] = [];
  const element = h('div', { class: 'groups' });
  const general = group('General', 'general');
  element.append(general);
  for (const [name, entry] of Object.entries(schema.properties ?? {})) {
    if (ELSEWHERE.includes(name)) continue;
    if (entry.properties) addGroup(element, name, entry, fields);
    else general.append(added(fields, name, name, entry));
  }
  return { element, fields };
}

function addGroup(element: HTMLElement, path: string, schema: Schema, fields: Field[]): void {
  const box = group(path.split('.').map(titled).join(': '), path);
  element.append(box);
  for (const [name, entry] of Object.entries(schema.properties ?? {})) {
    if (entry.properties) addGroup(element, `${path}.${name}`, entry, fields);
    else box.append(added(fields, `${path}.${name}`, name, entry));
  }
}

function group(title: string, path: string): HTMLElement {
  const about = { class: 'card', 'data-group': path };
  return h('fieldset', about, h('legend', {}, title));
}

function added(fields: Field[], path: string, name: string, schema: Schema): HTMLElement {
  const field = fieldOf(path, name, schema);
  fields.push(field);
  return field.element;
}

function fieldOf(path: string, name: string, schema: Schema): Field {
  const id = `set-${path.replaceAll('.', '-')}`;
  const control = controlOf(schema);
  const { input } = control;
  const problem = h('p', { class: 'problem', id: `${id}-problem` });
  const help = h('p', { class: 'help', id: `${id}-help` }, helpOf(schema));
  input.id = id;
  input.name = path;
  input.setAttribute('aria-describedby', `${id}-help ${id}-problem`);
  const tick = input instanceof HTMLInputElement && input.type === 'checkbox';
  const label = h('label', { for: id, title: path }, titled(name));
  const head = tick ? h('div', { class: 'tick' }, input, label) : label;
  const element = h('div', { class: 'field' }, head, tick ? undefined : input, help, problem);
  return {
    path,
    element,
    value: control.value,
    set: control.set,
    complain(text) {
      problem.textContent = text;
      input.setAttribute('aria-invalid', String(text !== ''));
    },
    focus: () => input.focus(),
  };
}

/** In a form no value is an empty field. */
function helpOf({ description = '' }: Schema): string {
  return description.replaceAll(/\bnull\b/g, 'empty');
}

function controlOf(schema: Schema): Control {
  const inner = schema.anyOf?.find(({ type }) => type !== 'null') ?? schema;
  const nullable = schema.anyOf?.some(({ type }) => type === 'null') ?? false;
  if (inner.type === 'boolean') return ticked();
  const choices = inner.enum ?? inner.anyOf?.map((one) => one.const);
  if (choices?.every((one) => one !== undefined)) return chosen(choices);
  if (inner.type === 'array' && inner.items?.type === 'string') return listed();
  if (inner.type === 'array') return asJson();
  return typed(inner.type === 'number' || inner.type === 'integer', nullable);
}

function ticked(): Control {
  const input = h('input', { type: 'checkbox' });
  const set = (value: unknown) => {
    input.checked = value === true;
  };
  return { input, set, value: () => input.checked };
}

function chosen(choices: readonly unknown[]): Control {
  const options = choices.map((one) => h('option', { value: JSON.stringify(one) }, String(one)));
  const input = h('select', {}, ...options);
  const set = (value: unknown) => {
    input.value = JSON.stringify(value);
  };
  return { input, set, value: () => JSON.parse(input.value || 'null') as unknown };
}

function listed(): Control {
  const input = h('textarea', { rows: 2, spellcheck: 'false', placeholder: 'one per line' });
  const lines = () => input.value.split(/[\n,]+/).map((line) => line.trim());
  const set = (value: unknown) => {
    input.value = Array.isArray(value) ? value.join('\n') : '';
  };
  return { input, set, value: () => lines().filter((line) => line !== '') };
}

function asJson(): Control {
  const input = h('textarea', { rows: 4, spellcheck: 'false' });
  const set = (value: unknown) => {
    input.value = JSON.stringify(value, null, 2);
  };
  return { input, set, value: () => parsed(input.value) };
}

function typed(number: boolean, nullable: boolean): Control {
  const input = h('input', {
    type: 'text',
    spellcheck: 'false',
    autocomplete: 'off',
    inputmode: number ? 'decimal' : undefined,
    placeholder: nullable ? 'not set' : undefined,
  });
  const value = () => {
    const text = input.value.trim();
    if (text === '' && nullable) return null;
    return number && text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  };
  const set = (given: unknown) => {
    input.value = given === null || given === undefined ? '' : String(given);
  };
  return { input, set, value };
}

/** The text itself where it is no JSON: the agent says what is wrong. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Words of the settings that are written in another way. */
const WORDS: Readonly<Record<string, string>> = {
  ca: 'CA',
  dns: 'DNS',
  gb: 'GB',
  lan: 'LAN',
  mbps: 'Mbit/s',
  mqtt: 'MQTT',
  mtu: 'MTU',
  pin: 'PIN',
  tun: 'TUN',
  udp: 'UDP',
  url: 'URL',
};

/** `confirmSeconds` as `Confirm seconds`. */
function titled(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(' ');
  const text = words.map((word) => WORDS[word] ?? word).join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1).replace('eb socket', 'ebSocket');
}
