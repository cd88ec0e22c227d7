// `kith flash`: from an image or a package to a router that runs. This list is all that is loaded
// before one of the commands is chosen.

import { createInterface } from 'node:readline';
import type { Command } from '../agent/commands/command.js';
import type { FlashCommand, Stage } from './command.js';
import { LIST, WRITE } from './disk/commands.js';
import { IMAGE } from './imagecommand.js';
import { INJECT } from './inject/command.js';
import { PACKAGE } from './packagecommand.js';
import { PROVISION } from './provision/command.js';
import { ROUTER } from './router/command.js';
import { TFTP } from './tftp/command.js';

export const FLASH_COMMANDS: readonly FlashCommand[] = [
  LIST,
  WRITE,
  INJECT,
  PROVISION,
  ROUTER,
  TFTP,
  PACKAGE,
  IMAGE,
];

/** What the command line hands over. */
export type Surroundings = Readonly<{
  json: boolean;
  statePath: string;
  out(text: string): void;
  error(text: string): void;
  terminal: boolean;
  columns: number;
  readInput(): Promise<string>;
}>;

/** Resolves to the exit code. Throws Failure. */
export async function flash(command: Command, given: unknown, around: Surroundings) {
  const found = FLASH_COMMANDS.find(({ name }) => name === command.name);
  if (!found) throw new RangeError(`"command" is none of flash: ${command.name}`);
  const stop = new AbortController();
  const end = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end);
  try {
    const program = await found.start();
    const stage: Stage = { ...around, ask: (text) => ask(text, stop.signal), stop: stop.signal };
    return await program.run(given, stage);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end);
  }
}

/** The question goes to standard error: results alone go to standard output. */
function ask(question: string, signal: AbortSignal): Promise<string> {
  if (!process.stdin.isTTY || signal.aborted) return Promise.resolve('');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    const answered = (line: string) => {
      resolve(line.trim());
      lines.close();
    };
    signal.addEventListener('abort', () => answered(''), { once: true });
    // The reader has the terminal: it, and no signal, tells of Ctrl-C.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    lines.once('close', () => resolve(''));
    lines.question(question, answered);
  });
}
