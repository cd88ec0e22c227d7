import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isZero, Secret, wipe } from '../../agent/crypto/secret.js';

const secret = suite('crypto/secret');

secret('no way of printing shows the bytes', () => {
  const key = new Secret(Uint8Array.of(222, 173, 190, 239));
  const holder = { key, nested: [key] };
  const printed = [
    String(key),
    `${key}`,
    JSON.stringify(holder),
    inspect(holder, { depth: null, showHidden: true }),
    inspect(key, { customInspect: false, showHidden: true, depth: null }),
    JSON.stringify(Object.entries(key)),
  ];
  for (const text of printed) assert.not.match(text, /222|de.?ad|3q2/i);
  assert.is(`${key}`, '[secret]');
  assert.is(JSON.stringify({ key }), '{"key":"[secret]"}');
  assert.is(inspect({ key }), '{ key: [secret] }');
});

secret('wiped, its bytes are zero and it refuses to be used', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const key = new Secret(bytes);
  assert.is(key.bytes, bytes);
  assert.not(key.wiped);
  key.wipe();
  assert.ok(key.wiped);
  assert.equal(bytes, new Uint8Array(3));
  assert.throws(() => key.bytes, /wiped/);
});

secret('a copy is wiped by itself', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  Secret.copyOf(bytes).wipe();
  assert.equal(bytes, Uint8Array.of(1, 2, 3));
});

secret('wipe takes many, and what is not there', () => {
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2, 3)];
  wipe(a, undefined, b);
  assert.ok(isZero(a) && isZero(b));
});

secret('zero is every byte zero', () => {
  assert.ok(isZero(new Uint8Array(32)));
  for (let i = 0; i < 32; i++) {
    const bytes = new Uint8Array(32);
    bytes[i] = 0x80;
    assert.not(isZero(bytes), `byte ${i}`);
  }
});

secret.run();
