import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  agrees,
  ed25519,
  nobleVerify,
  opensslServes,
  opensslVerify,
  signerOf,
  type Verify,
} from '../../agent/crypto/ed25519.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const suiteOf = suite('crypto/ed25519');

suiteOf('signs as RFC 8032, section 7.1, test 3', () => {
  const seed = bytes('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7');
  const signature =
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
    '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a';
  assert.is(hex(ed25519.sign(seed, bytes('af82'))), signature);
  assert.is(hex(signerOf(seed).sign(bytes('af82'))), signature);
});

suiteOf("takes OpenSSL's signatures, and OpenSSL ours", () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(12);
  const message = randomBytes(300);
  assert.ok(ed25519.verify(raw, message, sign(null, message, privateKey)));
  const seed = randomBytes(32);
  const der = Buffer.concat([bytes('302e020100300506032b657004220420'), seed]);
  const same = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  assert.is(hex(ed25519.sign(seed, message)), hex(sign(null, message, same)));
});

for (const [name, verify] of [
  ['noble', nobleVerify],
  ['openssl', opensslVerify],
  ['both', ed25519.verify],
] as const) {
  suiteOf(`${name}: refuses every changed bit, and lengths that are none`, () => {
    const seed = randomBytes(32);
    const message = randomBytes(40);
    const key = ed25519.publicKeyOf(seed);
    const signature = ed25519.sign(seed, message);
    assert.ok(verify(key, message, signature));
    for (let bit = 0; bit < 512; bit += 37) {
      const changed = Uint8Array.from(signature);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.not(verify(key, message, changed), `bit ${bit}`);
    }
    assert.not(verify(key, message.subarray(1), signature));
    assert.not(verify(key, message, signature.subarray(1)));
    assert.not(verify(key.subarray(1), message, signature));
    assert.not(verify(new Uint8Array(), new Uint8Array(), new Uint8Array()));
  });
}

suiteOf('OpenSSL takes nothing that noble refuses, and noble more than OpenSSL', () => {
  assert.ok(opensslServes());
  let nobleAlone = 0;
  for (const key of ED25519_TORSION_SUBGROUP.map(bytes)) {
    for (const r of ED25519_TORSION_SUBGROUP.map(bytes)) {
      const signature = new Uint8Array(64);
      signature.set(r);
      for (const message of [bytes(''), bytes('01'), bytes('02')]) {
        const [theirs, ours] = [opensslVerify, nobleVerify].map((f) => f(key, message, signature));
        assert.ok(!theirs || ours);
        if (ours && !theirs) nobleAlone++;
        assert.is(ed25519.verify(key, message, signature), ours, 'the rule is noble');
      }
    }
  }
  assert.ok(nobleAlone > 0, 'the difference is real');
});

suiteOf('what takes forgeries, or nothing, does not serve', () => {
  const wrong: Verify[] = [
    () => true,
    () => false,
    (key, message, signature) => nobleVerify(key, message, signature) || signature[63] === 1,
    (key, message, signature) => {
      if (nobleVerify(key, message, signature)) return true;
      return signature.every((byte) => byte === 0);
    },
    () => {
      throw new Error('none here');
    },
  ];
  assert.equal(wrong.map(agrees), [false, false, false, false, false]);
});

suiteOf('the X25519 form is refused for what is no key, or one of low order', () => {
  const seed = bytes('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
  assert.ok(ed25519.toX25519(ed25519.publicKeyOf(seed)));
  for (const point of ED25519_TORSION_SUBGROUP) {
    assert.is(ed25519.toX25519(bytes(point)), undefined);
  }
  assert.is(ed25519.toX25519(new Uint8Array(31)), undefined);
  assert.is(ed25519.toX25519(bytes(`02${'00'.repeat(31)}`)), undefined);
});

suiteOf.run();
