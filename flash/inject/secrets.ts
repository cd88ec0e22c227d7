// What a person must not type as an argument: read from files, and one of them from standard input.

import { readFileSync } from 'node:fs';
import { Failure, systemCode, UsageFailure } from '../../agent/commands/failure.js';
import { SETUP_BYTES_MAX } from '../../board/setupfile.js';

export class Secrets {
  private asked: string | undefined;

  constructor(private readonly readInput: () => Promise<string>) {}

  /** The text of a file, or of standard input, without its last line end. Throws Failure. */
  async text(flag: string, from: string): Promise<string> {
    if (/^kith1[a-z0-9]{40}/i.test(from))
      throw new UsageFailure(`${flag} takes a file, or -: the word itself would be seen by others`);
    const text = from === '-' ? await this.input(flag) : fileText(flag, from);
    if (text.length > SETUP_BYTES_MAX) throw new Failure(`${flag}: ${from} is too large`);
    return text.replace(/\r?\n$/, '');
  }

  private input(flag: string): Promise<string> {
    if (this.asked !== undefined)
      throw new UsageFailure(`${this.asked} and ${flag} cannot both read standard input`);
    this.asked = flag;
    return this.readInput();
  }
}

function fileText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const reason = code === 'ENOENT' ? 'there is no such file' : code;
    throw new UsageFailure(`${flag}: cannot read ${path.slice(0, 256)}: ${reason}`);
  }
}
