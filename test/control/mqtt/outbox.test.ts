import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ANSWERS_BYTES_MAX,
  ANSWERS_MAX,
  Outbox,
  STATES_MAX,
} from '../../../agent/control/mqtt/outbox.js';

const answer = (payload: string) => ({ topic: 'r', payload, retain: false });
const drain = (box: Outbox) => {
  const all: string[] = [];
  for (let one = box.take(); one; one = box.take()) all.push(`${one.topic}=${one.payload}`);
  return all;
};

const outbox = suite('control/mqtt/outbox');

outbox('of a state only the newest goes, and only when it is another', () => {
  const box = new Outbox();
  assert.ok(box.state('a', '1'));
  assert.ok(box.state('a', '2'));
  assert.not.ok(box.state('a', '2'));
  assert.equal(drain(box), ['a=2']);
  assert.not.ok(box.state('a', '2'));
  assert.equal(drain(box), []);
});

outbox('after a break everything goes again, but for what was taken away', () => {
  const box = new Outbox();
  box.state('a', '1');
  box.state('b', '1');
  box.state('b', '');
  assert.equal(drain(box), ['a=1', 'b=']);
  box.renew();
  assert.equal(drain(box), ['a=1']);
  assert.equal(box.topics(), ['a']);
});

outbox('answers go first, in their order, and what did not arrive goes again', () => {
  const box = new Outbox();
  box.state('a', '1');
  box.answer(answer('x'));
  box.answer(answer('y'));
  const first = box.take();
  assert.is(first?.payload, 'x');
  box.putBack(first!);
  assert.equal(drain(box), ['r=x', 'r=y', 'a=1']);
  box.putBack({ topic: 'a', payload: '1', retain: true });
  assert.equal(drain(box), ['a=1']);
});

outbox('what does not fit is counted', () => {
  const box = new Outbox();
  for (let i = 0; i <= STATES_MAX; i++) box.state(`${i}`, 'x');
  assert.is(box.dropped, 1);
  for (let i = 0; i <= ANSWERS_MAX; i++) box.answer(answer('x'));
  assert.is(box.dropped, 2);
  assert.is(box.waiting, STATES_MAX + ANSWERS_MAX);
  drain(box);
  assert.ok(box.answer(answer('x'.repeat(ANSWERS_BYTES_MAX))));
  assert.not.ok(box.answer(answer('x')));
  drain(box);
  assert.ok(box.answer(answer('x')));
});

outbox.run();
