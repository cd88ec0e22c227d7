// What the runner must never take for success. It is plain JavaScript without types, hence the
// imports by address.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startTime } from '../lab/owner.js';

const load = (name: string) => import(new URL(name, import.meta.url).href);
const { run } = await load('./process.mjs');
const { judge } = await load('./verdict.mjs');
const { listTests } = await load('./files.mjs');
const { needsOf, unmet } = await load('../needs.mjs');
const { missingModules, nodeTooOld } = await load('./setup.mjs');

const runner = suite('runner');
const modules = join(import.meta.dirname, '../../node_modules');
const folder = mkdtempSync(join(tmpdir(), 'runner-'));
symlinkSync(modules, join(folder, 'node_modules'));
runner.after(() => rmSync(folder, { recursive: true }));

async function verdictOn(body: string, deadlineMs = 20_000) {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, `import { suite } from 'uvu'; const t = suite('x');\n${body}`);
  return judge(await run(process.execPath, [file], { deadlineMs, cwd: folder }));
}

const NEVER = 'await new Promise(() => {})';
const rows: [string, string, object, number?][] = [
  ['passes', `t('a', () => {}); t.run();`, { passed: 1, failed: 0, reason: undefined }],
  [
    'one of two fails',
    `t('a', () => {}); t('b', () => { throw new Error('no') }); t.run();`,
    { passed: 1, failed: 1, reason: undefined },
  ],
  [
    'run() forgotten',
    `t('a', () => {});`,
    { passed: 0, failed: 1, reason: 'ended without a summary' },
  ],
  [
    'nothing in it',
    `t.run();`,
    { passed: 0, failed: 1, reason: 'runs no tests (is `.run()` missing?)' },
  ],
  [
    'a skip',
    `t('a', () => {}); t.skip('b', () => {}); t.run();`,
    { passed: 1, failed: 1, reason: '1 skipped inside the file (skip or only)' },
  ],
  [
    'an only',
    `t('a', () => {}); t.only('b', () => {}); t.run();`,
    { passed: 1, failed: 1, reason: '1 skipped inside the file (skip or only)' },
  ],
  [
    'a promise that never settles',
    `t('a', async () => { ${NEVER} }); t.run();`,
    { passed: 0, failed: 1, reason: 'ended without a summary' },
  ],
  ['throws on import', `null.x`, { passed: 0, failed: 1, reason: 'ended without a summary' }],
  [
    'fails after its summary',
    `t('a', () => {}); t.run(); process.on('exit', () => { process.exitCode = 5 });`,
    { passed: 1, failed: 1, reason: 'exit code 5' },
  ],
  [
    'hangs after its summary',
    `t('a', () => {}); t.run(); setInterval(() => {}, 1000);`,
    { passed: 1, failed: 1, reason: 'not done after 1 s' },
    1_000,
  ],
];

for (const [name, body, want, deadlineMs] of rows) {
  runner(`verdict: ${name}`, async () => {
    assert.equal(await verdictOn(body, deadlineMs), want);
  });
}

runner('what a test started and left is ended with it', async () => {
  const code = `const { spawn } = require('child_process');
    const c = spawn('sleep', ['1000'], { stdio: 'ignore' }); c.unref(); console.log(c.pid);`;
  const { output } = await run(process.execPath, ['-e', code], { deadlineMs: 5_000 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(startTime(Number(output)), undefined);
});

runner('marks in the first lines are read', () => {
  const tests = join(folder, 'marks');
  mkdirSync(join(tests, 'lab'), { recursive: true });
  const head = '// slow: real time\n// serial: alone\n// deadline: 200\n// needs: zbar-tools\n';
  writeFileSync(join(tests, 'a.test.ts'), head);
  writeFileSync(join(tests, 'lab/b.test.ts'), "await lab.run('a', 'iperf3', '-s');");
  writeFileSync(join(tests, 'lab/d.test.ts'), '// waits: for the clock');
  writeFileSync(join(tests, 'c.ts'), '');
  const [a, b, d, ...rest] = listTests(tests, '');
  assert.equal([a.slow, a.serial, a.deadlineMs], ['real time', 'alone', 200_000]);
  assert.equal(a.needs, ['zbar-tools']);
  assert.equal(
    [b.name, b.serial, b.slow, b.needs],
    ['lab/b.test.ts', 'in the lab', undefined, ['iperf3']],
  );
  assert.equal([b.waits, d.waits, d.serial], [undefined, 'for the clock', undefined]);
  assert.is(rest.length, 0);
  assert.is(listTests(tests, 'lab/').length, 2);
});

runner('a file shows by its text what it needs', () => {
  assert.equal(needsOf(`import { Lab } from '../lab/namespaces.js'`), [
    'iproute2',
    'namespaces',
    'root',
  ]);
  assert.equal(needsOf(`run('wireguard-go', '-f')`), ['root', 'tun', 'wireguard-go']);
  assert.equal(needsOf(`const wording = 'nothing'`), []);
  assert.match(unmet('no-such-thing'), 'unknown need');
});

runner('an old Node and missing packages are seen', () => {
  assert.match(nodeTooOld('20.18.3'), 'too old');
  assert.match(nodeTooOld('18.20.0'), 'too old');
  for (const version of ['20.19.0', '22.0.0']) assert.is(nodeTooOld(version), undefined);
  const root = join(folder, 'root');
  mkdirSync(join(root, 'node_modules/b'), { recursive: true });
  const packages = { dependencies: { a: '1.0.0', b: '2.0.0' }, devDependencies: {} };
  writeFileSync(join(root, 'package.json'), JSON.stringify(packages));
  writeFileSync(join(root, 'node_modules/b/package.json'), '{ "version": "2.0.1" }');
  assert.equal(missingModules(root), ['a', 'b']);
});

runner.run();
