// Which files a program needs: from its entries along every `import` and `require` that names its
// target. So tests, types, documentation and what is for browsers stay behind.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Kind, resolveModule } from './resolve.js';

const PATTERNS: readonly [RegExp, Kind][] = [
  [/\bimport\s*(?:[\w$*\s{},]*?\bfrom\s*)?["']([^"'\n]+)["']/g, 'import'],
  [/\bexport\s*[\w$*\s{},]*?\bfrom\s*["']([^"'\n]+)["']/g, 'import'],
  [/\bimport\(\s*["']([^"'\n]+)["']\s*\)/g, 'import'],
  [/\brequire\d?\(\s*["']([^"'\n]+)["']\s*\)/g, 'require'],
];
const CODE = /\.[cm]?js$/;

/**
 * Absolute paths of all files that are reached, package.json and licences of their packages among
 * them. `leaveOut` are names of packages that are put there in another way.
 */
export function reachedFrom(entries: readonly string[], leaveOut: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const extra of ofPackage(path)) reached.add(extra);
    if (!CODE.test(path)) continue;
    for (const [name, kind] of namesIn(readFileSync(path, 'utf8'))) {
      if (leaveOut.some((one) => name === one || name.startsWith(`${one}/`))) continue;
      const found = resolveModule(name, path, kind);
      if (found !== undefined) waiting.push(found);
    }
  }
  return reached;
}

function namesIn(text: string): [string, Kind][] {
  return PATTERNS.flatMap(([pattern, kind]) =>
    [...text.matchAll(pattern)].map(([, name = '']): [string, Kind] => [name, kind]),
  );
}

/** What has to come along with any file of a package: how to load it, and its terms. */
function ofPackage(path: string): string[] {
  if (!path.includes('/node_modules/')) return [];
  for (let folder = dirname(path); basename(folder) !== 'node_modules'; folder = dirname(folder)) {
    if (!existsSync(join(folder, 'package.json'))) continue;
    const terms = readdirSync(folder).filter((name) => /^(licen[cs]e|copying)/i.test(name));
    const outer = ofPackage(dirname(folder)); // a package.json further in says only `type`
    return ['package.json', ...terms].map((name) => join(folder, name)).concat(outer);
  }
  return [];
}
