// Reading a QR code that was printed as half blocks, as a phone would.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../control/program.js';

// The light (true) upper and lower half of each character that is printed.
const HALVES: Record<string, [boolean, boolean]> = {
  '█': [true, true],
  '▀': [true, false],
  '▄': [false, true],
  ' ': [false, false],
};

/** What a phone makes of the text: a picture of it, decoded by zbar. `printed` is what ink is. */
export function decode(text: string, printed: 'light' | 'dark'): string {
  const rows = text.split('\n').flatMap((line) => {
    const halves = [...line].map((character) => HALVES[character]);
    assert.ok(
      halves.every((half) => half !== undefined),
      `only half blocks: ${line}`,
    );
    return [0, 1].map((part) =>
      halves.map((half) => half![part as 0 | 1] === (printed === 'light')),
    );
  });
  const scale = 4;
  const wide = rows.flatMap((row) => {
    const bits = row.flatMap((light) => new Array(scale).fill(light ? 0 : 1)).join(' ');
    return new Array(scale).fill(bits);
  });
  const file = join(temporaryFolder(), 'qr.pbm');
  const width = rows[0]!.length * scale;
  writeFileSync(file, `P1\n${width} ${wide.length}\n${wide.join('\n')}\n`);
  const found = execFileSync('zbarimg', ['--quiet', '--raw', '-Sbinary', '--nodbus', file]);
  return found.toString();
}
