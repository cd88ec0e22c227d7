// argv → a command and what was given to it. Flags stand before or after the command and its
// arguments, so it is only known afterwards which command a flag belongs to.

import type { Command } from '../commands/command.js';
import { UsageFailure } from '../commands/failure.js';
import { bare, entryNames, entryOf, readText, type Shape, shapeOf } from '../config/shape.js';
import { suggestion } from '../config/words.js';
import { STATE_DEFAULT } from './folder.js';

export type Parsed = Readonly<{
  /** Undefined: `kith` alone, for the overview. */
  command: Command | undefined;
  given: Readonly<Record<string, unknown>>;
  statePath: string;
  json: boolean;
  watch: boolean;
  help: boolean;
  version: boolean;
}>;

/** Flags that every command takes; those with a value name it. */
export const GLOBAL_FLAGS = [
  { flag: 'state', value: 'DIR', help: `state folder, ${STATE_DEFAULT} if not given` },
  { flag: 'json', value: '', help: 'print one JSON document' },
  { flag: 'watch', value: '', help: 'ask again every second' },
  { flag: 'help', value: '', help: 'explain the command' },
  { flag: 'version', value: '', help: 'print the version' },
] as const;

type Flag = Readonly<{ name: string; text: string | true; spelled: string }>;

/** Throws UsageFailure, which names what is wrong and the nearest right thing. */
export function parseArguments(argv: readonly string[], commands: readonly Command[]): Parsed {
  const { words, flags } = separate(argv, takesValue(commands));
  const asked = words[0] === 'help';
  const found = findWords(asked ? words.slice(1) : words, commands);
  const globals = new Map<string, string | true>();
  const given: Record<string, unknown> = {};
  for (const flag of flags) {
    if (isGlobal(flag.name, found?.command))
      globals.set(flag.name === 'h' ? 'help' : flag.name, globalValue(flag));
    else giveFlag(given, flag, found?.command, globals.has('help') || asked);
  }
  const help = asked || globals.has('help');
  if (found && !help && !globals.has('version')) givePositional(given, found.command, found.rest);
  return {
    command: found?.command,
    given,
    statePath: String(globals.get('state') ?? STATE_DEFAULT),
    json: globals.has('json'),
    watch: globals.has('watch'),
    help,
    version: globals.has('version'),
  };
}

/** `allowedIps` as it is typed. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The mark-up of one argument in the schema: its value's name, a short form, standard input. */
export function noteOf(shape: Shape, key: 'value' | 'short' | 'stdin'): unknown {
  for (let inner: Shape | undefined = shape; inner; inner = inner.wrapped)
    for (const item of inner.pipe ?? [])
      if (item.type === 'metadata' && typeof item.metadata === 'object' && item.metadata !== null)
        if (key in item.metadata) return (item.metadata as Record<string, unknown>)[key];
  return undefined;
}

/** Words and flags of all commands apart; a flag with a value takes the next word. */
function separate(argv: readonly string[], withValue: ReadonlySet<string>) {
  const words: string[] = [];
  const flags: Flag[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      words.push(word);
      continue;
    }
    const [, name = '', , text] = /^--?([^=]*)(=([\s\S]*))?$/.exec(word) ?? [];
    const spelled = word.replace(/=[\s\S]*$/, '');
    if (text !== undefined) flags.push({ name, text, spelled });
    else if (!withValue.has(name)) flags.push({ name, text: true, spelled });
    else {
      const next = argv[++i];
      if (next === undefined) throw new UsageFailure(`${spelled} lacks its value`);
      flags.push({ name, text: next, spelled });
    }
  }
  return { words, flags };
}

function takesValue(commands: readonly Command[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { flag, value } of GLOBAL_FLAGS) if (value !== '') names.add(flag);
  for (const command of commands)
    for (const [name, shape] of flagShapes(command))
      if (bare(shape).type !== 'boolean') names.add(name);
  return names;
}

