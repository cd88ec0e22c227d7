// The stand-ins for cryptography: quick, of the same lengths on the wire, and not fooled either.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../lab/random.js';
import { ed25519 } from './standin/ed25519.js';
import { mlKem768 } from './standin/mlkem.js';
import { open, seal } from './standin/primitives.js';
import { PrivateKey } from './standin/x25519.js';

const standin = suite('sim/standin');
const here = (name: string) => join(import.meta.dirname, name);

standin('the agent’s own tunnel runs on them, and looks the same on the wire', () => {
  const run = (...more: string[]) => {
    const args = ['--import', 'tsx', ...more, here('twotunnels.ts')];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  };
  const real = run();
  assert.equal(real.delivered, ['hello']);
  assert.equal(real.wire.slice(0, 3), ['1:148', '2:92', '4:80']);
  assert.equal(run('--import', here('standin/register.mjs')), real);
});

standin('what was made with another key, or altered, does not open', () => {
  const random = new Random(1);
  const [key, other, text] = [random.bytes(32), random.bytes(32), random.bytes(50)];
  const auth = random.bytes(8);
  const sealed = seal(key, 5, text, auth);
  assert.equal(open(key, 5, sealed, auth), text);
  assert.is(open(other, 5, sealed, auth), undefined);
  assert.is(open(key, 6, sealed, auth), undefined);
  assert.is(open(key, 5 + 2 ** 32, sealed, auth), undefined);
  assert.is(open(key, 5 + 2 ** 50, sealed, auth), undefined);
  for (let i = 0; i < sealed.length; i++) {
    const altered = sealed.map((byte, at) => (at === i ? byte ^ 1 : byte));
    assert.is(open(key, 5, altered, auth), undefined, `byte ${i}`);
  }
});

standin('keys agree, signatures are of who signed and what', () => {
  const random = new Random(2);
  const [one, two] = [random.bytes(32), random.bytes(32)];
  const [a, b] = [new PrivateKey(one), new PrivateKey(two)];
  assert.equal(a.dh(b.publicKey), b.dh(a.publicKey));
  assert.is(a.dh(new Uint8Array(32)), undefined);
  const { publicKeyOf, sign, toX25519, verify } = ed25519;
  assert.equal(toX25519(publicKeyOf(one)), a.publicKey);
  const signature = sign(one, two);
  assert.ok(verify(publicKeyOf(one), two, signature));
  assert.not(verify(publicKeyOf(two), two, signature));
  assert.not(verify(publicKeyOf(one), one, signature));
  const { publicKey, secretKey } = mlKem768.keys(random.bytes(64));
  const made = mlKem768.encapsulate(publicKey, random.bytes(32))!;
  assert.equal(mlKem768.decapsulate(made.box, secretKey), made.secret);
});

standin.run();
