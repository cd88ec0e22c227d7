// Programs from Debian: packages of the system's own release are installed; what only the release
// after it has (wireguard-go with offloads) is fetched from where this system gets its packages
// too, unpacked into test/.cache, and not installed.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../.cache/trixie');
const RELEASE = 'trixie'; // Debian 13

/** Where a program of the later release lies once `fetchFromTrixie` has brought it. */
export function trixieProgram(name: string): string {
  return join(CACHE, 'unpacked/usr/bin', name);
}

/** Whether a program can be run: a path that exists, or a name that is found. */
export function isThere(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0;
}

/** Installs packages; throws with what apt-get said. */
export function install(packages: readonly string[]): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  console.error(`installing ${missing.join(' ')}`);
  aptGet(['update']);
  aptGet(['install', '--yes', '--no-install-recommends', ...missing]);
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return stdout.includes('Status: install ok installed');
}

function aptGet(args: readonly string[], cwd?: string): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, encoding: 'utf8', ...(cwd === undefined ? {} : { cwd }) } as const;
  const ran = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], options);
  if (ran.status !== 0) throw new Error(`apt-get ${args.join(' ')}: ${ran.stderr}`);
}

/** The address of this system's own Debian mirror, as its apt knows it. */
function mirror(): string {
  const format = '$(ORIGIN) $(COMPONENT) $(RELEASE) $(SITE)';
  const args = ['indextargets', '--format', format, 'Created-By: Packages'];
  const targets = execFileSync('apt-get', args, { encoding: 'utf8' }).trim().split('\n');
  const found = targets
    .map((line) => line.split(' '))
    .filter(([origin, component, release = '']) => {
      return origin === 'Debian' && component === 'main' && !release.includes('-');
    });
  const site = found[0]?.[3];
  if (site === undefined) throw new Error('apt knows no Debian mirror here (apt-get update?)');
  return site;
}

/** Brings a package of the later release into the cache, its signature checked by apt. */
export function fetchFromTrixie(name: string): void {
  if (existsSync(trixieProgram(name))) return;
  console.error(`fetching ${name} of Debian ${RELEASE}`);
  for (const folder of ['lists/partial', 'archives/partial', 'download']) {
    mkdirSync(join(CACHE, folder), { recursive: true });
  }
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(
    join(CACHE, 'sources.list'),
    `deb [signed-by=${keyring}] ${mirror()} ${RELEASE} main\n`,
  );
  const options = [
    `Dir::Etc::sourcelist=${CACHE}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${CACHE}/lists`,
    `Dir::Cache::archives=${CACHE}/archives`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'APT::Sandbox::User=root', // the cache lies where apt's own user may not look
    'APT::Get::List-Cleanup=0',
  ].flatMap((option) => ['-o', option]);
  aptGet([...options, 'update']);
  aptGet([...options, 'download', name], join(CACHE, 'download'));
  const [file] = readdirSync(join(CACHE, 'download')).filter((each) => each.startsWith(`${name}_`));
  execFileSync('dpkg-deb', ['-x', join(CACHE, 'download', file ?? ''), join(CACHE, 'unpacked')]);
}
