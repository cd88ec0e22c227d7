import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PAYLOAD_BYTES_MAX, readRequest } from '../../../agent/control/mqtt/request.js';

const read = (kind: 'command' | 'config-set', text: string) => {
  const got = readRequest(kind, Buffer.from(text));
  return 'problem' in got ? got.problem : got.request;
};
const none = { answer: undefined, confirm: undefined, sealTo: undefined, signed: undefined };

const request = suite('control/mqtt/request');

request('nothing at all is a command without arguments', () => {
  for (const text of ['', ' \n', '{}'])
    assert.equal(read('command', text), { ...none, id: null, body: {} });
});

request('arguments and patches', () => {
  const given = read('command', '{"id": "a", "answer": "x", "arguments": {"path": "y"}}');
  assert.equal(given, { ...none, id: 'a', answer: 'x', body: { path: 'y' } });
  const wrapped = read('config-set', '{"id": 3, "patch": {"name": "x"}, "confirm": 60}');
  assert.equal(wrapped, { ...none, id: 3, confirm: 60, body: { name: 'x' } });
  assert.equal(read('config-set', '{"name": "x"}'), { ...none, id: null, body: { name: 'x' } });
});

const problems: ['command' | 'config-set', string, RegExp][] = [
  ['command', 'PRESS', /not a JSON object/],
  ['command', '[1]', /not a JSON object/],
  ['command', '{"path": 1}', /^path: is unknown/],
  ['config-set', '{"patch": {}, "x": 1}', /^x: is unknown/],
  ['command', '{"answer": 1}', /^answer: /],
  ['command', '{"signed": "no base64!"}', /^signed: /],
  ['command', '{"sealTo": 1}', /^sealTo: /],
  ['config-set', '{"patch": {}, "confirm": 0}', /^confirm: /],
  ['config-set', '{"patch": {}, "confirm": 1.5}', /^confirm: /],
  ['config-set', '{"patch": {}, "confirm": 3601}', /^confirm: /],
  ['command', ' '.repeat(PAYLOAD_BYTES_MAX + 1), /more than/],
];

for (const [kind, text, problem] of problems)
  request(`${kind} ${text.slice(0, 30)} is wrong`, () => {
    assert.match(String(read(kind, text)), problem);
  });

request('an id that is none comes back as null', () => {
  for (const id of ['{}', '[]', 'true', `"${'x'.repeat(129)}"`, '1e999']) {
    const got = readRequest('command', Buffer.from(`{"id": ${id}, "x": 1}`));
    assert.is('id' in got ? got.id : undefined, null, id);
  }
});

request.run();
