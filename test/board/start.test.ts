import { spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { run, temporaryFolder } from '../control/program.js';

const SOURCE = join(import.meta.dirname, '../../board/start.mjs');
const OLD = new Date('2020-01-01');

// What stands in for the agent: says what it was given and how it was ended.
const AGENT = `process.title = 'stand-in';
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
  process.on(signal, () => { console.log(signal); if (signal !== 'SIGHUP') process.exit(7); });
console.log(JSON.stringify(process.argv.slice(2)));
if (process.argv.includes('--wait')) setInterval(() => {}, 1000);
else process.exitCode = 3;
`;

/** A checkout in which everything is there; \`npm\` writes down how it was called. */
function checkout() {
  const root = temporaryFolder();
  for (const folder of ['board', 'agent', 'dist', 'node_modules', 'bin'])
    mkdirSync(join(root, folder));
  const put = (path: string, text: string, at?: Date) => {
    writeFileSync(join(root, path), text);
    if (at) utimesSync(join(root, path), at, at);
  };
  cpSync(SOURCE, join(root, 'board/start.mjs'));
  put('package.json', '{"type":"module"}', OLD);
  put('package-lock.json', '{}', OLD);
  put('agent/main.ts', '', OLD);
  for (const path of ['board/start.mjs', 'board', 'agent']) utimesSync(join(root, path), OLD, OLD);
  put('node_modules/.package-lock.json', '{}');
  for (const name of ['worker.js', 'dataplane.wasm']) put(`dist/${name}`, '');
  put('dist/kith.js', AGENT);
  put('npm.log', '');
  put('bin/npm', `#!/bin/sh\necho "$@" >> "${root}/npm.log"\nexit \${NPM_EXIT:-0}\n`);
  chmodSync(join(root, 'bin/npm'), 0o755);
  chmodSync(root, 0o755);
  const env = { PATH: `${join(root, 'bin')}:${process.env.PATH}` };
  const start = (...args: string[]) =>
    run('env', [`PATH=${env.PATH}`, process.execPath, join(root, 'board/start.mjs'), ...args]);
  const calls = () => readFileSync(join(root, 'npm.log'), 'utf8').trim().split('\n');
  return { root, put, start, calls, env };
}

const start = suite('board/start');

start('everything there: becomes the agent, arguments and exit code pass', async () => {
  const { start, calls } = checkout();
  const { code, stdout, stderr } = await start('--state', '/x y');
  assert.is(stderr, '');
  assert.is(stdout, '["up","--state","/x y"]\n');
  assert.is(code, 3);
  assert.equal(calls(), ['']);
});

const stale: Array<
  [string, (put: (path: string, text: string, at?: Date) => void) => void, string[]]
> = [
  ['nothing installed', (put) => put('node_modules/.package-lock.json', '', OLD), ['ci']],
  [
    'a newer lock file',
    (put) => put('package-lock.json', '{}', new Date(Date.now() + 9e6)),
    ['ci', 'run'],
  ],
  ['a newer source', (put) => put('agent/main.ts', '', new Date(Date.now() + 9e6)), ['run']],
  ['an older bundle', (put) => put('dist/worker.js', '', new Date('2019-01-01')), ['run']],
];
for (const [name, change, want] of stale) {
  start(`${name}: npm ${want.join(', then ')}`, async () => {
    const { start, put, calls } = checkout();
    if (name === 'nothing installed') put('package-lock.json', '{}', new Date('2021-01-01'));
    change(put);
    if (name === 'nothing installed') {
      for (const path of ['dist/kith.js', 'dist/worker.js', 'dist/dataplane.wasm'])
        put(path, path.endsWith('kith.js') ? AGENT : '');
    }
    const { code, stderr } = await start();
    assert.is(code, 3, stderr);
    assert.equal(
      calls().map((line) => line.split(' ')[0]),
      want,
    );
  });
}

start('dev-dependencies are installed whatever NODE_ENV says', async () => {
  const { start, put, calls } = checkout();
  put('package-lock.json', '{}', new Date(Date.now() + 9e6));
  await start();
  assert.match(calls()[0] ?? '', /^ci .*--include=dev/);
});

start('npm fails, or there is none: a sentence and 1', async () => {
  const { root, put, start } = checkout();
  put('agent/main.ts', '', new Date(Date.now() + 9e6));
  put('bin/npm', '#!/bin/sh\necho broken >&2\nexit 1\n');
  const failed = await start();
  assert.is(failed.code, 1);
  assert.match(failed.stderr, /kith: building …\nbroken\nkith: building failed: what went wrong/);
  const none = await run('env', ['-i', process.execPath, join(root, 'board/start.mjs')]);
  assert.is(none.code, 1);
});

start('no `ip`, as on a minimal Debian: its package is installed first', async () => {
  const { root, put } = checkout();
  const script = join(root, 'board/start.mjs');
  const bare = () => run('env', [`PATH=${join(root, 'bin')}`, process.execPath, script]);
  const nothing = await bare();
  assert.is(nothing.code, 1);
  assert.match(nothing.stderr, /^kith: the command `ip` is missing: install the package iproute2/);
  put('bin/apt-get', `#!/bin/sh\necho "$@" >> "${root}/npm.log"\n`);
  chmodSync(join(root, 'bin/apt-get'), 0o755);
  const { code, stderr } = await bare();
  assert.is(code, 3, stderr);
  assert.match(
    readFileSync(join(root, 'npm.log'), 'utf8'),
    /-qq update\ninstall -qq .* iproute2\n/,
  );
  assert.match(stderr, /kith: installing iproute2 …/);
});

start('not root: a sentence and 1', async () => {
  const { root } = checkout();
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const script = join(root, 'board/start.mjs');
  const { code, stderr } = await run('setpriv', [...user, process.execPath, script]);
  assert.is(code, 1);
  assert.is(
    stderr,
    'kith: kith makes a network interface, and only root may: run it with sudo npm start\n',
  );
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  start(`${signal} is passed on, and its exit code comes back`, async () => {
    const { root } = checkout();
    const child = spawn(process.execPath, [join(root, 'board/start.mjs'), '--wait']);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output === '["up","--wait"]\n') child.kill('SIGHUP');
      if (output.endsWith('SIGHUP\n')) child.kill(signal);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.is(output, `["up","--wait"]\nSIGHUP\n${signal}\n`);
    assert.is(code, 7);
  });
}

start.run();
