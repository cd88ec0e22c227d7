// What one run of a uvu file means. uvu ends with exit code 0 for a file that runs nothing, for
// skipped tests, and for a promise that never settles: all of these are failures here.

import { stripVTControlCharacters } from 'node:util';

/** { passed, failed, reason }: `reason` when the file as a whole is to blame. */
export function judge({ code, output, late, ms }) {
  const plain = stripVTControlCharacters(output);
  const number = (word) => {
    const found = [...plain.matchAll(new RegExp(`^  ${word}: +(\\d+)`, 'gm'))].at(-1)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const [total, passed, skipped] = [number('Total'), number('Passed'), number('Skipped')];
  if (late) return fail(passed, `not done after ${(ms / 1000).toFixed(0)} s`);
  if (total === undefined || passed === undefined) return fail(0, 'ended without a summary');
  if (total === 0) return fail(0, 'runs no tests (is `.run()` missing?)');
  if (skipped !== 0) return fail(passed, `${skipped} skipped inside the file (skip or only)`);
  if (passed < total) return { passed, failed: total - passed, reason: undefined };
  if (code !== 0) return fail(passed, `exit code ${code}`);
  return { passed, failed: 0, reason: undefined };
}

function fail(passed, reason) {
  return { passed: passed ?? 0, failed: 1, reason };
}
