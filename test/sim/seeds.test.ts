// slow: a thousand small meshes in trouble
// deadline: 900
// Everything at once, a thousand times. `npm run sim seeds FROM TO` runs as many as one likes.
import './standin/register.mjs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const { lies } = await import('./scenarios.js');
const { storm } = await import('./storm.js');
const { Violation } = await import('./world.js');

const SEEDS = 1_000;

const sim = suite('sim/seeds');

sim(`${SEEDS} seeds: malice, joins, revocations and faults, and all is well in the end`, () => {
  const failed: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      storm(seed);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      failed.push(`${error.message} (npm run sim storm ${seed} 1)`);
    }
  }
  assert.equal(failed, []);
});

sim('the same seed is the same run, here and in another process', () => {
  const { log, events } = storm(17);
  assert.is(storm(17).log, log);
  assert.is.not(storm(18).log, log);
  const here = import.meta.dirname;
  const args = ['--import', 'tsx', '--import', join(here, 'standin/register.mjs')];
  const told = execFileSync(
    process.execPath,
    [...args, join(here, 'main.ts'), 'storm', '17', '1'],
    {
      encoding: 'utf8',
    },
  );
  assert.match(told, `${events} events`);
  assert.match(told, `log ${log}`);
});

for (const seed of [1, 2, 3])
  sim(`a tracker lies as it can, and the others meet all the same, seed ${seed}`, () => {
    assert.ok(lies(seed).delivered > 0);
  });

sim.run();
