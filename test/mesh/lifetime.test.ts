import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lifetime } from '../../agent/mesh/lifetime.js';

const lifetime = suite('mesh/lifetime');
const S = 1_000;

/** Tries whatever it wants, each minute, behind a NAT that forgets after `nat()` seconds. */
function follow(probed: Lifetime, nat: (now: number) => number, from: number, until: number) {
  const tried: string[] = [];
  for (let now = from; now < until; now += 60 * S) {
    const silence = probed.wanted(now);
    if (silence === undefined) continue;
    const heard = silence <= nat(now) * S;
    tried.push(`${silence / S}${heard ? '' : '!'}`);
    if (heard) probed.heard(silence, now);
    else probed.missed(silence, now);
  }
  return tried;
}

lifetime('step by step to the longest', () => {
  const probed = new Lifetime();
  assert.is(probed.intervalMs, 25 * S);
  assert.equal(
    follow(probed, () => 300, 0, 1_000 * S),
    ['45', '70', '110'],
  );
  assert.is(probed.intervalMs, 110 * S);
});

lifetime(
  'what failed is tried again after an hour; what is used is checked after a failure',
  () => {
    const probed = new Lifetime();
    const tried = follow(probed, () => 60, 0, 2 * 3_600 * S);
    assert.equal(tried, ['45', '70!', '45', '70!', '45']);
    assert.is(probed.intervalMs, 45 * S);
    const short = new Lifetime();
    assert.equal(
      follow(short, () => 30, 0, 2 * 3_600 * S),
      ['45!', '45!'],
    );
    assert.is(short.intervalMs, 25 * S);
  },
);

lifetime('a NAT that becomes worse is noticed, and one that becomes better', () => {
  const probed = new Lifetime();
  follow(probed, (now) => (now < 3_600 * S ? 300 : 50), 0, 3 * 3_600 * S);
  assert.is(probed.intervalMs, 45 * S);
  follow(probed, () => 300, 3 * 3_600 * S, 5 * 3_600 * S);
  assert.is(probed.intervalMs, 110 * S);
});

lifetime('a silence that something broke proves nothing', () => {
  const probed = new Lifetime();
  probed.begin('tracker', 45 * S, 0);
  probed.spoke('tracker', false, 10 * S, 45 * S); // 35 s of silence, behind a NAT of 40, perhaps
  assert.is(probed.intervalMs, 25 * S);
  probed.begin('tracker', 45 * S, 50 * S);
  probed.spoke('tracker', false, 51 * S, 95 * S);
  assert.is(probed.intervalMs, 45 * S);
});

lifetime('another mapping: nothing is proven', () => {
  const probed = new Lifetime();
  follow(probed, () => 300, 0, 1_000 * S);
  probed.reset(1_000 * S);
  assert.is(probed.intervalMs, 25 * S);
  assert.is(probed.wanted(1_000 * S), 45 * S);
});

lifetime.run();
