// Running a command for any face: find it, check what was given, load its handler, run it.

import * as v from 'valibot';
import type { Problem } from '../config/validate.js';
import { suggestion } from '../config/words.js';
import type { Command } from './command.js';
import type { Context } from './context.js';
import { UsageFailure } from './failure.js';
import { COMMANDS, findCommand } from './registry.js';

/** The result, plain data. Throws Failure, or UsageFailure where the asking was wrong. */
export async function runCommand(
  command: Command,
  given: unknown,
  context: Context,
): Promise<unknown> {
  const checked = checkGiven(command, given);
  if (!command.load) throw new UsageFailure(`"${command.name}" runs from the command line only`);
  return (await command.load()).run(context, checked);
}

/** The arguments with their defaults. Throws UsageFailure with all problems. */
export function checkGiven(command: Command, given: unknown): unknown {
  const checked = v.safeParse(command.schema, given);
  if (checked.success) return checked.output;
  const problems = checked.issues.map((issue): Problem => {
    const path = (issue.path ?? []).map((part) => String(part.key).slice(0, 64)).join('.');
    return { path, problem: problemOf(issue) };
  });
  throw new UsageFailure(`${command.name}: the arguments are not right`, problems);
}

/** The value itself is never repeated: it may be a key. */
function problemOf({ kind, expected, input, message }: v.BaseIssue<unknown>): string {
  if (kind !== 'schema') return message;
  if (expected === 'never') return 'is unknown';
  return input === undefined ? 'is missing' : `must be of type ${expected}`;
}

/** Throws UsageFailure that names the nearest one. */
export function commandNamed(name: string): Command {
  const command = findCommand(name);
  if (command) return command;
  const near = suggestion(
    name,
    COMMANDS.map((one) => one.name),
  );
  throw new UsageFailure(`unknown command "${name.slice(0, 64)}"${near}`);
}
