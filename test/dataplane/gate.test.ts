import { blake2s } from '@noble/hashes/blake2.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DROP_REASONS, type DropReason } from '../../agent/dataplane/drops.js';
import { Gate } from '../../agent/dataplane/gate.js';
import * as L from '../../agent/dataplane/layout.js';
import { Ledger } from '../../agent/dataplane/ledger.js';
import { handshakesWaiting } from '../../agent/dataplane/ring.js';
import { RING_ENTRIES, SharedMemory } from '../../agent/dataplane/sharedmemory.js';
import { Offline } from './offline.js';

const gate = suite('dataplane/gate');

const publicKey = new Uint8Array(32).fill(9);
const mac1Key = blake2s(Buffer.concat([Buffer.from('mac1----'), publicKey]));

/** A message of this type with the right mac1, and nothing else that is right. */
function message(type: 1 | 2 | 3): Buffer {
  const bytes = Buffer.alloc([0, 148, 92, 64][type]!);
  bytes[0] = type;
  if (type === 3) return bytes;
  const end = bytes.length - 32;
  bytes.set(blake2s(bytes.subarray(0, end), { key: mac1Key, dkLen: 16 }), end);
  return bytes;
}

function newGate() {
  const { memory } = new Offline();
  const shared = new SharedMemory();
  let wakes = 0;
  const one = new Gate(memory, shared, new Ledger(memory, shared, 0, () => {}), () => wakes++);
  one.setIdentity(publicKey);
  const pass = (datagram: Uint8Array, now = 0) => {
    memory.bytes.set(datagram, L.RECEIVE_BUFFERS);
    memory.words.set([L.RECEIVE_BUFFERS, datagram.length, 0], L.HANDSHAKES >> 2);
    one.pass(1, 0, now);
  };
  const drops = (reason: DropReason) => shared.drops[DROP_REASONS.indexOf(reason)];
  return { pass, drops, shared, wakes: () => wakes, gate: one };
}

gate('messages made for our key pass and wake main once', () => {
  const g = newGate();
  for (const type of [1, 2, 3] as const) g.pass(message(type));
  assert.is(handshakesWaiting(g.shared), 3);
  assert.is(g.wakes(), 1);
});

gate('every flipped bit before mac2 stops a message', () => {
  const g = newGate();
  for (const type of [1, 2] as const) {
    const good = message(type);
    for (let bit = 32; bit < (good.length - 16) * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      g.pass(bad);
    }
  }
  assert.is(handshakesWaiting(g.shared), 0);
  assert.is(g.drops('handshake-mac1'), (148 + 92 - 2 * 20) * 8);
});

gate('lengths are exact', () => {
  const g = newGate();
  for (const type of [1, 2, 3] as const) {
    const good = message(type);
    g.pass(good.subarray(0, -1));
    g.pass(Buffer.concat([good, Buffer.alloc(1)]));
  }
  assert.is(g.drops('outside-malformed'), 6);
  assert.is(handshakesWaiting(g.shared), 0);
});

gate("cookie replies are rationed: a second's worth at once, then as time goes by", () => {
  const g = newGate();
  for (let i = 0; i < 60; i++) g.pass(message(3), 1_000);
  assert.is(g.drops('handshake-rate'), 10);
  g.pass(message(3), 1_020);
  assert.is(g.drops('handshake-rate'), 10);
});

gate('a full ring drops; without an identity nothing passes', () => {
  const g = newGate();
  for (let i = 0; i < RING_ENTRIES + 5; i++) g.pass(message(1));
  assert.is(g.drops('handshake-ring-full'), 5);
  g.gate.setIdentity(null);
  g.pass(message(1));
  assert.is(g.drops('handshake-mac1'), 1);
});

gate.run();
