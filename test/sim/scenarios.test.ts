// slow: minutes of virtual time with a dozen nodes
// deadline: 400
// A few seeds of the scenarios; test/sim/main.ts runs as many as one likes. The cryptography is a
// stand-in but for one of them: what is looked for here does not hang on it.
import './standin/register.mjs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const { faults, meeting, moving, revocation } = await import('./scenarios.js');
const { Village } = await import('./village.js');
const { Violation } = await import('./world.js');

const sim = suite('sim/scenarios');

sim('every kind of NAT meets every other, directly where that is possible', () => {
  assert.ok(meeting(1).delivered >= 110);
});

sim('so it does with real cryptography', () => {
  const main = join(import.meta.dirname, 'main.ts');
  const args = ['--import', 'tsx', main, 'meeting', '2'];
  assert.match(execFileSync(process.execPath, args, { encoding: 'utf8' }), '0 of 1 failed');
});

for (const seed of [1, 2, 3])
  sim(`homes crash, part, move and come back, seed ${seed}`, () => {
    assert.ok(faults(seed, 1).delivered > 100);
  });

sim('whoever gets another address is back within three seconds', () => {
  assert.ok(moving(1).delivered > 20_000);
});

sim('a revoked node is heard no more', () => {
  assert.ok(revocation(1).delivered > 0);
});

sim('the same seed is the same run, to the last event and byte', () => {
  const run = () => {
    const village = new Village({ seed: 11, nats: [null, 'symmetric', 'port-restricted'] });
    village.start();
    const wire: string[] = [];
    const { onWire } = village.net;
    village.net.onWire = (datagram, sender) => {
      wire.push(
        `${village.world.now} ${sender.name} ${Buffer.from(datagram.bytes).toString('hex')}`,
      );
      onWire(datagram, sender);
    };
    village.world.run(20_000);
    village.say(village.node(1), village.node(2));
    village.world.run(5_000);
    return [village.world.events, ...wire].join('\n');
  };
  const first = run();
  assert.ok(first.length > 10_000);
  assert.is(run(), first);
});

sim('a failure tells its seed', () => {
  const village = new Village({ seed: 12, nats: [null, 'blocked'] });
  village.start();
  village.world.run(10_000);
  assert.equal(village.allHear(village.pairs(), 3_000), ['n0-n1']);
  assert.throws(
    () => village.world.fail('no way'),
    (error: unknown) => error instanceof Violation && error.message.startsWith('seed 12, '),
  );
});

sim.run();
