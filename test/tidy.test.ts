// The shape of the project, held by rules (test/tidy/), and the rules themselves on small samples.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as repository from './tidy/repository.js';
import * as rules from './tidy/rules.js';
import { bareCode, importsOf } from './tidy/source.js';

const ROOT = join(import.meta.dirname, '..');
const ENTRIES = [
  'agent/main.ts',
  'agent/dashboard/page/main.ts',
  'agent/dataplane/worker.ts',
  'agent/dataplane/simd/main.ts',
  'board/start.mjs',
];
const CODE = /\.(ts|mjs|js|sh)$|^\.ci\//;

const git = (...args: string[]) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
const listed = git('ls-files', '--cached', '--others', '--exclude-standard').trim().split('\n');
const files = listed.filter((file) => existsSync(join(ROOT, file)));
const read = (file: string) =>
  existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : undefined;
const text = (file: string) => read(file) ?? '';

const tidy = suite('tidy');

/** Complaints of one rule about every file of code, one per line. */
function complaints(rule: (file: string, text: string) => string[], which = CODE): string {
  return files
    .filter((file) => which.test(file))
    .flatMap((file) => rule(file, text(file)).map((complaint) => `${file} ${complaint}`))
    .join('\n');
}

const everyFile: [string, (file: string, text: string) => string[]][] = [
  ['layers: imports come from the own room and rows above', rules.layers],
  ['rows 0 to 3 name no clock, no timer, no randomness, no process', rules.bannedNames],
  [`lines have at most ${rules.COLUMNS_MAX} columns`, rules.columns],
  [`files have at most ${rules.LINES_MAX} lines`, rules.length],
  ['files and types have names that say what is in them', rules.names],
  ['only main.ts ends the process', rules.exits],
  ['every suite is run', rules.suitesRun],
];

for (const [name, rule] of everyFile) {
  tidy(name, () => assert.is(complaints(rule), ''));
}

tidy('functions fit a screen', () => {
  const found = longFunctions(['agent', 'board', 'flash', 'test'].filter((f) => existsSync(f)));
  assert.equal(found, []);
});

tidy('the top level is what it should be', () => {
  assert.equal(repository.topLevel(files), []);
});

tidy('everything in agent/ is part of what is built', () => {
  assert.equal(repository.unreachable(files, ENTRIES, read), []);
});

tidy('no paths of a machine and no registry hosts', () => {
  const texts = files.filter((file) => !/\.(png|jpg|gif|wasm|bin)$/.test(file));
  assert.equal(
    texts.flatMap((file) => repository.machineTraces(file, text(file))),
    [],
  );
});

tidy('versions are exact and the lock file fits', () => {
  assert.equal(repository.exactVersions(text('package.json')), []);
  assert.equal(repository.lockFile(text('package-lock.json'), text('package.json')), []);
});

