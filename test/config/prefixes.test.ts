import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Prefix, parsePrefix } from '../../agent/bytes/address.js';
import {
  covers,
  hostAddress,
  hostCount,
  hostNumber,
  overlaps,
  parseInterfaceAddress,
  prefixOf,
} from '../../agent/config/prefixes.js';

const p = (text: string): Prefix => parsePrefix(text)!;

const prefixes = suite('config/prefixes');

prefixes('an interface address keeps its host bits', () => {
  const own = parseInterfaceAddress('10.7.0.1/24');
  assert.equal(own, { address: '10.7.0.1', length: 24 });
  assert.equal(prefixOf(own!), p('10.7.0.0/24'));
  assert.equal(parseInterfaceAddress('fd00::1'), { address: 'fd00::1', length: 128 });
  for (const text of ['10.7.0/24', '10.7.0.1/33', 'x', '', '10.7.0.1/24/1'])
    assert.is(parseInterfaceAddress(text), undefined, text);
});

const pairs = [
  ['10.0.0.0/8', '10.7.0.0/24', true, true],
  ['10.7.0.0/24', '10.0.0.0/8', true, false],
  ['10.7.0.0/24', '10.7.1.0/24', false, false],
  ['10.0.0.0/24', '10.0.0.0/8', true, false],
  ['0.0.0.0/0', '10.7.1.0/24', true, true],
  ['::/0', '10.7.1.0/24', false, false],
  ['fd00::/64', 'fd00::5/128', true, true],
] as const;
for (const [a, b, overlap, cover] of pairs) {
  prefixes(`${a} and ${b}`, () => {
    assert.is(overlaps(p(a), p(b)), overlap);
    assert.is(covers(p(a), p(b)), cover);
  });
}

const numbers = [
  ['10.7.0.0/24', 0, '10.7.0.0'],
  ['10.7.0.0/16', 65535, '10.7.255.255'],
  ['10.7.0.0/16', 256, '10.7.1.0'],
  ['10.7.0.128/25', 127, '10.7.0.255'],
  ['fd00::ff00/112', 255, 'fd00::ff'],
  ['fd00::/64', 2 ** 32 - 1, 'fd00::ffff:ffff'],
] as const;
for (const [prefix, number, address] of numbers) {
  prefixes(`number ${number} of ${prefix}`, () => {
    assert.is(hostAddress(p(prefix), number), address);
    assert.is(hostNumber(p(prefix), address), number);
  });
}

prefixes('numbers outside are our own mistake', () => {
  assert.throws(() => hostAddress(p('10.7.0.0/24'), 256), /"number" 256/);
  assert.throws(() => hostAddress(p('10.7.0.0/24'), -1), /"number" -1/);
  assert.is(hostCount(p('10.7.0.0/24')), 256);
  assert.is(hostCount(p('fd00::/8')), 2 ** 32);
  assert.is(hostNumber(p('fd00::/64'), 'fd00::1:0:0'), undefined);
});

prefixes.run();
