import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Allowance } from '../../agent/mesh/allowance.js';
import { Newest } from '../../agent/mesh/newest.js';

const allowance = suite('mesh/allowance');

allowance('so many in a window, for each key', () => {
  const two = new Allowance(2, 1_000, 10);
  assert.equal([two.take('a', 0), two.take('a', 999), two.take('a', 999)], [true, true, false]);
  assert.ok(two.take('b', 999));
  assert.ok(two.take('a', 1_000));
});

allowance('bounded: full of running windows it refuses newcomers, and recovers', () => {
  const one = new Allowance(1, 1_000, 100);
  for (let i = 0; i < 100; i++) assert.ok(one.take(`${i}`, i));
  assert.not(one.take('new', 500));
  assert.is(one.size, 100);
  assert.ok(one.take('new', 1_050), 'half of them are over');
  assert.is(one.size, 50);
});

allowance('newest: an older number is refused, for thousands of nodes', () => {
  const newest = new Newest();
  assert.ok(newest.accept('a', 5) && newest.accept('a', 5) && newest.accept('a', 6));
  assert.not(newest.accept('a', 5));
  for (let i = 0; i < 4_000; i++) newest.accept(`${i}`, 1);
  assert.not(newest.accept('a', 5));
  newest.forget('a');
  assert.ok(newest.accept('a', 1));
});

allowance.run();
