// A folder for all that one run of tests makes, and what becomes of the leftovers of killed ones.

import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './process.mjs';

const SWEEP_MS = 30_000;
const NAMESPACES = join(import.meta.dirname, '../lab/namespaces.ts');

/** `{ path, remove }`: for TMPDIR of the tests. */
export function makeTemporary() {
  const path = mkdtempSync(join(tmpdir(), `kithlab.${process.pid}.${startTicks()}.run-`));
  chmodSync(path, 0o1777); // as /tmp is: some tests drop their rights
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Namespaces, processes and folders of test runs that were killed. */
export async function sweep() {
  if (process.getuid?.() !== 0) return;
  const code = `import { sweep } from '${NAMESPACES}'; sweep();`;
  const node = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const cwd = join(import.meta.dirname, '../..');
  await run(process.execPath, node, { deadlineMs: SWEEP_MS, cwd });
}

/** Part of the folder's name: the sweep of a later run knows by it whose it was (lab/owner.ts). */
function startTicks() {
  try {
    return readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ')[19];
  } catch {
    return 0;
  }
}
