// The parts that views share: the connection, what is known, and words to the person.

import type { Config } from '../../config/schema.js';
import { h } from './elements.js';
import type { Model } from './model.js';
import type { Answer, Session } from './session.js';

export type App = Readonly<{
  session: Session;
  model: Model;
  config(): Config | undefined;
  /** A sentence that is read aloud, and goes by itself. */
  say(text: string, bad?: boolean): void;
  /** A change waits to be confirmed. */
  pending(seconds: number): void;
}>;

export type View = Readonly<{
  name: string; // in the address: `#peers`
  title: string;
  element: HTMLElement;
  /** A new status, while the view is shown. */
  see?(): void;
  /** The configuration is another. */
  changed?(config: Config): void;
  /** It comes to be shown; `rest` is what stands behind its name in the address. */
  enter?(rest: string): void;
}>;

/** What is wrong, in one line. */
export function complaint({ error, problems }: Answer): string {
  const list = problems ?? [];
  if (list.length === 0) return error ?? 'it failed';
  return `${error ?? ''} ${list.join('; ')}`.trim();
}

/** A question with one way on; resolves to whether it was taken. */
export function confirm(question: string, way: string): Promise<boolean> {
  return new Promise((resolve) => {
    const close = () => dialog.close();
    const go = h('button', { class: 'danger', onclick: () => dialog.close('yes') }, way);
    const stay = h('button', { onclick: close, autofocus: true }, 'Cancel');
    const dialog = h('dialog', {}, h('p', {}, question), h('div', { class: 'row' }, go, stay));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
