// One line of the console to what it does: the commands of the registry, as on the command line,
// and a few that only a console has.

import type { Command, View } from '../../commands/command.js';
import type { Context } from '../../commands/context.js';
import { Failure, failureLines, UsageFailure } from '../../commands/failure.js';
import { runCommand } from '../../commands/run.js';
import { formatTable } from '../../commands/table.js';
import { entryOf, shapeOf } from '../../config/shape.js';
import { noteOf, type Parsed, parseArguments } from '../arguments.js';
import { commandHelp } from '../help.js';
import type { Log } from '../ports.js';
import { printable, type Terminal } from './terminal.js';
import { splitWords } from './words.js';

export type Shell = Readonly<{
  terminal: Terminal;
  commands: readonly Command[];
  context(note: (line: string) => void): Context;
  /** Bytes that wait to go out over a slow line. */
  pending(): number;
  log: Log;
}>;

export const BUILTINS: Readonly<Record<string, string>> = {
  help: 'this list; help COMMAND explains one (? does too)',
  setup: 'set this node up, question by question',
  terminal: 'what your terminal can: auto, dumb, color, or COLUMNSxROWS such as 120x40',
  exit: 'leave',
};

const WATCH_MS = 1_000;
const WATCHES_MAX = 3_600; // an hour: nobody looks any more

/** What can be run in the agent itself. */
export function consoleCommands(commands: readonly Command[]): Command[] {
  return commands.filter(({ place }) => place === 'agent' || place === 'either');
}

/** Runs a command of the registry. False where the line is wrong; all is said on the terminal. */
export async function perform(line: string, shell: Shell): Promise<boolean> {
  try {
    const split = splitWords(line);
    if ('problem' in split) throw new UsageFailure(split.problem);
    const words = split.words[0] === 'kith' ? split.words.slice(1) : split.words;
    if (words.length > 0) await run(words, shell);
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    shell.terminal.print(failureLines(error).join('\n'));
    return !(error instanceof UsageFailure);
  }
}

async function run(words: readonly string[], shell: Shell): Promise<void> {
  const asked = words[0] === '?' || words.at(-1) === '?';
  const plain = asked ? ['help', ...words.filter((word) => word !== '?')] : words;
  const { terminal, commands } = shell;
  if (plain[0] === 'help' && plain.length === 1) return terminal.page(overview(commands));
  const [, own] = plain[0] === 'help' ? plain : [];
  if (own !== undefined && BUILTINS[own]) return terminal.print(`${own}: ${BUILTINS[own]}`);
  const parsed = parseArguments(plain, commands);
  const { command } = parsed;
  if (!command) throw new UsageFailure('which command? `help` lists them');
  if (parsed.help) return terminal.page(commandHelp(command).replace(/^ +--state .*\n/m, ''));
  if (plain.some((word) => /^--?state(=|$)/.test(word)))
    throw new UsageFailure('--state is for the command line: this console is of one node');
  const given = await withInput(command, parsed.given, terminal);
  if (given === undefined) return;
  if (parsed.watch) return watch(command, given, parsed, shell);
  const { text, notes } = await once(command, given, parsed, shell);
  await terminal.page([text, ...notes].join('\n'));
}

type Shown = Readonly<{ text: string; notes: readonly string[] }>;

async function once(
  command: Command,
  given: Readonly<Record<string, unknown>>,
  { json, watch }: Parsed,
  shell: Shell,
): Promise<Shown> {
  const notes: string[] = [];
  const note = (line: string) => notes.push(line);
  const result = await runCommand(command, given, shell.context(note));
  if (json) return { text: JSON.stringify(result, null, watch ? 0 : 2), notes };
  const handler = await command.load?.();
  if (!handler) throw new RangeError(`"command" has no handler: ${command.name}`);
  return { text: await handler.show(result, given, viewOf(shell.terminal, note)), notes };
}

function viewOf({ size, color }: Terminal, remark: (line: string) => void): View {
  // One column is left free: many terminals wrap as soon as the last one is written.
  return { columns: size.columns - 1, rows: size.rows, terminal: true, color, remark };
}

/** Again and again in place, until a key is pressed. */
async function watch(
  command: Command,
  given: Readonly<Record<string, unknown>>,
  parsed: Parsed,
  shell: Shell,
): Promise<void> {
  const { terminal } = shell;
  for (let round = 0; round < WATCHES_MAX; round++) {
    // A slow line is not given a second picture while the first is on its way.
    if (shell.pending() === 0) {
      const { text } = await once(command, given, parsed, shell);
      const { rows, columns } = terminal.size;
      const lines = printable(text)
        .split('\n')
        .slice(0, rows - 2);
      const hint = parsed.json ? [] : ['-- any key ends this --'];
      const seen = [...lines, ...hint].map((line) => [...line].slice(0, columns - 1).join(''));
      if (!terminal.capable) terminal.print(`${seen.join('\n')}\n`);
      else terminal.write(frame(seen, round));
    }
    const key = await terminal.key(WATCH_MS);
    if (key === 'timeout') continue;
    return terminal.write(terminal.capable ? '\n' : '');
  }
}

/** Cleared once, then only written over: it does not flicker. */
function frame(lines: readonly string[], round: number): string {
  const start = round === 0 ? '\x1b[2J\x1b[H' : '\x1b[H';
  return `${start}${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`;
}

/** `-` where the command line reads standard input: here it is asked for. */
async function withInput(
  command: Command,
  given: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<Record<string, unknown> | undefined> {
  const full: Record<string, unknown> = { ...given };
  for (const [key, value] of Object.entries(given)) {
    const shape = entryOf(shapeOf(command.schema), key);
    if (value !== '-' || !shape || noteOf(shape, 'stdin') !== true) continue;
    const typed = await terminal.line({ text: `${String(noteOf(shape, 'value') ?? key)}: ` });
    if (typed.kind !== 'line') return undefined;
    full[key] = typed.text;
  }
  return full;
}

function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, help }) => [name, help]);
  const own = Object.entries(BUILTINS);
  return [
    formatTable([...rows, ['', ''], ...own]),
    '',
    'Tab completes. `--watch` after status, peers or paths follows them; `--json` is for programs.',
  ].join('\n');
}
