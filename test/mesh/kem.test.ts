// Post-quantum keys: both sides come to the same one whatever is lost, and no handshake that falls
// between two frames of an exchange is lost by it.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mlKem768 } from '../../agent/crypto/mlkem.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import {
  BOXES_MAX,
  BOXES_MS,
  KemKeys,
  KNOCK_AFTER_MS,
  ROTATE_MS,
  SOON_MS,
} from '../../agent/mesh/kem.js';
import { FakeGround, FakeRoll, nodeId, place, times } from './ground.js';
import { KemPair, plainKem, type Side } from './kempair.js';

const kem = suite('mesh: kem');

const isZero = (key: Uint8Array) => key.every((byte) => byte === 0);

kem('ML-KEM-768: sizes, both ends, a key that is none, a box for another', () => {
  const { publicKey, secretKey } = mlKem768.keys(new Uint8Array(64).fill(3));
  assert.is(publicKey.length, 1_184);
  const sealed = mlKem768.encapsulate(publicKey, new Uint8Array(32).fill(4))!;
  assert.is(sealed.box.length, 1_088);
  assert.equal(mlKem768.decapsulate(sealed.box, secretKey), sealed.secret);
  assert.is(mlKem768.encapsulate(new Uint8Array(1_184).fill(255), new Uint8Array(32)), undefined);
  const other = mlKem768.keys(new Uint8Array(64).fill(5));
  assert.not.equal(mlKem768.decapsulate(sealed.box, other.secretKey), sealed.secret);
});

for (const [name, real] of [
  ['ML-KEM', mlKem768],
  ['the stand-in', plainKem],
] as const) {
  kem(`first meeting, with ${name}: bare, three frames, and a handshake with the key`, () => {
    for (const starter of ['low', 'high'] as const) {
      const pair = new KemPair(1, real);
      pair.handshake(pair[starter]);
      assert.ok(pair.session?.bare);
      pair.run(1_000);
      assert.is(pair.session?.bare, false);
      assert.is(pair.sent, 3);
      assert.equal(pair.knocks, [30 + KNOCK_AFTER_MS]);
      assert.equal(pair.low.keys.respond, pair.high.keys.respond);
      assert.ok(isZero(pair.low.keys.initiate.at(-1)!), 'zero is tried last');
    }
  });
}

kem('the handshake with the key is answered a moment before kem-done comes', () => {
  const pair = new KemPair();
  pair.handshake(pair.low);
  pair.run(60); // both have the key by now; who began is waited for
  const { keys } = pair.high;
  pair.high.keys = { ...keys, respond: new Uint8Array(32) };
  pair.handshake(pair.low);
  pair.high.keys = keys;
  assert.ok(pair.session?.bare);
  pair.run(60 + SOON_MS);
  assert.is(pair.session?.bare, false);
});

kem('in a new session frames go where its handshake went; later, wherever the peer is', () => {
  const pair = new KemPair();
  const places: (number | undefined)[] = [];
  pair.onFrame = (at) => places.push(at?.endpoint.port);
  pair.handshake(pair.low);
  pair.run(1_000);
  assert.equal(places, [51_820, 51_820, 51_820]);
  pair.run(ROTATE_MS + 1_000);
  assert.equal(places.slice(3), [undefined, undefined, undefined]);
});

/** All frames whose bit is set in `pattern` are lost, the rest are not. */
const losing = (pattern: number) => (n: number) => (n < 31 && (pattern >> n) & 1 ? [] : [10]);

kem('a device that begins anew as soon as it is told of a key', () => {
  for (const eager of ['low', 'high'] as const) {
    const pair = new KemPair();
    pair.onKeys = (side) => {
      if (side === pair[eager] && pair.session?.bare) pair.later(side);
    };
    pair.handshake(pair[eager]);
    pair.run(200, () => pair.session?.bare === false);
    assert.is(pair.session?.bare, false);
    assert.equal(pair.knocks, []);
    assert.ok(pair.sessions <= 3, `${eager}: ${pair.sessions} handshakes`);
    pair.run(10_000);
    assert.is(pair.sent, 3);
  }
});

kem('every pattern of loss among the first ten frames, at the first meeting', () => {
  for (let pattern = 0; pattern < 1 << 10; pattern++) {
    const pair = new KemPair();
    pair.delays = losing(pattern);
    pair.check = () => assert.ok(pair.common, `pattern ${pattern}`);
    pair.handshake(pair.low);
    pair.run(120_000, () => pair.session?.bare === false);
    assert.is(pair.session?.bare, false, `pattern ${pattern}`);
    assert.is(pair.failed, 0);
  }
});

kem('every pattern of loss at the daily rotation: at no time a bare session', () => {
  for (let pattern = 0; pattern < 1 << 10; pattern++) {
    const pair = new KemPair();
    pair.handshake(pair.high);
    pair.run(1_000);
    const before = pair.session?.key;
    const sent = pair.sent;
    pair.delays = (n) => losing(pattern)(n - sent);
    pair.check = () => assert.ok(pair.agreed, `pattern ${pattern}`);
    pair.run(ROTATE_MS + 120_000);
    pair.handshake(pattern & 1 ? pair.low : pair.high);
    pair.run(pair.now + 30_000); // so many were lost that it was put off until this session
    pair.handshake(pattern & 2 ? pair.low : pair.high);
    assert.is(pair.failed, 0);
    assert.is.not(pair.session?.key, before);
    assert.is(pair.session?.bare, false);
    assert.is(pair.bareSessions, 1, 'the first of all');
    assert.is(pair.knocks.length, 1, 'no handshake out of turn');
  }
});

