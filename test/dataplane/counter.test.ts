import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SendCounters } from '../../agent/dataplane/counter.js';
import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES } from '../../agent/wireguard/limits.js';

const counter = suite('dataplane/counter');

function make() {
  const shared = new Uint32Array(new SharedArrayBuffer(16));
  const renewed: number[] = [];
  return {
    shared,
    renewed,
    counters: new SendCounters(shared, (session) => renewed.push(session)),
  };
}

counter('batches follow one another, each session by itself', () => {
  const { counters } = make();
  assert.equal([counters.take(0, 5), counters.take(0, 3), counters.take(2, 1)], [0, 5, 0]);
  assert.is(counters.take(0, 1), 8);
});

counter('after 2^31 messages a successor is wished for, once', () => {
  const { shared, renewed, counters } = make();
  shared[1] = REKEY_AFTER_MESSAGES - 10;
  counters.take(1, 9);
  assert.equal(renewed, []);
  counters.take(1, 1);
  counters.take(1, 64);
  assert.equal(renewed, [1]);
});

counter('used up is used up: no number is given out twice, not even after a wrap', () => {
  const { shared, counters } = make();
  shared[0] = REJECT_AFTER_MESSAGES - 64;
  assert.is(counters.take(0, 65), -1);
  assert.is(counters.take(0, 64), REJECT_AFTER_MESSAGES - 64);
  for (let i = 0; i < 1_000; i++) assert.is(counters.take(0, 64), -1);
  assert.is(shared[0], REJECT_AFTER_MESSAGES);
});

counter.run();
