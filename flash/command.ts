// A command of `kith flash`: parsed and explained like those of the agent's registry, and run by a
// program of its own in the command line's process.

import type { Command } from '../agent/commands/command.js';

/** What a command sees of the process. */
export type Stage = Readonly<{
  json: boolean;
  statePath: string;
  out(text: string): void;
  error(text: string): void;
  terminal: boolean; // standard output is one
  columns: number;
  readInput(): Promise<string>;
  /** One line that a person types; '' where nobody can. */
  ask(question: string): Promise<string>;
  /** Aborted by Ctrl-C and SIGTERM; whoever runs long looks at it. */
  stop: AbortSignal;
}>;

/** A method, so that a program of particular arguments is one (they are checked before). */
export interface Program<A = unknown> {
  /** Resolves to the exit code. Throws Failure. */
  run(given: A, stage: Stage): Promise<number>;
}

export interface FlashCommand extends Command {
  readonly place: 'process';
  readonly start: () => Promise<Program>;
}

export const STOPPED = 130; // exit code after Ctrl-C, as shells have it
