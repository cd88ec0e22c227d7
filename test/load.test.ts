import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Load, WAITING_MAX } from '../agent/load.js';

const load = suite('load');

load('a queue of handshakes is load at once, and for a second after', () => {
  const l = new Load();
  l.note(5_000, 0.3, WAITING_MAX - 1);
  assert.not(l.isHigh(5_000));
  l.note(5_001, 0.3, WAITING_MAX);
  assert.ok(l.isHigh(6_000.5));
  assert.not(l.isHigh(6_001));
});

load('a quarter of the last second spent on handshakes is load', () => {
  const l = new Load();
  for (let now = 10_000; now < 10_800; now += 4) l.note(now, 1, 0);
  assert.not(l.isHigh(10_800), '200 ms of 800');
  for (let now = 10_800; now < 11_600; now += 3) l.note(now, 1, 0);
  assert.ok(l.isHigh(11_600), '333 ms of a second');
});

load('what was spent long ago does not count', () => {
  const l = new Load();
  l.note(1_000, 240, 0);
  assert.not(l.isHigh(1_000));
  l.note(3_100, 20, 0);
  assert.not(l.isHigh(3_100));
});

load('the share of the window before fades as this one goes on', () => {
  const l = new Load();
  l.note(1_990, 240, 0);
  l.note(2_010, 15, 0); // 15 + 240 x 0.99
  assert.ok(l.isHigh(2_010));
  const later = new Load();
  later.note(1_990, 240, 0);
  later.note(2_500, 15, 0); // 15 + 240 x 0.5
  assert.not(later.isHigh(2_500));
});

load.run();
