import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clamp, Identity } from '../../agent/identity/seed.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const identity = suite('identity/seed');

// RFC 8032, section 7.1: secret and public key of tests 1 to 3
const VECTORS = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  ],
] as const;

for (const [seed, nodeKey] of VECTORS) {
  identity(`node key of RFC 8032, seed ${seed.slice(0, 8)}`, () => {
    assert.is(hex(new Identity(bytes(seed)).nodeKey), nodeKey);
  });

  identity(`WireGuard keys as OpenSSL makes them, seed ${seed.slice(0, 8)}`, () => {
    const half = createHash('sha512').update(bytes(seed)).digest().subarray(0, 32);
    const der = Buffer.concat([bytes('302e020100300506032b656e04220420'), half]);
    const foreign = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    const { publicKey, privateKey } = new Identity(bytes(seed));
    const exported = foreign.export({ format: 'der', type: 'spki' }).subarray(12);
    assert.is(hex(publicKey), hex(exported));
    assert.is(hex(privateKey.bytes), hex(clamp(Uint8Array.from(half))));
  });
}

identity('clamps as RFC 7748 says', () => {
  const ones = clamp(new Uint8Array(32).fill(255));
  assert.is(ones[0], 0xf8);
  assert.is(ones[31], 0x7f);
  assert.is(clamp(new Uint8Array(32))[31], 0x40);
});

identity('shows no secret, and wipes it', () => {
  const one = new Identity(bytes(VECTORS[0][0]));
  const secret = Buffer.from(one.privateKey.bytes);
  for (const shown of [JSON.stringify(one), inspect(one, { depth: 9, showHidden: true })]) {
    assert.not.match(shown, secret.toString('hex'));
    assert.not.match(shown, [...secret.subarray(0, 4)].join(','));
    assert.not.match(shown, new RegExp([...secret.subarray(0, 4)].join(',\\s+')));
  }
  const view = one.privateKey.bytes;
  one.privateKey.wipe();
  assert.equal(view, new Uint8Array(32));
});

identity('leaves the seed to its owner', () => {
  const seed = bytes(VECTORS[0][0]);
  new Identity(seed);
  assert.is(hex(seed), VECTORS[0][0]);
  assert.throws(() => new Identity(new Uint8Array(31)), /"seed" has 31 bytes/);
});

identity.run();
