import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { awaitClock } from '../agent/clockwatch.js';

const clock = suite('clockwatch');

clock('a clock that is right is told of at once, and once', async () => {
  let told = 0;
  awaitClock(
    () => true,
    () => told++,
    1,
  );
  assert.is(told, 1);
  await pause(20);
  assert.is(told, 1);
});

clock('a clock that becomes right is told of, and then nobody looks any more', async () => {
  let looks = 0;
  const told = new Promise<number>((resolve) => {
    awaitClock(
      () => ++looks === 4,
      () => resolve(looks),
      1,
    );
  });
  const keep = setInterval(() => {}, 5); // the watch alone keeps no process alive
  assert.is(await told, 4);
  await pause(20);
  clearInterval(keep);
  assert.is(looks, 4);
});

clock('who ends the waiting is told nothing', async () => {
  let looks = 0;
  const stop = awaitClock(
    () => ++looks > 1,
    () => assert.unreachable(),
    5,
  );
  stop();
  await pause(30);
  assert.is(looks, 1);
});

clock.run();
