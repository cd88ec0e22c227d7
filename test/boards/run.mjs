// npm run test:boards: what takes long or needs programs that Debian does not have: packages in the
// hands of OpenWrt's own package managers, the Node that travels, virtual machines. Each file
// test/boards/*.board.ts says what it needs where that is missing.
//
//   npm run test:boards              everything
//   npm run test:boards -- FILTER    the files whose name contains FILTER

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { endAll, run } from '../runner/process.mjs';
import { makeTemporary, sweep } from '../runner/temporary.mjs';
import { judge } from '../runner/verdict.mjs';

const ROOT = join(import.meta.dirname, '../..');
const DEADLINE_MS = 1_800_000;

const temporary = makeTemporary();

function end(code) {
  temporary.remove();
  process.exit(code);
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => endAll().finally(() => end(code)));
}

const filter = process.argv[2] ?? '';
const env = { TMPDIR: temporary.path };
const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.board.ts') && name.includes(filter))
  .sort();
await sweep();
const sum = { passed: 0, failed: 0 };
for (const name of names) {
  console.log(`begun ${name}`);
  const args = ['--import', 'tsx', join(import.meta.dirname, name)];
  const ran = await run(process.execPath, args, { deadlineMs: DEADLINE_MS, env, cwd: ROOT });
  const { passed, failed, reason } = judge(ran);
  sum.passed += passed;
  sum.failed += failed;
  console.log(ran.output);
  if (reason !== undefined) console.log(`      ${name}: ${reason}`);
  const seconds = (ran.ms / 1000).toFixed(0);
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'}  ${name} ${passed} in ${seconds} s`);
}
console.log(`${sum.passed} passed, ${sum.failed} failed`);
await sweep();
end(sum.failed === 0 && sum.passed > 0 ? 0 : 1);
