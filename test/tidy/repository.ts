// Rules about the repository as a whole.

import { importsOf, resolveImport } from './source.js';

const TOP = [
  'package.json',
  'package-lock.json',
  'agent',
  'board',
  'flash',
  'test',
  'rollup.config.mjs',
  'tsconfig.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
];

/** What stands at the top, and nothing else besides files that begin with a dot. */
export function topLevel(files: readonly string[]): string[] {
  const tops = new Set(files.map((file) => file.split('/')[0] ?? ''));
  return [...tops]
    .filter((top) => !top.startsWith('.') && !TOP.includes(top))
    .map((top) => `${top}: the top level is fixed`);
}

/** Files of agent/ that no entry reaches. `read` gives a file's text, if there is one. */
export function unreachable(
  files: readonly string[],
  entries: readonly string[],
  read: (file: string) => string | undefined,
): string[] {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const text = reached.has(file) ? undefined : read(file);
    if (text === undefined) continue;
    reached.add(file);
    for (const name of importsOf(text)) {
      if (!name.startsWith('.')) continue;
      const target = resolveImport(file, name);
      waiting.push(target, `${target}.ts`); // AssemblyScript imports have no ending
    }
  }
  return files
    .filter((file) => file.startsWith('agent/') && /(?<!\.d)\.ts$/.test(file) && !reached.has(file))
    .map((file) => `${file}: nothing that is built imports it`);
}

// in pieces, so that this file may itself be looked at
const PLACES = [
  ['/wo', 'rk/'],
  ['/fa', 'rm/'],
  ['/tmp/', 'ref'],
  ['/ro', 'ot/'],
  ['/ho', 'me/'],
].map((pieces) => pieces.join(''));
const HOSTS = [
  ['\\bregis', 'try\\.\\w+\\.\\w'],
  ['deb\\.deb', 'ian\\.org'],
  ['npm', 'js\\.'],
  ['\\bnode', 'source\\.com'],
].map((pieces) => new RegExp(pieces.join('')));

/** Paths of the machine it was written on, and where that machine gets its packages from. */
export function machineTraces(file: string, text: string): string[] {
  const complaints: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const place = PLACES.find((path) => new RegExp(`(?<![\\w.~*-])${path}`).test(line));
    if (place !== undefined)
      complaints.push(`${file}:${index + 1}: a machine's own path, ${place}`);
    const host = HOSTS.map((each) => each.exec(line)?.[0]).find((found) => found !== undefined);
    if (host !== undefined) complaints.push(`${file}:${index + 1}: a registry's host, ${host}`);
  }
  return complaints;
}

type Package = Readonly<{
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}>;

/** One exact version each, so that a build today and one next year are the same. */
export function exactVersions(text: string): string[] {
  const { dependencies, devDependencies } = JSON.parse(text) as Package;
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is at "${version}": an exact version, please`);
}

type Lock = Readonly<{
  packages: Record<string, { version?: string; resolved?: string } & Package>;
}>;

/** The lock file fits package.json and does not name the registry it was made from. */
export function lockFile(lockText: string, packageText: string): string[] {
  const { packages } = JSON.parse(lockText) as Lock;
  const complaints = Object.entries(packages)
    .filter(([, { resolved }]) => resolved?.includes('//'))
    .map(([path, { resolved }]) => `${path} is resolved to ${resolved}`);
  const wanted = JSON.parse(packageText) as Package;
  const all = { ...wanted.dependencies, ...wanted.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    const locked = packages[`node_modules/${name}`]?.version;
    if (locked !== version) complaints.push(`${name}: package.json ${version}, lock ${locked}`);
  }
  return complaints;
}
