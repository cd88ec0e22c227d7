// What comes from elsewhere: npm packages and Debian packages, through the machine's own npm and
// apt, which know where their archives are and check what they get. Kept in a cache folder.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';

const OUTPUT_MAX = 64 * 1024; // the end of what a program said is enough to see what is wrong

export class Fetched {
  constructor(
    private readonly cache: string,
    private readonly say: (line: string) => void,
    private readonly stop: AbortSignal,
  ) {
    mkdirSync(cache, { recursive: true });
  }

  /** The path of a package's .tgz. `integrity` as in a lock file. Throws Failure. */
  async npm(name: string, version: string, integrity: string): Promise<string> {
    const path = join(this.cache, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    if (!existsSync(path)) {
      this.say(`fetching ${name} ${version} with npm`);
      const folder = mkdtempSync(join(this.cache, '.npm-'));
      try {
        const hint =
          'npm comes with most Nodes, or: apt install npm; without a way into the internet, put ' +
          `the package there by hand: ${path}`;
        await this.run('npm', ['pack', '--silent', `${name}@${version}`], folder, hint);
        const [found] = readdirSync(folder);
        if (found === undefined) throw new Failure(`npm pack ${name}@${version} left no file`);
        renameSync(join(folder, found), path);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    const hash = `sha512-${createHash('sha512').update(readFileSync(path)).digest('base64')}`;
    if (hash === integrity) return path;
    rmSync(path);
    throw new Failure(
      `${name} ${version} is not what it should be (${hash}): removed from the cache; try again`,
    );
  }

  /**
   * A folder with the contents of these Debian packages of one architecture. `sources`: lines of
   * sources.list(5) instead of the machine's own. Throws Failure.
   */
  async debian(architecture: string, names: readonly string[], sources?: string): Promise<string> {
    const wanted = sources === undefined ? names.join('-') : digest([...names, sources].join(' '));
    const folder = join(this.cache, `debian-${architecture}-${wanted}`);
    if (existsSync(folder)) return folder;
    const work = mkdtempSync(join(this.cache, '.apt-'));
    try {
      const what = names.length > 8 ? `${names.length} packages` : names.join(', ');
      this.say(`fetching ${what} for ${architecture} with apt-get`);
      const options = aptOptions(work, architecture, sources);
      const debs = join(work, 'debs');
      const hint = 'this needs the apt of Debian, or of a system made from it, and its archive';
      await this.run('apt-get', ['-q', ...options, 'update'], work, hint);
      await this.run('apt-get', ['-q', ...options, 'download', ...names], debs, hint);
      for (const deb of readdirSync(debs))
        await this.run('dpkg-deb', ['-x', join(debs, deb), join(work, 'root')], work, hint);
      renameSync(join(work, 'root'), folder);
      return folder;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }

  /** Throws Failure with the end of what the program said. */
  run(
    command: string,
    args: readonly string[],
    folder: string,
    hint: string,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let said = '';
      const child = spawn(command, args, {
        cwd: folder,
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: this.stop,
      });
      const hear = (piece: Buffer) => {
        said = (said + piece.toString()).slice(-OUTPUT_MAX);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', ({ message }) =>
        reject(new Failure(`${command} did not start (${message}): ${hint}`)),
      );
      child.once('close', (code) => {
        if (code === 0) return resolve();
        const last = said.trim().split('\n').at(-1) ?? '';
        reject(new Failure(`${command} ${args.at(-1)} failed (${last.trim()}): ${hint}`));
      });
    });
  }
}

/** apt with lists and states of its own: another architecture, and no rights needed. */
function aptOptions(work: string, architecture: string, sources?: string): string[] {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(join(work, folder), { recursive: true });
  closeSync(openSync(join(work, 'status'), 'w'));
  const options = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'Dir::State::Lists': join(work, 'lists'),
    'Dir::State::status': join(work, 'status'),
    'Dir::Cache': join(work, 'cache'),
    'APT::Sandbox::User': process.geteuid?.() === 0 ? 'root' : '',
    'Acquire::Languages': 'none',
    ...(sources === undefined ? {} : ownSources(work, sources)),
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function ownSources(work: string, text: string): Record<string, string> {
  writeFileSync(join(work, 'sources.list'), text);
  return {
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
