// What `kith`, `kith --help` and `kith COMMAND --help` print; all of it from the registry.

import type { Command } from '../commands/command.js';
import { formatTable } from '../commands/table.js';
import { bare, entryNames, entryOf, helpOf, type Shape, shapeOf } from '../config/shape.js';
import { flagName, GLOBAL_FLAGS, noteOf } from './arguments.js';
import { VERSION } from './version.js';

export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [`  kith ${usage(command, false)}`, command.help]);
  return [
    `kith ${VERSION}: a peer-to-peer VPN that lives on home routers`,
    '',
    formatTable(rows),
    '',
    formatTable(globalRows(() => true)),
    '',
    'kith COMMAND --help explains one of them.',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const schema = shapeOf(command.schema);
  const rows = entryNames(schema).flatMap((key) => {
    const shape = entryOf(schema, key);
    return shape ? [[`  ${spelled(command, key, shape)}`, helpOf(shape)]] : [];
  });
  const globals = globalRows((flag) => flag !== 'version' && (flag !== 'watch' || !!command.watch));
  return [
    `kith ${usage(command, true)}`,
    '',
    `${command.help.charAt(0).toUpperCase()}${command.help.slice(1)}.`,
    ...(command.details ?? []),
    '',
    formatTable([...rows, ...globals]),
  ].join('\n');
}

/** `guest add NAME [--qr] …`: what may be left out stands in brackets. */
function usage(command: Command, flags: boolean): string {
  const schema = shapeOf(command.schema);
  const parts = entryNames(schema).flatMap((key) => {
    const shape = entryOf(schema, key);
    if (!shape || (!flags && !command.positional.includes(key))) return [];
    const text = spelled(command, key, shape);
    const more = bare(shape).type === 'array' ? ' …' : '';
    return [shape.type === 'optional' ? `[${text}${more}]` : `${text}${more}`];
  });
  return [command.name, ...parts].join(' ');
}

function spelled(command: Command, key: string, shape: Shape): string {
  const value = String(noteOf(shape, 'value') ?? key.toUpperCase());
  if (command.positional.includes(key)) return value;
  const short = noteOf(shape, 'short');
  if (typeof short === 'string') return `-${short}`;
  const flag = `--${flagName(key)}`;
  return bare(shape).type === 'boolean' ? flag : `${flag} ${value}`;
}

function globalRows(wanted: (flag: string) => boolean): string[][] {
  return GLOBAL_FLAGS.filter(({ flag }) => wanted(flag)).map(({ flag, value, help }) => [
    `  --${flag}${value === '' ? '' : ` ${value}`}`,
    help,
  ]);
}
