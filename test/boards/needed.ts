// Programs of Debian that these tests need; npm test does not install them, as it does without.

import { spawnSync } from 'node:child_process';

/** Throws with what to install. */
export function needPrograms(programs: Readonly<Record<string, string>>): void {
  const lacking = Object.entries(programs).filter(
    ([program]) => spawnSync('which', [program]).status !== 0,
  );
  if (lacking.length === 0) return;
  throw new Error(`apt install ${lacking.map(([, name]) => name).join(' ')}`);
}
