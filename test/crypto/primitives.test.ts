import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as primitives from '../../agent/crypto/primitives.js';
import { slowBlake2s } from './blake2s.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const range = (from: number, to: number) =>
  Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);

const crypto = suite('crypto/primitives');

crypto('the slow twin is BLAKE2s: the keyed known answers, and Node', () => {
  const key = range(0, 31);
  const empty = '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49';
  const one = '40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1';
  assert.is(hex(slowBlake2s(new Uint8Array(0), 32, key)), empty);
  assert.is(hex(slowBlake2s(Uint8Array.of(0), 32, key)), one);
  for (const length of [0, 1, 63, 64, 65, 127, 128, 129, 300]) {
    const input = Uint8Array.from({ length }, (_, i) => i & 0xff);
    assert.is(hex(slowBlake2s(input)), createHash('blake2s256').update(input).digest('hex'));
  }
});

crypto('hash, mac and hmac agree with their twins on anything', () => {
  const any = fc.uint8Array({ maxLength: 200 });
  const key = fc.uint8Array({ minLength: 1, maxLength: 32 });
  fc.assert(
    fc.property(any, any, key, (a, b, k) => {
      const both = Buffer.concat([a, b]);
      assert.is(hex(primitives.hash(a, b)), createHash('blake2s256').update(both).digest('hex'));
      assert.is(hex(primitives.mac(k, a, b)), hex(slowBlake2s(both, 16, k)));
      const want = createHmac('blake2s256', k).update(both).digest('hex');
      assert.is(hex(primitives.hmacHash(k, a, b)), want);
    }),
    { numRuns: 200 },
  );
});

crypto('kdf 1, 2 and 3 are HKDF with empty info', () => {
  const [key, input] = [range(1, 32), range(100, 150)];
  const hmac = (k: Uint8Array, ...parts: Uint8Array[]) =>
    createHmac('blake2s256', k).update(Buffer.concat(parts)).digest();
  const extracted = hmac(key, input);
  const first = hmac(extracted, Uint8Array.of(1));
  const second = hmac(extracted, first, Uint8Array.of(2));
  const third = hmac(extracted, second, Uint8Array.of(3));
  assert.is(hex(primitives.kdf1(key, input)), hex(first));
  assert.equal(primitives.kdf2(key, input).map(hex), [first, second].map(hex));
  assert.equal(primitives.kdf3(key, input).map(hex), [first, second, third].map(hex));
});

crypto('noble agrees with RFC 8439, section 2.8.2', () => {
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
    'sunscreen would be it.';
  const nonce = bytes('070000004041424344454647');
  const sealed = chacha20poly1305(range(0x80, 0x9f), nonce, bytes('50515253c0c1c2c3c4c5c6c7'));
  const got = hex(sealed.encrypt(Buffer.from(text)));
  assert.is(got.slice(0, 32), 'd31a8d34648e60db7b86afbc53ef7ec2');
  assert.is(got.slice(-32), '1ae10b594f09e26a7e902ecbd0600691');
});

crypto('the nonce is four zero bytes and the counter, little-endian', () => {
  const [key, plain, auth] = [range(0, 31), range(0, 40), range(5, 9)];
  for (const counter of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64LE(BigInt(counter), 4);
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
    cipher.setAAD(auth, { plaintextLength: plain.length });
    const want = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    assert.is(hex(primitives.seal(key, counter, plain, auth)), hex(want), `counter ${counter}`);
    assert.equal(primitives.open(key, counter, want, auth), plain);
  }
  assert.throws(() => primitives.seal(key, -1, plain, auth), /counter/);
  assert.throws(() => primitives.seal(key, 2 ** 53, plain, auth), /counter/);
});

crypto('xaead agrees with the known answer of draft-irtf-cfrg-xchacha, A.3.1', () => {
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
    'sunscreen would be it.';
  const [key, nonce, auth] = [
    range(0x80, 0x9f),
    range(0x40, 0x57),
    bytes('50515253c0c1c2c3c4c5c6c7'),
  ];
  const sealed = primitives.xseal(key, nonce, Buffer.from(text), auth);
  assert.is(hex(sealed).slice(0, 32), 'bd6d179d3e83d43b9576579493c0e939');
  assert.is(hex(sealed).slice(-32), 'c0875924c1c7987947deafd8780acf49');
  const plain = primitives.xopen(key, nonce, sealed, auth);
  assert.is(plain && Buffer.from(plain).toString(), text);
});

crypto('what is forged, cut or for another key opens as undefined', () => {
  const [key, nonce, auth] = [range(0, 31), range(0, 23), range(7, 9)];
  const sealed = primitives.seal(key, 5, range(0, 9), auth);
  const xsealed = primitives.xseal(key, nonce, range(0, 9), auth);
  for (let i = 0; i < sealed.length; i++) {
    const forged = Uint8Array.from(sealed);
    forged[i]! ^= 1;
    assert.is(primitives.open(key, 5, forged, auth), undefined);
    const xforged = Uint8Array.from(xsealed);
    xforged[i]! ^= 1;
    assert.is(primitives.xopen(key, nonce, xforged, auth), undefined);
    assert.is(primitives.open(key, 5, sealed.subarray(0, i), auth), undefined);
  }
  assert.is(primitives.open(key, 6, sealed, auth), undefined);
  assert.is(primitives.open(range(1, 32), 5, sealed, auth), undefined);
  assert.is(primitives.open(key, 5, sealed, range(7, 8)), undefined);
});

crypto.run();
