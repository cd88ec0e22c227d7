import { createHash, randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Prefix, parsePrefix, prefixContains } from '../../agent/bytes/address.js';
import { firstAddresses, nextAddresses } from '../../agent/config/addressing.js';
import { overlaps, parseInterfaceAddress, prefixOf } from '../../agent/config/prefixes.js';

const p = (text: string): Prefix => parsePrefix(text)!;
const own = (...texts: string[]) => texts.map((text) => parseInterfaceAddress(text)!);

const addressing = suite('config/addressing');

addressing('a node begins with a shared /24 and a unique local /64 of its own', () => {
  for (let i = 0; i < 50; i++) {
    const key = randomBytes(32);
    const hash = createHash('sha256').update(key).digest('hex');
    const [four, six] = firstAddresses(key, []).map((text) => parseInterfaceAddress(text)!);
    assert.ok(prefixContains(p('100.64.0.0/10'), four!.address));
    assert.match(four!.address, /\.1$/);
    assert.is(four!.length, 24);
    const groups = `fd${hash.slice(0, 10)}0000${hash.slice(0, 16)}`.match(/.{4}/g)!.join(':');
    assert.equal(six, parseInterfaceAddress(`${groups}/64`));
  }
});

addressing('it steps aside where the machine has addresses', () => {
  const key = new Uint8Array(32).fill(9);
  const [first] = firstAddresses(key, []);
  const taken = prefixOf(parseInterfaceAddress(first!)!);
  const [second] = firstAddresses(key, [taken]);
  assert.not.equal(second, first);
  assert.not.ok(overlaps(taken, prefixOf(parseInterfaceAddress(second!)!)));
  assert.is(firstAddresses(key, [p('100.0.0.0/8')]).length, 1, 'IPv6 alone where nothing is left');
  assert.is(firstAddresses(key, [p('0.0.0.0/0'), p('192.168.1.0/24')]).length, 1);
});

addressing('guests get the same free number in every prefix', () => {
  const both = own('10.7.0.1/24', 'fd00::1234/64');
  assert.equal(nextAddresses(both, []), ['10.7.0.2', 'fd00::2']);
  assert.equal(nextAddresses(both, [p('10.7.0.2/32'), p('fd00::3/128')]), ['10.7.0.4', 'fd00::4']);
  assert.equal(nextAddresses(own('10.7.0.2/24'), []), ['10.7.0.3'], 'our own is taken');
  assert.equal(nextAddresses(own('10.7.0.1/24'), [p('10.7.0.0/28')]), ['10.7.0.16']);
});

addressing('a route that holds the whole prefix takes no number from it', () => {
  assert.equal(nextAddresses(own('10.7.0.1/24'), [p('0.0.0.0/0'), p('10.0.0.0/8')]), ['10.7.0.2']);
  assert.is(nextAddresses(own('10.7.0.1/24'), [p('10.7.0.0/24')]), undefined, 'a hub owns it');
});

addressing('no room left', () => {
  assert.is(nextAddresses([], []), undefined);
  assert.is(nextAddresses(own('10.7.0.1/32', 'fd00::1/128'), []), undefined);
  assert.equal(nextAddresses(own('10.7.0.1/30'), []), ['10.7.0.2']);
  assert.is(nextAddresses(own('10.7.0.1/30'), [p('10.7.0.2/32')]), undefined, '.3 is broadcast');
});

addressing('the 60,000th guest is found at once', () => {
  const used = Array.from({ length: 60_000 }, (_, i) => ({
    address: `10.7.${(i + 2) >> 8}.${(i + 2) & 255}`,
    length: 32,
  }));
  assert.equal(nextAddresses(own('10.7.0.1/16'), used), ['10.7.234.98']);
});

addressing.run();
