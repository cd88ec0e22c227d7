// The process as a command of `kith flash` sees it, with what it printed.

import type { Stage } from '../../flash/command.js';

export type Played = Stage & { seen: { out: string; error: string }; end(): void };

export function played(more: Partial<Stage> = {}, answer = ''): Played {
  const seen = { out: '', error: '' };
  const stop = new AbortController();
  return {
    seen,
    end: () => stop.abort(),
    json: false,
    statePath: '/nowhere',
    terminal: false,
    columns: 80,
    out: (text) => {
      seen.out += text;
    },
    error: (text) => {
      seen.error += text;
    },
    readInput: async () => '',
    ask: async () => answer,
    stop: stop.signal,
    ...more,
  };
}
