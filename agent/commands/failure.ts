// Why a command was not done, in words for the person who gave it. Every face of the registry shows
// it in its own way: the command line as one line and an exit code, the socket as a field.

import { formatProblem, type Problem } from '../config/validate.js';

export class Failure extends Error {
  constructor(
    message: string,
    /** Everything that is wrong, where that is more than one thing. */
    readonly problems: readonly Problem[] = [],
  ) {
    super(message);
  }
}

/** The command line itself was wrong: exit code 2 instead of 1. */
export class UsageFailure extends Failure {}

/** The lines to print: what failed, then each problem as `path: problem`. */
export function failureLines(failure: Failure): string[] {
  return [failure.message, ...failure.problems.map((problem) => `  ${formatProblem(problem)}`)];
}

/** The code of a system call that failed, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
