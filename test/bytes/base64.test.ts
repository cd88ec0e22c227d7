import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeKey, encodeKey } from '../../agent/bytes/base64.js';

const base64 = suite('bytes/base64');

base64('agrees with Node on every kind of key', () => {
  const edges = [new Uint8Array(32), new Uint8Array(32).fill(255)];
  for (const key of [...edges, ...Array.from({ length: 200 }, () => randomBytes(32))]) {
    const text = Buffer.from(key).toString('base64');
    assert.is(encodeKey(key), text);
    assert.equal(decodeKey(text), Uint8Array.from(key));
  }
});

const zeros = `${'A'.repeat(43)}=`;
const bad = [
  ['empty', ''],
  ['a letter short', `${'A'.repeat(42)}=`],
  ['a letter long', `${'A'.repeat(44)}=`],
  ['no padding', 'A'.repeat(44)],
  ['spare bits set', `${'A'.repeat(42)}B=`],
  ['another alphabet', `-${'A'.repeat(42)}=`],
  ['a line end', `${zeros}\n`],
  ['a space before', ` ${zeros}`],
] as const;
for (const [name, text] of bad) {
  base64(`refuses: ${name}`, () => assert.is(decodeKey(text), undefined));
}

base64('a key of another length is our own mistake', () => {
  assert.throws(() => encodeKey(new Uint8Array(31)), /"key" has 31 bytes/);
});

base64.run();