/** The flags of a command by their typed names, short ones too. */
function flagShapes(command: Command): Array<[string, Shape, string]> {
  const schema = shapeOf(command.schema);
  return entryNames(schema).flatMap((key): Array<[string, Shape, string]> => {
    const shape = entryOf(schema, key);
    if (!shape || command.positional.includes(key)) return [];
    const short = noteOf(shape, 'short');
    const long: [string, Shape, string] = [flagName(key), shape, key];
    return typeof short === 'string' ? [long, [short, shape, key]] : [long];
  });
}

/** The command with the most words that these begin with. */
function findWords(words: readonly string[], commands: readonly Command[]) {
  if (words.length === 0) return undefined;
  for (let count = Math.min(3, words.length); count > 0; count--) {
    const name = words.slice(0, count).join(' ');
    const command = commands.find((one) => one.name === name);
    if (command) return { command, rest: words.slice(count) };
  }
  const [first = '', second] = words;
  const group = commands.filter((one) => one.name.startsWith(`${first} `));
  const names = (group.length > 0 ? group : commands).map((one) => one.name);
  if (group.length > 0 && second === undefined)
    throw new UsageFailure(`"${first}" alone is no command: there is ${names.join(', ')}`);
  const typed = group.length > 0 ? `${first} ${second}` : first;
  const firsts =
    group.length > 0 ? names : [...names, ...names.map((name) => name.split(' ')[0] ?? '')];
  throw new UsageFailure(`unknown command "${typed.slice(0, 64)}"${suggestion(typed, firsts)}`);
}

function isGlobal(name: string, command: Command | undefined): boolean {
  if (name === 'h' || name === 'help') return true;
  if (name === 'watch' && command && !command.watch) return false;
  return GLOBAL_FLAGS.some(({ flag }) => flag === name);
}

function globalValue({ name, text, spelled }: Flag): string | true {
  const takes = GLOBAL_FLAGS.some(({ flag, value }) => flag === name && value !== '');
  if (takes !== (text !== true)) throw new UsageFailure(`${spelled} takes no value`);
  return text;
}

function giveFlag(
  given: Record<string, unknown>,
  { name, text, spelled }: Flag,
  command: Command | undefined,
  help: boolean,
): void {
  const known = command ? flagShapes(command) : [];
  const [, shape, key] = known.find(([one]) => one === name) ?? [];
  if (!shape || key === undefined) {
    if (help && !command) return;
    const names = [...known.map(([one]) => one), ...GLOBAL_FLAGS.map(({ flag }) => flag)].filter(
      (one) => one !== name,
    );
    const near = suggestion(name, names).replace('"', '"--');
    const of = command ? ` of "${command.name}"` : '';
    throw new UsageFailure(`unknown flag ${spelled.slice(0, 64)}${of}${near}`);
  }
  if (bare(shape).type === 'boolean') given[key] = text === true ? true : readText(shape, text);
  else if (bare(shape).type === 'array')
    given[key] = [...((given[key] as unknown[] | undefined) ?? []), text];
  else given[key] = text === true ? text : readText(shape, text);
}

function givePositional(
  given: Record<string, unknown>,
  command: Command,
  words: readonly string[],
): void {
  const schema = shapeOf(command.schema);
  const { positional } = command;
  for (const [i, key] of positional.entries()) {
    const shape = entryOf(schema, key);
    if (!shape) throw new RangeError(`"positional" names no argument: ${key}`);
    const word = words[i];
    const many = i === positional.length - 1 && bare(shape).type === 'array';
    if (many && words.length > positional.length) {
      given[key] = words.slice(i);
      return;
    }
    if (word !== undefined) given[key] = readText(shape, word);
    else if (shape.type !== 'optional') {
      const value = String(noteOf(shape, 'value') ?? key);
      throw new UsageFailure(`"${command.name}" lacks ${value}: see kith ${command.name} --help`);
    }
  }
  const extra = words[positional.length];
  if (extra !== undefined)
    throw new UsageFailure(`"${command.name}" takes no further argument "${extra.slice(0, 64)}"`);
}
