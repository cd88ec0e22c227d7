import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from '../../../agent/commands/label.js';
import { Topics } from '../../../agent/control/mqtt/topics.js';
import { KEY_A, KEY_B } from '../../config/samples.js';

const topics = new Topics('home/kith', 'abc');
const suite_ = suite('control/mqtt/topics');

suite_('a label is twelve digits of the key, whatever the name', () => {
  assert.match(labelOf(KEY_A), /^[0-9a-f]{12}$/);
  assert.is(labelOf(KEY_A), labelOf(KEY_A));
  assert.not.equal(labelOf(KEY_A), labelOf(KEY_B));
});

suite_('orders are read, and nothing else is', () => {
  assert.equal(topics.read('home/kith/abc/config/set'), { kind: 'config-set' });
  const order = { kind: 'command', name: 'guest-add' };
  assert.equal(topics.read('home/kith/abc/command/guest-add'), order);
  for (const other of ['command/result', 'command/', 'command/a/b', 'status', 'config', 'config/x'])
    assert.is(topics.read(`home/kith/abc/${other}`), undefined, other);
  assert.is(topics.read('home/kith/other/config/set'), undefined);
});

suite_('an answer may go to a topic of the asker', () => {
  const may = (topic: string) => topics.mayAnswer(topic, 'homeassistant');
  for (const good of ['a', 'node-red/1', 'home/kith/abc/answer/7', 'home/kithchen'])
    assert.ok(may(good), good);
  const bad = [
    '',
    'home/kith',
    'home/kith/other/config/set',
    'home/kith/abc/status',
    'a/+',
    '#',
    '$SYS/a',
  ];
  for (const one of [...bad, 'homeassistant/x', 'a\nb', 'a\0', 'x'.repeat(257)])
    assert.not.ok(may(one), one);
  assert.ok(topics.mayAnswer('homeassistant/x', null));
});

suite_.run();
