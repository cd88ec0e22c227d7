// Steps that every Linux understands alike.

import type { Look } from './board.js';
import { ipLine, ipUndoLine } from './iplines.js';
import { renderLed } from './leds.js';
import type { Rendered, Step } from './step.js';

type Everywhere = Extract<
  Step,
  { kind: 'address' | 'route' | 'firewall' | 'kernel' | 'led' | 'slot' }
>;

export function isEverywhere(step: Step): step is Everywhere {
  return ['address', 'route', 'firewall', 'kernel', 'led', 'slot'].includes(step.kind);
}

export function renderEverywhere(step: Everywhere, look: Look): Rendered | undefined {
  switch (step.kind) {
    case 'address':
    case 'route':
      return {
        apply: [{ do: 'ip', line: ipLine(step) }],
        undo: [{ do: 'ip', line: ipUndoLine(step) }],
        lasts: 'interface',
      };
    case 'firewall':
      return renderTable(step.table, step.rules);
    case 'kernel':
      return renderKernel(step.name, step.value, look);
    case 'led':
      return renderLed(step, look);
    case 'slot': {
      const command = [`${step.root}/launch`, '--install', step.release];
      return { apply: [{ do: 'run', command }], undo: [], lasts: 'installed' };
    }
  }
}

/** One transaction: the table is made where it is missing, emptied, and filled. */
function renderTable(table: string, rules: string): Rendered {
  const load = (text: string) => ({ do: 'run', command: ['nft', '-f', '-'], input: text }) as const;
  const away = `table ${table}\ndelete table ${table}\n`;
  return {
    apply: [load(`${away}table ${table} {\n${rules.trimEnd()}\n}\n`)],
    undo: [load(away)],
    lasts: 'run',
  };
}

function renderKernel(name: string, value: string, look: Look): Rendered | undefined {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  const before = look(path)?.trim();
  if (before === undefined || before === value) return undefined;
  return {
    apply: [{ do: 'write', path, text: value }],
    undo: [{ do: 'write', path, text: before }],
    lasts: 'run',
  };
}