/** Biome counts better than a scanner would; its settings for this lie beside the rules. */
function longFunctions(paths: string[], cwd = ROOT): string[] {
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const settings = join(ROOT, 'test/tidy/functions.json');
  const args = [
    biome,
    'lint',
    '--config-path',
    settings,
    '--max-diagnostics=none',
    '--reporter=json',
  ];
  let report: string;
  try {
    report = execFileSync(process.execPath, [...args, ...paths], {
      cwd,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (error) {
    report = String((error as { stdout?: string }).stdout);
  }
  type Diagnostic = {
    category: string;
    message: string;
    location: { path: string; start: { line: number } };
  };
  const { diagnostics } = JSON.parse(report) as { diagnostics: Diagnostic[] };
  return diagnostics
    .filter(({ category }) => category.includes('noExcessiveLinesPerFunction'))
    .map(({ message, location }) => `${location.path}:${location.start.line} ${message}`);
}

// the rules on samples: each must see what it is there for, and leave the rest alone

const samples: [string, (file: string, text: string) => string[], string, string, number][] = [
  ['lower row', rules.layers, 'agent/bytes/a.ts', "import { x } from '../crypto/b.js';", 1],
  ['same row, other room', rules.layers, 'agent/wireguard/a.ts', "import '../identity/b.js';", 1],
  ['row above', rules.layers, 'agent/wireguard/a.ts', "import { x } from '../bytes/b.js';", 0],
  ['own room, deeper', rules.layers, 'agent/dataplane/a.ts', "import './engines/b.js';", 0],
  ['composition from below', rules.layers, 'agent/control/a.ts', "import '../tunnel.js';", 1],
  [
    'a type import counts',
    rules.layers,
    'agent/bytes/a.ts',
    "import type { X } from '../config/b.js';",
    1,
  ],
  [
    'a lazy import counts',
    rules.layers,
    'agent/bytes/a.ts',
    "const x = await import('../config/b.js');",
    1,
  ],
  ['system in a pure row', rules.layers, 'agent/config/a.ts', "import { x } from 'node:fs';", 1],
  [
    'node:crypto in crypto',
    rules.layers,
    'agent/crypto/a.ts',
    "import { x } from 'node:crypto';",
    0,
  ],
  [
    'node:crypto elsewhere',
    rules.layers,
    'agent/wireguard/a.ts',
    "import { x } from 'node:crypto';",
    1,
  ],
  ['koffi in a pure row', rules.layers, 'agent/router/a.ts', "import koffi from 'koffi';", 1],
  ['koffi below', rules.layers, 'agent/dataplane/a.ts', "import koffi from 'koffi';", 0],
  ['out into the tests', rules.layers, 'agent/main.ts', "import '../test/x.js';", 1],
  ['a clock', rules.bannedNames, 'agent/mesh/a.ts', 'const t = Date.now();', 1],
  ['a clock in a template', rules.bannedNames, 'agent/mesh/a.ts', `f(\`at \${Date.now()}\`);`, 1],
  [
    'a clock in words',
    rules.bannedNames,
    'agent/mesh/a.ts',
    "// Date\nf('Date', `process`, /Date/);",
    0,
  ],
  ['chance', rules.bannedNames, 'agent/mesh/a.ts', 'const r = Math.random();', 1],
  ['a timer', rules.bannedNames, 'agent/wireguard/a.ts', 'setTimeout(() => {}, 5);', 1],
  [
    'a timer where it may be',
    rules.bannedNames,
    'agent/control/a.ts',
    'setTimeout(() => {}, 5);',
    0,
  ],
  [
    'a member of that name',
    rules.bannedNames,
    'agent/mesh/a.ts',
    'x.process(); y = { process: 1 };',
    0,
  ],
  ['a wide line', rules.columns, 'agent/a.ts', 'x'.repeat(101), 1],
  ['a full line', rules.columns, 'agent/a.ts', '─'.repeat(100), 0],
  ['a long file', rules.length, 'agent/a.ts', 'x\n'.repeat(401), 1],
  ['a full file', rules.length, 'agent/a.ts', 'x\n'.repeat(400), 0],
  ['utils', rules.names, 'agent/mesh/utils.ts', '', 1],
  ['a barrel', rules.names, 'agent/mesh/index.ts', '', 1],
  ['an enum', rules.names, 'agent/mesh/a.ts', 'export enum State { A }', 1],
  ['a manager', rules.names, 'agent/mesh/a.ts', 'class PathManager {}', 1],
  ['an I', rules.names, 'agent/mesh/a.ts', 'interface IPath {}', 1],
  ['good names', rules.names, 'agent/bytes/ip.ts', 'type IP = 1; class Ipv4 {} // enum x', 0],
  ['an exit', rules.exits, 'agent/control/a.ts', 'process.exit(1);', 1],
  ['an exit code', rules.exits, 'agent/control/a.ts', 'process.exitCode = 1;', 0],
  ['a suite not run', rules.suitesRun, 'test/a.test.ts', "const a = suite('a');\na('x', f);", 1],
  ['a suite run', rules.suitesRun, 'test/a.test.ts', "const a = suite('a');\na.run();", 0],
];

for (const [name, rule, file, sample, want] of samples) {
  tidy(`sample: ${name}`, () => {
    assert.is(rule(file, sample).length, want, rule(file, sample).join('\n'));
  });
}

tidy('sample: imports in every form, and none in comments and strings', () => {
  const sample = `
import a from 'one';
import {
  b,
} from "./two.js";
export * from './three.js';
const d = await import('./four.js'); new Worker(new URL('./five.js', import.meta.url));
// import x from 'six';
const s = "import y from 'seven'";`;
  assert.equal(importsOf(sample), ['one', './two.js', './three.js', './four.js', './five.js']);
  assert.is(bareCode("a / b; c = /'/; d = 'e'"), 'a / b; c =    ; d =    ');
});

tidy('sample: dead files, strangers at the top, traces, versions', () => {
  const tree: Record<string, string> = {
    'agent/main.ts': "import './a.js';",
    'agent/a.ts': '',
    'agent/dead.ts': "import './a.js';",
    'agent/ambient.d.ts': '',
  };
  const dead = repository.unreachable(Object.keys(tree), ['agent/main.ts'], (file) => tree[file]);
  assert.equal(dead, ['agent/dead.ts: nothing that is built imports it']);
  assert.is(repository.topLevel(['src/a.ts', 'agent/a.ts', '.ci/run']).length, 1);
  const trace = (line: string) => repository.machineTraces('a', line).length;
  assert.is(trace(['see /wo', 'rk/main/x'].join('')), 1);
  assert.is(trace(['https://regis', 'try.example.org/x'].join('')), 1);
  assert.is(trace('agent/homework/x /etc/kith'), 0);
  assert.is(repository.exactVersions('{"dependencies":{"a":"^1.0.0","b":"1.0.0"}}').length, 1);
  const lock = '{"packages":{"node_modules/b":{"version":"1.0.1","resolved":"https://x/y"}}}';
  assert.is(repository.lockFile(lock, '{"dependencies":{"b":"1.0.0"}}').length, 2);
});

tidy('sample: a function of 71 lines', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidy-'));
  const body = (lines: number) => `export function f() {\n${'  f();\n'.repeat(lines)}}\n`;
  writeFileSync(join(folder, 'long.ts'), body(71));
  writeFileSync(join(folder, 'short.ts'), body(68));
  const found = longFunctions(['long.ts', 'short.ts'], folder);
  rmSync(folder, { recursive: true });
  assert.is(found.length, 1, found.join());
  assert.match(found[0]!, 'long.ts');
});

tidy.run();
