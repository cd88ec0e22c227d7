// The command line: a thin face of the registry. Results go to standard output, all else to
// standard error; exit codes: 0 done, 1 failed, 2 wrong usage.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command, Handler, View } from '../commands/command.js';
import type { Context } from '../commands/context.js';
import { Failure, failureLines, UsageFailure } from '../commands/failure.js';
import { COMMANDS } from '../commands/registry.js';
import { checkGiven, runCommand } from '../commands/run.js';
import { entryOf, shapeOf } from '../config/shape.js';
import { noteOf, type Parsed, parseArguments } from './arguments.js';
import { Client, type Reply } from './client.js';
import { Folder } from './folder.js';
import { commandHelp, overview } from './help.js';
import { VERSION } from './version.js';

/** The process as the command line sees it; tests put others in its place. */
export type Console = Readonly<{
  out(text: string): void;
  error(text: string): void;
  closed(): boolean; // nobody reads any more
  readInput(): Promise<string>;
  view: Omit<View, 'remark'>;
}>;

/** Commands that take the whole process over; they resolve to its exit code. */
export type Programs = Readonly<{
  up(options: {
    statePath: string;
    config?: string | undefined;
    settings: readonly string[];
    print: (line: string) => void;
  }): Promise<number>;
  wg(options: { name: string; foreground: boolean }): Promise<number>;
  /** `kith lab …`: `command` is its last word. Throws Failure. */
  lab(command: string, given: unknown, json: boolean, console: Console): Promise<number>;
  /** `kith flash …`, a list of commands of its own, loaded when it is asked for. */
  flash(): Promise<Flash>;
}>;

export type Flash = Readonly<{
  commands: readonly Command[];
  /** Throws Failure. */
  run(
    command: Command,
    given: unknown,
    around: Readonly<{ json: boolean; statePath: string; console: Console }>,
  ): Promise<number>;
}>;

const WATCH_MS = 1_000;

/** Resolves to the exit code. `argv` begins behind the program's name. */
export async function cli(
  argv: readonly string[],
  programs: Programs,
  console: Console,
): Promise<number> {
  let json = argv.includes('--json');
  try {
    const [first, second] = firstWords(argv);
    const flash = first === 'flash' ? await programs.flash() : undefined;
    const commands = flash?.commands ?? COMMANDS;
    const whole = flash && second === undefined; // `kith flash` alone, as `kith` alone
    const parsed = parseArguments(whole ? [] : argv, commands);
    json = parsed.json;
    const { command } = parsed;
    if (parsed.version) console.out(`${VERSION}\n`);
    else if (parsed.help && command) console.out(`${commandHelp(command)}\n`);
    else if (!command) console.out(`${overview(commands)}\n`);
    else if (flash) {
      const { json, statePath } = parsed;
      const given = checkGiven(command, parsed.given);
      return await flash.run(command, given, { json, statePath, console });
    } else return await perform(command, parsed, programs, console);
    return 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`kith: ${failureLines(error).join('\n')}\n`);
    const { message, problems } = error;
    const indent = argv.includes('--watch') ? 0 : 2; // one line for each picture
    if (json) console.out(`${JSON.stringify({ error: message, problems }, null, indent)}\n`);
    return error instanceof UsageFailure ? 2 : 1;
  }
}

/** The command's first two words, whatever flags stand before them. */
function firstWords(argv: readonly string[]): string[] {
  const words = argv.filter((word, i) => !word.startsWith('-') && argv[i - 1] !== '--state');
  return (words[0] === 'help' ? words.slice(1) : words).slice(0, 2);
}

