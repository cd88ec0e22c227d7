// From the name in an `import` or a `require` to a file, as Node does it: relative paths, packages
// in node_modules folders further up, their `exports` and `main`.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';

export type Kind = 'import' | 'require';

const ENDINGS = ['', '.js', '.cjs', '.mjs', '.json', '.node', '/index.js'];

/** Undefined for Node's own modules and where there is no such file. */
export function resolveModule(name: string, from: string, kind: Kind): string | undefined {
  if (name.startsWith('node:') || builtinModules.includes(name)) return undefined;
  if (/^\.{1,2}(\/|$)/.test(name)) return firstFile(join(dirname(from), name));
  const [, packageName = '', rest = ''] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(name) ?? [];
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const home = join(folder, 'node_modules', packageName);
    if (existsSync(join(home, 'package.json'))) return inPackage(home, rest, kind);
    if (folder === dirname(folder)) return undefined;
  }
}

function inPackage(home: string, rest: string, kind: Kind): string | undefined {
  const text = readFileSync(join(home, 'package.json'), 'utf8');
  const { exports, main } = JSON.parse(text) as { exports?: unknown; main?: string };
  if (exports === undefined || exports === null)
    return firstFile(join(home, rest || main || 'index.js'));
  const target = inExports(exports, rest === '' ? '.' : `./${rest}`, kind);
  return target === undefined ? undefined : firstFile(join(home, target));
}

/** https://nodejs.org/api/packages.html, "Subpath exports" and "Conditional exports". */
function inExports(exports: unknown, path: string, kind: Kind): string | undefined {
  if (typeof exports !== 'object' || exports === null || !keysOf(exports).some(isPath))
    return path === '.' ? choose(exports, kind) : undefined;
  const entries = Object.entries(exports);
  const exact = entries.find(([key]) => key === path);
  if (exact) return choose(exact[1], kind);
  for (const [key, value] of entries) {
    const [start = '', end = ''] = key.split('*');
    if (!key.includes('*') || !path.startsWith(start) || !path.endsWith(end)) continue;
    const middle = path.slice(start.length, path.length - end.length);
    return choose(value, kind)?.replaceAll('*', middle);
  }
  return undefined;
}

function choose(value: unknown, kind: Kind): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return choose(value[0], kind);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [condition, inner] of Object.entries(value))
    if (condition === 'node' || condition === 'default' || condition === kind) {
      const found = choose(inner, kind);
      if (found !== undefined) return found;
    }
  return undefined;
}

function isPath(key: string): boolean {
  return key.startsWith('.');
}

function keysOf(value: object): string[] {
  return Object.keys(value);
}

function firstFile(path: string): string | undefined {
  return ENDINGS.map((ending) => path + ending).find(
    (each) => existsSync(each) && statSync(each).isFile(),
  );
}
