import { isIPv4, isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addressBytes,
  addressScope,
  formatAddress,
  formatEndpoint,
  parseAddress,
  parseEndpoint,
  parsePrefix,
  prefixContains,
} from '../../agent/bytes/address.js';

const address = suite('bytes/address');

const canonical: ReadonlyArray<readonly [string, string | undefined]> = [
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.256', undefined],
  ['192.0.2.01', undefined],
  ['192.0.2', undefined],
  ['::', '::'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // RFC 5952 section 4.2.3: the first of equal runs
  ['1:0:3:0:5:0:7:8', '1:0:3:0:5:0:7:8'], // section 4.2.2: one zero group alone stays
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['fe80::1%3', 'fe80::1%3'],
  ['fe80::1%eth0', undefined], // names of interfaces are resolved by the caller
  ['1:2:3:4:5:6:7', undefined],
  ['1::2::3', undefined],
  ['192.0.2.1::', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['', undefined],
];

for (const [text, want] of canonical) {
  address(`reads "${text}"`, () => assert.is(parseAddress(text), want));
}

address('agrees with node:net on arbitrary text', () => {
  const characters = fc.constantFrom(...'0123456789abcf:.');
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 24 }), (text) => {
      assert.is(parseAddress(text) !== undefined, isIPv4(text) || isIPv6(text), text);
    }),
    { numRuns: 5_000 },
  );
});

address('every 4 and 16 bytes come back from their text', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc
      .array(fc.constantFrom(0, 1), { minLength: 16, maxLength: 16 })
      .map((a) => Uint8Array.from(a)),
  );
  fc.assert(
    fc.property(bytes, (value) => {
      const text = formatAddress(value);
      assert.equal(addressBytes(text), Uint8Array.from(value));
      assert.is(parseAddress(text), text);
    }),
  );
});

address('a scope is kept in the text and not in the bytes', () => {
  assert.is(addressScope('fe80::1%7'), 7);
  assert.is(addressScope('fe80::1'), 0);
  assert.is(addressBytes('fe80::1%7').length, 16);
});

address('a prefix clears its host bits and has a length that fits', () => {
  assert.equal(parsePrefix('10.1.2.3/8'), { address: '10.0.0.0', length: 8 });
  assert.equal(parsePrefix('10.1.2.3'), { address: '10.1.2.3', length: 32 });
  assert.equal(parsePrefix('ff00:abcd::1/9'), { address: 'ff00::', length: 9 });
  assert.equal(parsePrefix('0.0.0.0/0'), { address: '0.0.0.0', length: 0 });
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/9', '10.0.0.0/-1', 'x/8']) {
    assert.is(parsePrefix(text), undefined, text);
  }
});

address('a prefix contains its own family only', () => {
  const all = { address: '0.0.0.0', length: 0 };
  assert.ok(prefixContains(all, '203.0.113.9'));
  assert.not(prefixContains(all, '2001:db8::1'));
  assert.not(prefixContains({ address: '10.0.0.0', length: 9 }, '10.128.0.1'));
  assert.ok(prefixContains({ address: '10.0.0.0', length: 9 }, '10.127.0.1'));
});

address('an endpoint has brackets around IPv6 and a port that fits', () => {
  for (const text of ['192.0.2.1:51820', '[2001:db8::1]:1', '[fe80::1%2]:65535']) {
    const endpoint = parseEndpoint(text);
    assert.is(endpoint && formatEndpoint(endpoint), text);
  }
  for (const text of ['192.0.2.1', '192.0.2.1:0', '192.0.2.1:65536', '[192.0.2.1]:1', '::1:1']) {
    assert.is(parseEndpoint(text), undefined, text);
  }
});

address.run();
