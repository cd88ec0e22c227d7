// The agent as it lies on a machine, under /opt/kith/releases/VERSION and in an update's archive:
//
//   release.json  package.json  bin/kith  launch  dist/…  node_modules/…  native/…
//
// Native modules are loaded from `native/` and nowhere else. Two small modules stand where others
// would have guessed which one fits this machine.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';
import type { Fetched } from './fetched.js';
import { reachedFrom } from './modules.js';
import { type Cpu, FACTS } from './targets.js';
import { type Entry, file, type Tree, treeOf } from './tree.js';
import { filesOf } from './unpacked.js';

const ENTRIES = ['dist/kith.js', 'dist/worker.js'];
const GUESSER = 'node-gyp-build'; // of serialport; we say which file it is
const KOFFI = '@koromix';
const PROXIES = 'socks'; // of mqtt: 200 KB for proxies that no setting of ours names
const FIELDS = 'name version license author type main exports imports'.split(' ');

/** `root`: a checkout with dist/ and node_modules/. `target`: of its updates. Throws Failure. */
export async function agentTree(
  cpu: Cpu,
  version: string,
  root: string,
  fetched: Fetched,
  target = FACTS[cpu].update,
): Promise<Tree> {
  const lacking = [...ENTRIES, 'node_modules', 'agent/update/launch.sh'].find(
    (name) => !existsSync(join(root, name)),
  );
  if (lacking !== undefined)
    throw new Failure(
      `${join(root, lacking)} is not there: packages are made in a checkout, after npm run build`,
    );
  const read = (name: string) => readFileSync(join(root, name));
  const release = { name: 'kith', version, target };
  return treeOf([
    ...programFiles(root),
    ...(await nativeFiles(cpu, root, fetched)),
    file('release.json', `${JSON.stringify(release)}\n`),
    file('package.json', `${JSON.stringify({ name: 'kith', version, type: 'module' })}\n`),
    file('LICENSE', read('LICENSE')),
    file('launch', read('agent/update/launch.sh'), 0o755),
    file('bin/kith', START, 0o755),
  ]);
}

/** Everything that the program may load, and what it serves. */
function programFiles(root: string): Entry[] {
  const entries = ENTRIES.map((name) => join(root, name));
  const paths = reachedFrom(entries, [GUESSER, KOFFI, PROXIES]);
  for (const name of ['dataplane.wasm', ...inFolder(root, 'page')])
    paths.add(join(root, 'dist', name));
  return [...paths].map((path) => {
    const name = relative(root, path);
    if (!/^(dist|node_modules)\//.test(name))
      throw new Failure(`${path} is used and lies outside ${root}: run npm ci there`);
    const bytes = readFileSync(path);
    return file(name, basename(name) === 'package.json' ? slim(bytes.toString()) : bytes);
  });
}

/** Of a package.json only what loading looks at, and whose work it is. */
function slim(text: string): string {
  const all = JSON.parse(text) as Record<string, unknown>;
  const kept = Object.entries(all).filter(([key]) => FIELDS.includes(key));
  return `${JSON.stringify(Object.fromEntries(kept))}\n`;
}

function inFolder(root: string, folder: string): string[] {
  return readdirSync(join(root, 'dist', folder)).map((name) => `${folder}/${name}`);
}

async function nativeFiles(cpu: Cpu, root: string, fetched: Fetched): Promise<Entry[]> {
  const { koffi, serialport } = FACTS[cpu];
  const bindings = join(root, 'node_modules/@serialport/bindings-cpp', serialport);
  if (!existsSync(bindings)) throw new Failure(`${bindings} is not there: run npm ci`);
  const koffiVersion = (
    JSON.parse(readFileSync(join(root, 'node_modules/koffi/package.json'), 'utf8')) as {
      version: string;
    }
  ).version;
  return [
    file('native/koffi.node', await koffiNative(koffi, koffiVersion, root, fetched)),
    file('native/serialport.node', readFileSync(bindings)),
    ...standIn(koffi.package, "module.exports = require('../../../native/koffi.node');\n"),
    ...standIn(PROXIES, 'module.exports = {};\n'),
    ...standIn(GUESSER, "module.exports = () => require('../../native/serialport.node');\n"),
  ];
}

function standIn(name: string, code: string): Entry[] {
  const facts = { name, main: 'index.js', type: 'commonjs' };
  return [
    file(`node_modules/${name}/package.json`, `${JSON.stringify(facts)}\n`),
    file(`node_modules/${name}/index.js`, code),
  ];
}

/** What npm installed here if it fits, else from npm by the lock file's hash. */
async function koffiNative(
  { package: name, file: path }: { package: string; file: string },
  version: string,
  root: string,
  fetched: Fetched,
): Promise<Uint8Array> {
  const installed = join(root, 'node_modules', name, path);
  if (existsSync(installed)) return readFileSync(installed);
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  const integrity = lock.packages[`node_modules/${name}`]?.integrity;
  if (integrity === undefined) throw new Failure(`package-lock.json does not know ${name}`);
  const archive = await fetched.npm(name, version, integrity);
  return filesOf(archive, [`package/${path}`]).get(`package/${path}`) ?? new Uint8Array();
}

// In an update, too: an older package may stand around it, so it asks for no more than two paths.
const START = `#!/bin/sh
# Starts this release with the Node of the package kith-runtime, else with the system's own.
self=$(readlink -f "$0")
node=/usr/lib/kith/runtime/bin/node
[ -x "$node" ] || [ ! -x /usr/lib/kith/mount ] || /usr/lib/kith/mount
[ -x "$node" ] || node=$(command -v node) || {
  echo 'kith: there is no Node: install the package kith-runtime' >&2
  exit 1
}
exec "$node" "\${self%/bin/kith}/dist/kith.js" "$@"
`;
