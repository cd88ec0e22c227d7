// The questions from factory-fresh to the mesh, without a terminal.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Wizard, type WizardFacts } from '../../../agent/control/console/wizard.js';

const wizard = suite('control/console/wizard');

const WORD = `kith1${'a'.repeat(60)}`;

function facts(other: Partial<WizardFacts> = {}): WizardFacts {
  return {
    name: 'node',
    networks: ['192.168.7.0/24'],
    inMesh: false,
    mqtt: 'own',
    lan: 'members',
    hasPin: false,
    check: (path, value) => (value.includes('!') ? `of ${path} is wrong` : undefined),
    readInvite: (word) =>
      word === WORD
        ? { name: 'hut' }
        : { problem: 'the word is cut off', cutOff: WORD.startsWith(word) },
    ...other,
  };
}

function walk(lines: readonly string[], other: Partial<WizardFacts> = {}) {
  const one = new Wizard(facts(other));
  const said = lines.flatMap((line) => one.answer(line));
  return { one, said };
}

wizard('Enter all the way changes nothing', () => {
  const { one } = walk(['', '', '', '', '', '']);
  assert.is(one.done, 'no');
  assert.equal(one.plan, { settings: [], mesh: 'none', pin: undefined, password: undefined });
});

wizard('all of it: a name, an invite, a broker with a password, a PIN', () => {
  const lines = ['cabin', 'all', WORD, 'mqtt://b', 'me', 'secret', '1234', '1234', 'yes'];
  const { one, said } = walk(lines);
  assert.is(one.done, 'yes');
  assert.equal(said, ['An invite for "hut".']);
  assert.equal(one.plan, {
    settings: [
      ['broker.reach', 'lan'],
      ['mqtt.enabled', 'true'],
      ['mqtt.url', 'mqtt://b'],
      ['mqtt.username', 'me'],
    ],
    mesh: WORD,
    pin: '1234',
    password: 'secret',
  });
});

wizard('an invite that was copied from several rows comes in several lines', () => {
  const { one, said } = walk(['', '', WORD.slice(0, 40), WORD.slice(40, 50), WORD.slice(50)]);
  assert.match(said[0] ?? '', /paste the rest/);
  assert.is(said.at(-1), 'An invite for "hut".');
  assert.is(one.plan.mesh, WORD);
  const left = walk(['', '', WORD.slice(0, 40), '', 'off']).one;
  assert.is(left.plan.mesh, 'none');
});

wizard('wrong answers are explained, and the question stays', () => {
  const { one, said } = walk(['x!', 'cabin', 'some', 'none', 'kith', 'new', 'mqtt://!', 'off']);
  assert.equal(said, [
    'The name of name is wrong.',
    'Type members, all or none.',
    'The word is cut off. Or type new, or none.',
    'It of mqtt.url is wrong; or type own, or off.',
  ]);
  assert.match(one.question.ask, /^PIN/);
});

wizard('two PINs that differ, and one that is too short', () => {
  const { one, said } = walk(['', '', '', '', '123', '1234', '1235', '12345', '12345', 'yes']);
  assert.equal(said, ['A PIN has 4 to 64 characters.', 'These were not the same.']);
  assert.is(one.plan.pin, '12345');
});

wizard('back goes back, and the last answer counts', () => {
  const { one } = walk(['cabin', 'back', 'hut', 'all', 'back', 'none', '', '', '', 'y', 'yes']);
  assert.equal(one.plan.settings, [
    ['name', 'hut'],
    ['mesh.discovery.lan', 'false'],
  ]);
  assert.equal(walk(['back']).said, ['This is the first question.']);
});

wizard('a node of a mesh is not asked for one', () => {
  const { one } = walk(['', ''], { inMesh: true, hasPin: true, mqtt: 'mqtt://b' });
  assert.match(one.question.ask, /^MQTT \[mqtt:\/\/b\]/);
  assert.ok(one.summary().join('\n').includes('as it is'));
});

wizard('every question has help, and secrets are asked for in the dark', () => {
  const seen: string[] = [];
  const one = new Wizard(facts());
  for (const line of ['', '', '', 'mqtt://b', 'me', 'pw', '1234', '1234', 'yes']) {
    const { ask, title, help, secret } = one.question;
    assert.ok(`1/6  ${title}`.length < 80 && ask.length < 60, title);
    assert.ok(help.length >= 2 && help.every((text) => text.length < 80));
    if (secret) seen.push(ask.replace(/[ :[].*/, ''));
    one.answer(line);
  }
  assert.equal(seen, ['password', 'PIN', 'PIN']);
});

wizard('`y` is asked again, `no` ends it', () => {
  const fresh = ['', '', '', '', ''];
  const { one, said } = walk([...fresh, 'y']);
  assert.equal([one.done, said], [undefined, ['Type yes in full, or no.']]);
  assert.is(walk([...fresh, 'no']).one.done, 'no');
});

wizard('without `yes` in full nothing is done, whatever comes', () => {
  const some = fc.constantFrom(
    '',
    'y',
    'YES',
    'no',
    'new',
    'back',
    'own',
    WORD,
    '1234',
    'mqtt://b',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(some, fc.string()), { maxLength: 60 }), (lines) => {
      fc.pre(!lines.some((line) => line.trim() === 'yes'));
      const { one } = walk(lines);
      assert.is.not(one.done, 'yes');
      assert.ok(one.summary().length >= 4);
    }),
  );
});

wizard.run();
