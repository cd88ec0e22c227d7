// What the other engines' tests do not ask: packets so close that the lengths behind one lie over
// the next, batches longer than the room for one-time keys, and what is left behind.

import { createCipheriv } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUTHENTIC, type Engine, REFUSED } from '../../../agent/dataplane/engines/engine.js';
import { openPrimitives } from '../../../agent/dataplane/engines/primitives.js';
import { newWorkbench, put, ROOM } from './workbench.js';

const work = newWorkbench();
const { packets, table, wasm } = work;
const KEYS = ROOM;
const TEXTS = ROOM + 0x4000;

function open(): Engine {
  const engine = openPrimitives(table, wasm);
  if (typeof engine === 'string') throw new Error(engine);
  return engine;
}

type Spot = { text: number; length: number; key: number; counter: bigint; session: number };

/** One behind the other, with `gap` bytes between a tag and the next text. */
function spots(lengths: readonly number[], gap: number): Spot[] {
  let at = TEXTS;
  return lengths.map((length, i) => {
    const text = at;
    at += length + 16 + gap;
    return { text, length, key: KEYS + (i % 7) * 32, counter: BigInt(i) << 20n, session: i };
  });
}

const keyOf = (spot: Spot) => new Uint8Array(32).fill(1 + (spot.key - KEYS) / 32);
const textOf = (spot: Spot) => new Uint8Array(spot.length).fill(0x80 + (spot.session & 0x7f));

function sealedOf(spot: Spot): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(spot.counter, 4);
  const options = { authTagLength: 16 };
  const cipher = createCipheriv('chacha20-poly1305', keyOf(spot), nonce, options);
  return Buffer.concat([cipher.update(textOf(spot)), cipher.final(), cipher.getAuthTag()]);
}

function lay(all: readonly Spot[], content: (spot: Spot) => Uint8Array): void {
  packets.bytes.fill(0x5a, TEXTS - 64, TEXTS + 0x20000);
  for (const [i, spot] of all.entries()) put(work, i, spot, keyOf(spot), content(spot));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const between = (a: Spot, b: Spot) => packets.bytes.subarray(a.text + a.length + 16, b.text);

const primitives = suite('dataplane/engines/primitives');

for (const gap of [0, 1, 16]) {
  primitives(`a train of 150 with ${gap} bytes between tag and text`, () => {
    const engine = open();
    const lengths = Array.from({ length: 150 }, (_, i) => [500, 33, 0, 512, 7, 449][i % 6] ?? 0);
    const all = spots(lengths, gap);
    lay(all, textOf);
    assert.is(engine.seal(0, all.length), true);
    for (const [i, spot] of all.entries()) {
      assert.is(hex(packets.sealed(i)), hex(sealedOf(spot)), `sealed ${i}`);
      const next = all[i + 1];
      if (next) assert.is(hex(between(spot, next)), '5a'.repeat(gap), `behind ${i}`);
    }

    lay(all, sealedOf);
    const forged = [0, 63, 64, 149];
    for (const i of forged) packets.bytes[all[i]!.text + all[i]!.length]! ^= 1;
    const before = forged.map((i) => hex(packets.sealed(i)));
    assert.is(engine.open(0, all.length), true);
    for (const [i, spot] of all.entries()) {
      const bad = forged.includes(i);
      assert.is(packets.state(i), bad ? REFUSED : AUTHENTIC, `state ${i}`);
      if (!bad) assert.is(hex(packets.text(i)), hex(textOf(spot)), `opened ${i}`);
      const next = all[i + 1];
      if (next) assert.is(hex(between(spot, next)), '5a'.repeat(gap), `behind ${i}`);
    }
    const after = forged.map((i) => hex(packets.sealed(i)));
    assert.equal(after, before, 'what is forged is not decrypted');
    engine.close();
  });
}

primitives('closing clears one-time keys and works no more', () => {
  const engine = open();
  const all = spots([600, 600], 0);
  lay(all, textOf);
  engine.seal(0, 2);
  const room = wasm.roomApart();
  const left = () => packets.bytes.subarray(room, room + 512 + 16 + 64 * 48);
  assert.ok(left().some((byte) => byte !== 0));
  engine.close();
  assert.ok(left().every((byte) => byte === 0));
  const before = hex(packets.sealed(0));
  assert.is(engine.seal(0, 2), false);
  assert.is(engine.open(0, 2), false);
  assert.is(hex(packets.sealed(0)), before);
});

primitives('a module without simd/apart.ts is no engine, but a sentence', () => {
  assert.is(openPrimitives(table, {}), 'simd/apart.ts is not built in');
});

primitives.run();
