import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kith } from '../control/program.js';

type Report = {
  engines: Array<{ engine: string; problem: string | null; speeds: Array<Record<string, number>> }>;
  auto: { engine: string; reason: string };
};

const bench = suite('commands/bench');

bench('every engine of this machine is measured, and one of them is chosen', async () => {
  const { code, stdout, stderr } = await kith(['bench', '--json']);
  assert.is(code, 0, stderr);
  const { engines, auto } = JSON.parse(stdout) as Report;
  assert.equal(
    engines.map(({ engine }) => engine),
    ['noble', 'simd', 'openssl'],
  );
  for (const { engine, problem, speeds } of engines) {
    if (problem !== null) continue;
    assert.equal(
      speeds.map(({ bytes }) => bytes),
      [64, 512, 1420],
      engine,
    );
    for (const { bytes = 0, sealNanoseconds = 0, sealMbits = 0, openMbits = 0 } of speeds) {
      assert.ok(sealMbits > 0 && openMbits > 0, engine);
      const want = (bytes * 8000) / sealNanoseconds;
      assert.ok(Math.abs(sealMbits / want - 1) < 0.05, 'the unit is right');
    }
  }
  assert.is(engines[0]?.problem, null, 'noble runs everywhere');
  assert.ok(engines.some(({ engine }) => engine === auto.engine));
});

bench('for people', async () => {
  const { stdout } = await kith(['bench']);
  assert.match(stdout, /^engine .*seal 1420 B/);
  assert.match(stdout, /^noble( +\d+){6}$/m);
  assert.match(stdout, /cipher auto takes \w+ here: /);
});

bench.run();
