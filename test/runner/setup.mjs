// Brings an empty checkout to where tests can run: node_modules, and dist/.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const NODE_MIN = [20, 19];

/** A sentence when this Node is too old, else undefined. */
export function nodeTooOld(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  const [wantMajor, wantMinor] = NODE_MIN;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return undefined;
  return `Node ${version} is too old: this needs ${NODE_MIN.join('.')} or later`;
}

/** Packages that are missing, or there in another version than package.json says. */
export function missingModules(root) {
  const { dependencies, devDependencies } = readJson(join(root, 'package.json'));
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([name, version]) => {
      const there = readJson(join(root, 'node_modules', name, 'package.json'));
      return there?.version !== version;
    })
    .map(([name]) => name);
}

/** Whether a source is younger than what was built of it. */
export function isStale(root) {
  const built = ['dist/kith.js', 'dist/worker.js', 'dist/dataplane.wasm'];
  const oldest = Math.min(...built.map((file) => changedAt(join(root, file)) ?? 0));
  const sources = ['rollup.config.mjs', 'package-lock.json'].map((file) => join(root, file));
  for (const entry of readdirSync(join(root, 'agent'), { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sources.push(join(entry.parentPath, entry.name));
  }
  return sources.some((file) => (changedAt(file) ?? 0) > oldest);
}

function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
