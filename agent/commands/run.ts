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
    const missing = issue.input === undefined;
    return { path, problem: missing ? 'is missing' : issue.message.slice(0, 200) };
  });
  throw new UsageFailure(`${command.name}: the arguments are not right`, problems);
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