kem('a rotation that falls into silence is made up for at the next session', () => {
  const pair = new KemPair();
  pair.handshake(pair.low);
  pair.run(1_000);
  for (const side of [pair.low, pair.high]) side.ground.met.clear();
  pair.run(2 * ROTATE_MS);
  assert.is(pair.sent, 3);
  assert.is(pair.low.kem.deadline(), undefined);
  pair.handshake(pair.low);
  const before = pair.session?.key;
  pair.run(pair.now + 1_000);
  pair.handshake(pair.high);
  assert.is.not(pair.session?.key, before);
  assert.is(pair.bareSessions, 1);
});

kem('a reboot of either side at every moment of an exchange', () => {
  for (const rebooted of ['low', 'high'] as const) {
    for (const starter of ['low', 'high'] as const) {
      for (let after = 0; after <= 60; after += 5) {
        const pair = new KemPair();
        pair.handshake(pair.high);
        pair.run(after);
        pair.reboot(pair[rebooted], 99);
        pair.handshake(pair[starter]);
        pair.run(pair.now + 60_000, () => pair.session?.bare === false);
        assert.is(pair.session?.bare, false, `${rebooted} after ${after}, ${starter} starts`);
        pair.run(pair.now + 10_000);
        assert.ok(pair.agreed);
      }
    }
  }
});

kem('the old key goes into the new one while both have it', () => {
  const keyAfter = (change: (pair: KemPair) => void) => {
    const pair = new KemPair();
    pair.handshake(pair.low);
    pair.run(1_000);
    change(pair);
    pair.run(ROTATE_MS + 1_000);
    pair.handshake(pair.low);
    return pair.session!.key;
  };
  assert.is(
    keyAfter(() => {}),
    keyAfter(() => {}),
    'the same dice, the same key',
  );
  const other = keyAfter((pair) => {
    pair.handshake(pair.low); // a session more: another hash
  });
  assert.is.not(
    keyAfter(() => {}),
    other,
  );
});

kem('delay, copies, reordering, handshakes and reboots in between: it settles', () => {
  const event = fc.record({
    wait: fc.integer({ min: 1, max: 3_000 }),
    what: fc.constantFrom('low', 'high', 'low', 'high', 'reboot low', 'reboot high', 'nothing'),
  });
  const delays = fc.array(fc.array(fc.integer({ min: 1, max: 2_000 }), { maxLength: 2 }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), delays, (events, table) => {
      const pair = new KemPair();
      pair.delays = (n) => table[n] ?? [10];
      pair.handshake(pair.low);
      for (const { wait, what } of events) {
        pair.run(pair.now + wait);
        const side: Side = what.endsWith('low') ? pair.low : pair.high;
        if (what.startsWith('reboot')) pair.reboot(side, 50 + pair.now);
        if (what !== 'nothing') pair.handshake(side);
      }
      pair.run(pair.now + 30_000);
      pair.handshake(pair.low);
      pair.run(pair.now + 60_000, () => pair.session?.bare === false);
      assert.is(pair.session?.bare, false);
      const failed = pair.failed;
      pair.run(pair.now + 60_000);
      pair.handshake(pair.high);
      pair.handshake(pair.low);
      assert.is(pair.session?.bare, false);
      assert.is(pair.failed, failed);
    }),
    { numRuns: 1_500 },
  );
});

kem('what a peer can make us do is bounded', () => {
  const [low, high] = [nodeId(1), nodeId(2)].sort() as [string, string];
  const ground = new FakeGround(high, new FakeRoll([low, high]));
  ground.met.add(low);
  const one = new KemKeys(ground, plainKem);
  const out: MeshEffect[] = [];
  const hash = new Uint8Array(32).fill(1);
  one.onMet(low, { initiator: false, from: place('192.0.2.1'), hash, bare: true }, times(0), out);
  const asker = new KemKeys(new FakeGround(low, ground.roll), plainKem);
  const asked: MeshEffect[] = [];
  asker.onMet(
    high,
    { initiator: true, from: place('192.0.2.2'), hash, bare: true },
    times(0),
    asked,
  );
  const [first] = asked;
  if (first?.kind !== 'frame' || first.frame.kind !== 'kem-key') throw new Error('no key');
  for (let i = 0; i < 1_000; i++) {
    const key = Uint8Array.from(first.frame.key);
    key.set([i & 255, i >> 8], 40);
    one.onFrame(low, { ...first.frame, key }, times(BOXES_MS - 1), out);
  }
  assert.is(out.filter((effect) => effect.kind === 'frame').length, BOXES_MAX);
  const stray = { kind: 'kem-box', box: new Uint8Array(1_088), old: hash, made: hash } as const;
  one.onFrame(low, stray, times(0), out);
  one.onFrame(nodeId(9), stray, times(0), out);
  assert.is(out.filter((effect) => effect.kind === 'frame').length, BOXES_MAX);
});

kem('what is handed out is a copy, and outlives what is forgotten', () => {
  const pair = new KemPair();
  pair.handshake(pair.low);
  pair.run(1_000);
  const given = pair.low.keys.respond;
  pair.low.kem.forget(pair.high.node);
  assert.ok(!isZero(given), 'ours to keep');
  assert.is(pair.low.kem.deadline(), undefined);
});

kem.run();
