// `kith lab …` in a process of its own, with a stand-in for the agents.

import { join } from 'node:path';
import { lab } from '../../../agent/control/lab/lab.js';

const [command = '', name = '', home, kind] = process.argv.slice(2);
const given = { lab: name, ...(home && { home }), ...(kind && { kind }) };
try {
  process.exitCode = await lab(command, given, {
    kith: [process.execPath, join(import.meta.dirname, 'standin.mjs')],
    json: process.env.LAB_JSON === '1',
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    view: { terminal: false, color: false, rows: 24 },
  });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
