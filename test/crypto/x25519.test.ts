import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  agrees,
  chosen,
  nobleX25519,
  nodeX25519,
  PrivateKey,
  publicKeyOf,
  type X25519,
} from '../../agent/crypto/x25519.js';

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const x25519 = suite('crypto/x25519');

// RFC 7748, section 6.1
const ALICE = bytes('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
const ALICE_PUBLIC = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a';
const BOB = bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
const BOB_PUBLIC = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f';
const SHARED = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';

// section 5.2: k and u both begin as 9; k becomes X25519(k, u), u the old k
const ITERATED_1 = '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079';
const ITERATED_1000 = '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51';

for (const engine of [nobleX25519, nodeX25519]) {
  x25519(`${engine.name}: Diffie-Hellman of RFC 7748, section 6.1`, () => {
    assert.is(hex(engine.load(ALICE).publicKey()), ALICE_PUBLIC);
    assert.is(hex(engine.load(BOB).publicKey()), BOB_PUBLIC);
    assert.is(hex(engine.load(ALICE).sharedSecret(bytes(BOB_PUBLIC))), SHARED);
    assert.is(hex(engine.load(BOB).sharedSecret(bytes(ALICE_PUBLIC))), SHARED);
  });

  x25519(`${engine.name}: iterated, section 5.2`, () => {
    let k = new Uint8Array(32);
    k[0] = 9;
    let u = k;
    const rounds = engine.name === 'node' ? 1_000 : 1;
    for (let i = 0; i < rounds; i++) {
      const next = engine.load(k).sharedSecret(u);
      u = k;
      k = Uint8Array.from(next!);
      if (i === 0) assert.is(hex(k), ITERATED_1);
    }
    if (rounds === 1_000) assert.is(hex(k), ITERATED_1000);
  });

  x25519(`${engine.name}: an all-zero shared secret is refused, without a throw`, () => {
    assert.is(engine.load(ALICE).sharedSecret(new Uint8Array(32)), undefined);
    const one = new Uint8Array(32);
    one[0] = 1;
    assert.is(engine.load(ALICE).sharedSecret(one), undefined);
  });
}

x25519('both agree on random keys, and on u-coordinates that are not reduced', () => {
  for (let i = 0; i < 20; i++) {
    const [key, point] = [randomBytes(32), randomBytes(32)];
    if (i % 4 === 0) point.fill(0xff, 1, 31); // at and above the prime
    assert.is(
      hex(nodeX25519.load(key).sharedSecret(point)),
      hex(nobleX25519.load(key).sharedSecret(point)),
    );
    assert.is(hex(nodeX25519.load(key).publicKey()), hex(nobleX25519.load(key).publicKey()));
  }
});

x25519('the self-test lets the two pass, and nothing that differs', () => {
  assert.ok(agrees(nodeX25519));
  assert.is(chosen().name, 'node');
  type Loaded = ReturnType<X25519['load']>;
  const wrong: [string, (good: Loaded) => Partial<Loaded>][] = [
    ['wrong public key', () => ({ publicKey: () => new Uint8Array(32) })],
    ['wrong secret', () => ({ sharedSecret: () => Uint8Array.from(BOB) })],
    ['refuses all', () => ({ sharedSecret: () => undefined })],
    ['throws', () => ({ sharedSecret: () => assert.unreachable() as never })],
    [
      'takes points of low order',
      (good) => ({ sharedSecret: (point) => good.sharedSecret(point) ?? new Uint8Array(32) }),
    ],
    [
      'does not mask the unused bit',
      (good) => ({
        sharedSecret: (point) => (point[31]! & 0x80 ? undefined : good.sharedSecret(point)),
      }),
    ],
  ];
  for (const [name, part] of wrong) {
    const load = (privateKey: Uint8Array) => {
      const good = nodeX25519.load(privateKey);
      return { ...good, ...part(good) };
    };
    assert.not(agrees({ name: 'node', load }), name);
  }
});

x25519('a key of another length is our own mistake', () => {
  assert.throws(() => publicKeyOf(new Uint8Array(31)), /"privateKey" has 31 bytes/);
  const alice = new PrivateKey(Uint8Array.from(ALICE));
  assert.throws(() => alice.dh(new Uint8Array(33)), /"publicKey" has 33 bytes/);
  assert.throws(() => new PrivateKey(new Uint8Array(33)), /"privateKey" has 33 bytes/);
  assert.is(hex(alice.dh(bytes(BOB_PUBLIC))), SHARED);
  assert.is(hex(publicKeyOf(BOB)), BOB_PUBLIC);
});

x25519('a private key does not print, and is zero once wiped', () => {
  const own = Uint8Array.from(ALICE);
  const key = new PrivateKey(own);
  assert.is(hex(key.publicKey), ALICE_PUBLIC);
  assert.not.match(inspect(key, { depth: null, showHidden: true }), /119|118|7, /);
  assert.not.match(JSON.stringify(key), /119|118|7, /);
  key.wipe();
  assert.equal(own, new Uint8Array(32));
  assert.throws(() => key.dh(bytes(BOB_PUBLIC)), /wiped/);
});

x25519.run();
