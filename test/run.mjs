// npm test: installs what is missing, builds, checks, and runs every test file in a process of its
// own. Plain JavaScript of Node alone, since in an empty checkout there is nothing else yet.
//
//   npm test                       everything
//   npm run test:quick             without the files marked slow, in less than a minute
//   node test/run.mjs FILTER       the files whose path contains FILTER
//     --no-skips                   what cannot run here is a failure
//
// The last line is `N passed, N failed`, with `, N skipped` where something could not run here.

import { join } from 'node:path';
import { installPackages, PACKAGES, unmet } from './needs.mjs';
import { listTests } from './runner/files.mjs';
import { endAll, run } from './runner/process.mjs';
import { isStale, missingModules, nodeTooOld } from './runner/setup.mjs';
import { makeTemporary, sweep } from './runner/temporary.mjs';
import { judge } from './runner/verdict.mjs';

const ROOT = join(import.meta.dirname, '..');
const SETUP_MS = 300_000;
const AT_ONCE = 2;
const SLOWEST = 8;

const args = process.argv.slice(2);
const quick = args.includes('--quick');
const noSkips = args.includes('--no-skips');
const filter = args.find((arg) => !arg.startsWith('-')) ?? '';
const unknown = args.filter((arg) => arg.startsWith('-') && !/^--(quick|no-skips)$/.test(arg));

const temporary = makeTemporary();
const results = []; // { name, passed, failed, ms, skipped: reason | undefined }
const began = performance.now();

const say = (line) => console.log(line);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

async function step(name, command, commandArgs) {
  const ran = await run(command, commandArgs, { deadlineMs: SETUP_MS, cwd: ROOT });
  const good = ran.code === 0;
  say(`${good ? 'ok  ' : 'FAIL'}  ${name.padEnd(44)} ${seconds(ran.ms)}`);
  if (!good) say(indent(ran.output));
  results.push({ name, passed: good ? 1 : 0, failed: good ? 0 : 1, ms: ran.ms });
  return good;
}

async function prepare(tests) {
  const missing = missingModules(ROOT);
  if (missing.length > 0) {
    say(`node_modules lacks ${missing.length} packages: npm ci`);
    if (!(await step('npm ci', 'npm', ['ci']))) return false;
  }
  const wanted = filter === '' ? PACKAGES.map(({ name }) => name) : tests.flatMap((t) => t.needs);
  installPackages(wanted, say);
  await sweep();
  if ((filter === '' && !quick) || isStale(ROOT)) {
    if (!(await step('build (rollup, AssemblyScript)', 'npm', ['run', '--silent', 'build']))) {
      say('      tests that use dist/ will fail');
    }
  }
  if (filter === '') {
    await step('types (tsc)', 'npx', ['tsc', '--noEmit']);
    const page = ['tsc', '--noEmit', '-p', 'agent/dashboard/page'];
    await step('types of the page (tsc)', 'npx', page);
    await step('format and lint (biome)', 'npx', ['biome', 'check']);
  }
  return true;
}

async function runTest(test, position) {
  const lacks = test.needs.map(unmet).filter((reason) => reason !== undefined);
  if (lacks.length > 0) {
    const skipped = lacks.join('; ');
    results.push({ name: test.name, passed: 0, failed: noSkips ? 1 : 0, ms: 0, skipped });
    return say(`skip  ${position} ${test.name}: ${skipped}`);
  }
  const { deadlineMs } = test;
  const env = { TMPDIR: temporary.path, NODE_ENV: 'test' };
  const ran = await run(process.execPath, ['--import', 'tsx', test.path], {
    deadlineMs,
    env,
    cwd: ROOT,
  });
  const { passed, failed, reason } = judge(ran);
  results.push({ name: test.name, passed, failed, ms: ran.ms });
  const count = `${passed}`.padStart(4);
  const time = seconds(ran.ms).padStart(8);
  say(`${failed === 0 ? 'ok  ' : 'FAIL'}  ${position} ${test.name.padEnd(44)}${count}${time}`);
  if (failed > 0) say(indent(ran.output));
  if (reason !== undefined) say(`      ${test.name}: ${reason}`);
}

async function runTests(tests) {
  let next = 0;
  const place = (number) => `${`${number}`.padStart(`${tests.length}`.length)}/${tests.length}`;
  const waiting = tests.filter(({ waits }) => waits !== undefined);
  const together = tests.filter(({ serial, waits }) => (serial ?? waits) === undefined);
  const alone = tests.filter(({ serial, waits }) => serial !== undefined && waits === undefined);
  const lane = async (queue) => {
    for (let test = queue.shift(); test; test = queue.shift()) {
      await runTest(test, place(++next));
    }
  };
  const beside = lane(waiting);
  await Promise.all(Array.from({ length: AT_ONCE }, () => lane(together)));
  await lane(alone);
  await beside;
}

function summary(leftOut) {
  const slowest = [...results].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
  say(`\nslowest: ${slowest.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}`);
  if (leftOut.length > 0) {
    say(`left out by --quick: ${leftOut.map(({ name, slow }) => `${name} (${slow})`).join(', ')}`);
  }
  const skipped = results.filter((result) => result.skipped !== undefined);
  for (const { name, skipped: reason } of skipped) say(`skipped: ${name}: ${reason}`);
  for (const { name, failed } of results) if (failed > 0) say(`failed: ${name}`);
  say(`in ${seconds(performance.now() - began)}`);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const skips = skipped.length > 0 && !noSkips ? `, ${skipped.length} skipped` : '';
  console.log(`${sum('passed')} passed, ${sum('failed')} failed${skips}`);
  return sum('failed') === 0 && sum('passed') > 0;
}

const indent = (text) => text.replace(/^(?=.)/gm, '      ').trimEnd();

function end(code) {
  temporary.remove();
  process.exit(code);
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => endAll().finally(() => end(code)));
}

const complaint =
  nodeTooOld() ?? (unknown.length > 0 ? `unknown: ${unknown.join(' ')}` : undefined);
if (complaint !== undefined) {
  console.error(complaint);
  end(2);
}
const all = listTests(import.meta.dirname, filter);
const leftOut = quick ? all.filter(({ slow }) => slow !== undefined) : [];
const chosen = all.filter((test) => !leftOut.includes(test));
if (chosen.length === 0) {
  console.error(`no test file's path contains "${filter}"`);
  end(2);
}
if (await prepare(chosen)) await runTests(chosen);
await sweep();
end(summary(leftOut) ? 0 : 1);