async function perform(
  command: Command,
  parsed: Parsed,
  programs: Programs,
  console: Console,
): Promise<number> {
  const given = checkGiven(command, await withInput(command, parsed.given, console));
  if (command.place === 'process') return takeOver(command, given, parsed, programs, console);
  if (!command.load) throw new RangeError(`"command" has no handler: ${command.name}`);
  const folder = new Folder(parsed.statePath);
  const client = command.place === 'here' ? undefined : await Client.open(folder.socketPath);
  try {
    if (!client && command.place === 'agent')
      throw new Failure(`no agent is running on ${folder.path}: start one with \`kith up\``);
    const handler = await command.load();
    const ask = client
      ? () => client.ask(command.name, given)
      : () => runHere(command, given, folder, console);
    for (let round = 0; ; round++) {
      const { result, notes } = await ask();
      for (const note of notes) console.error(`${note}\n`);
      const text = await render(handler, result, given, parsed, console);
      console.out(parsed.watch ? frame(text, round, parsed.json, console) : `${text}\n`);
      if (!parsed.watch) return handler.exitCode?.(result) ?? 0;
      await pause(WATCH_MS);
      if (console.closed()) return 0;
    }
  } finally {
    client?.close();
  }
}

async function takeOver(
  command: Command,
  given: unknown,
  parsed: Parsed,
  programs: Programs,
  console: Console,
): Promise<number> {
  if (command.name === 'wg') return programs.wg(given as { name: string; foreground: boolean });
  const [, inLab] = /^lab (.+)$/.exec(command.name) ?? [];
  if (inLab !== undefined) return programs.lab(inLab, given, parsed.json, console);
  const { config, set, rehearse } = given as { config?: string; set: string[]; rehearse: boolean };
  const print = (line: string) => console.out(`${line}\n`);
  if (rehearse) {
    const { rehearseUp } = await import('./rehearse.js');
    return rehearseUp({ statePath: parsed.statePath, config, settings: set, print });
  }
  return programs.up({ statePath: parsed.statePath, config, settings: set, print });
}

/** Without an agent, in this very process, on the files of the state folder. */
async function runHere(
  command: Command,
  given: unknown,
  folder: Folder,
  console: Console,
): Promise<Reply> {
  const { FileStore } = await import('./store.js');
  const { Membership } = await import('./membership.js');
  const { guessEndpoints } = await import('./guess.js');
  const { publisher } = await import('./publisher.js');
  const { sourceAddress } = await import('../../board/machine.js');
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
  const running = await Client.open(folder.socketPath);
  running?.close();
  const store = new FileStore(folder, random);
  const context: Context = {
    statePath: folder.path,
    store,
    mesh: new Membership({
      folder,
      store,
      random,
      guessEndpoints: () => guessEndpoints(store, sourceAddress),
    }),
    agent: null,
    publisher: publisher(random),
    agentRuns: running !== undefined,
    random,
    guessAddress: sourceAddress,
    note: (line) => console.error(`${line}\n`),
  };
  return { result: await runCommand(command, given, context), notes: [] };
}

/** `-` as an argument that allows it is read from standard input, without its last line end. */
async function withInput(
  command: Command,
  given: Readonly<Record<string, unknown>>,
  console: Console,
): Promise<Record<string, unknown>> {
  const full: Record<string, unknown> = { ...given };
  for (const [key, value] of Object.entries(given)) {
    const shape = entryOf(shapeOf(command.schema), key);
    if (value !== '-' || !shape || noteOf(shape, 'stdin') !== true) continue;
    full[key] = (await console.readInput()).replace(/\r?\n$/, '');
  }
  return full;
}

async function render(
  handler: Handler,
  result: unknown,
  given: unknown,
  parsed: Parsed,
  console: Console,
): Promise<string> {
  if (parsed.json) return JSON.stringify(result, null, parsed.watch ? 0 : 2);
  const remark = (line: string) => console.error(`${line}\n`);
  return handler.show(result, given, { ...console.view, remark });
}

/** One picture of --watch: in place on a terminal, one under the other elsewhere. */
function frame(text: string, round: number, json: boolean, console: Console): string {
  if (json) return `${text}\n`;
  if (!console.view.terminal) return `${text}\n\n`;
  const start = round === 0 ? '\x1b[2J\x1b[H' : '\x1b[H'; // clear once, then only overwrite
  const lines = text.split('\n').slice(0, Math.max(1, console.view.rows - 1));
  return `${start}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`;
}
