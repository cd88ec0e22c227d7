// `kith bench`: what this machine can do, per cipher engine.

import type { Handler } from './command.js';
import { formatTable } from './table.js';

type Rate = Readonly<{
  engine: string;
  /** Bits per second sealed and opened, in full packets; null where the engine does not run here. */
  seal: number | null;
  open: number | null;
  reason: string;
}>;

export const bench: Handler<unknown, { engines: readonly Rate[] }> = {
  run: async () => ({ engines: [] }),
  show: ({ engines }) =>
    formatTable([
      ['engine', 'seals', 'opens', ''],
      ...engines.map(({ engine, seal, open, reason }) => [engine, rate(seal), rate(open), reason]),
    ]),
};

function rate(bits: number | null): string {
  return bits === null ? '-' : `${(bits / 1e9).toFixed(2)} Gbit/s`;
}
