// The real console of a process: standard streams and the terminal behind them.

import { basename } from 'node:path';
import { Failure } from '../commands/failure.js';
import { type Console, cli, type Programs } from './cli.js';

const INPUT_BYTES_MAX = 16 * 1024 * 1024;
const COLUMNS = 80;
const ROWS = 24;

/** Runs this process as the command line `kith`; resolves to its exit code. */
export function runProcess(programs: Programs): Promise<number> {
  const argv = givenArguments(process.argv);
  process.title = 'kith'; // argv may hold what is nobody's business
  return cli(argv, programs, processConsole());
}

/**
 * Linked as `kith-wg` it is `kith wg`: wg-quick names a program and gives it the interface alone.
 */
function givenArguments([, script = '', ...rest]: readonly string[]): string[] {
  return basename(script) === 'kith-wg' ? ['wg', ...rest] : rest;
}

export function processConsole(): Console {
  const { stdout, stderr, env } = process;
  let closed = false;
  // A reader that has seen enough (`kith peers | head`) is no error, and no end of an agent.
  for (const stream of [stdout, stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      closed = true;
    });
  const terminal = stdout.isTTY === true;
  const plain = env.TERM === 'dumb' || (env.NO_COLOR ?? '') !== '';
  return {
    out: (text) => stdout.write(text),
    error: (text) => stderr.write(text),
    closed: () => closed,
    readInput,
    view: {
      // A window may change its size while it is watched.
      get columns() {
        return stdout.columns ?? COLUMNS;
      },
      get rows() {
        return stdout.rows ?? ROWS;
      },
      terminal,
      color: terminal && !plain,
    },
  };
}

async function readInput(): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece);
    length += piece.length;
    if (length > INPUT_BYTES_MAX) throw new Failure('standard input is larger than 16 MiB');
  }
  return Buffer.concat(pieces).toString();
}
