import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ed25519, signerOf } from '../../agent/crypto/ed25519.js';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { doorKeyOf } from '../../agent/identity/doorkey.js';
import { MeshClock } from '../../agent/identity/meshtime.js';
import { sentenceOf } from '../../agent/identity/reasons.js';
import { Identity } from '../../agent/identity/seed.js';
import { signShow, verifyShow } from '../../agent/identity/show.js';

const show = suite('identity/show');

show('a showing is good for one handshake and one key', () => {
  const seed = Uint8Array.from(randomBytes(32));
  const [hash, other] = [randomBytes(32), randomBytes(32)];
  const { signer, nodeKey } = new Identity(seed);
  const signature = signShow(signer, hash);
  assert.ok(verifyShow(nodeKey, hash, signature));
  assert.not(verifyShow(nodeKey, other, signature));
  assert.not(verifyShow(signerOf(Uint8Array.from(randomBytes(32))).key, hash, signature));
  assert.not(ed25519.verify(nodeKey, hash, signature), 'it is no signature of the bare hash');
});

show('an identity signs, does not print, and can be wiped', () => {
  const seed = Uint8Array.from(randomBytes(32));
  const identity = new Identity(seed);
  const message = Uint8Array.of(1, 2, 3);
  assert.equal(identity.sign(message), ed25519.sign(seed, message));
  assert.equal(identity.signer.key, identity.nodeKey);
  identity.wipe();
  assert.throws(() => identity.sign(message), /wiped/);
});

show('the door key follows from the mesh key', () => {
  const meshKey = new Uint8Array(32).fill(5);
  const door = doorKeyOf(meshKey);
  assert.equal(door, doorKeyOf(meshKey));
  assert.equal(publicKeyOf(door.privateKey), door.publicKey);
  assert.not.equal(door.publicKey, doorKeyOf(new Uint8Array(32)).publicKey);
});

show('mesh time: the clock where it is right, else what admins said last and what passed', () => {
  const clock = new MeshClock();
  assert.is(clock.time({ now: 100, wall: 5_000 }, true, 9_000), 5_000);
  assert.is(clock.time({ now: 100, wall: 5_000 }, false, 9_000), 9_000);
  assert.is(clock.time({ now: 350, wall: 0 }, false, 9_000), 9_250);
  assert.is(clock.time({ now: 400, wall: 0 }, false, 12_000), 12_000);
  assert.is(clock.time({ now: 401, wall: 0 }, false, 12_000), 12_001);
});

show('every code has its sentence, and one of a newer version is told as it is', () => {
  assert.match(sentenceOf('used'), 'Each device needs its own');
  assert.is(sentenceOf('of-tomorrow'), 'Refused: of-tomorrow.');
  assert.is(sentenceOf('toString'), 'Refused: toString.');
});

show.run();
