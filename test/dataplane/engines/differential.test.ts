// Every engine against node:crypto, which is OpenSSL through another door, and against noble.

import { createCipheriv } from 'node:crypto';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUTHENTIC, type Engine, REFUSED } from '../../../agent/dataplane/engines/engine.js';
import { NobleEngine } from '../../../agent/dataplane/engines/noble.js';
import { SimdEngine } from '../../../agent/dataplane/engines/simd.js';
import { SplitEngine } from '../../../agent/dataplane/engines/split.js';
import { newWorkbench, put, ROOM, waysToOpenssl } from './workbench.js';

const FENCE = 0x5a;
const MARGIN = 32;

const work = newWorkbench();
const { packets, table } = work;
const simd = new SimdEngine(table, work.wasm);
const ways = waysToOpenssl(work);
const engines: [string, Engine][] = [
  ['noble', new NobleEngine(table)],
  ['simd', simd],
  ...ways,
  ...ways.map(([name, engine]): [string, Engine] => [
    `${name} and simd`,
    new SplitEngine(table, simd, engine, 200),
  ]),
];

type Case = { key: Uint8Array; counter: bigint; text: Uint8Array; offset: number };

function nonceOf(counter: bigint): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(counter, 4);
  return nonce;
}

function judgeOf({ key, counter, text }: Case): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonceOf(counter), { authTagLength: 16 });
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** Lays the content between fences and has the engine work on it; gives what lies there then. */
function run(engine: Engine, what: 'seal' | 'open', one: Case, content: Uint8Array): Uint8Array {
  const text = ROOM + MARGIN + 48 + one.offset;
  const from = text - MARGIN;
  packets.bytes.fill(FENCE, from, text + one.text.length + 16 + MARGIN);
  const packet = { text, length: one.text.length, key: ROOM, counter: one.counter, session: 0 };
  put(work, 0, packet, one.key, content);
  assert.is(engine[what](0, 1), true);
  const fence = new Uint8Array(MARGIN).fill(FENCE);
  const end = text + one.text.length + 16;
  assert.is(Buffer.compare(packets.bytes.subarray(from, text), fence), 0, 'wrote before');
  assert.is(Buffer.compare(packets.bytes.subarray(end, end + MARGIN), fence), 0, 'wrote behind');
  return packets.bytes.slice(text, end);
}

function check(engine: Engine, one: Case): void {
  const want = judgeOf(one);
  const note = `${one.text.length} bytes at +${one.offset}, counter ${one.counter}`;
  assert.is(Buffer.compare(run(engine, 'seal', one, one.text), want), 0, `seal ${note}`);
  const opened = run(engine, 'open', one, want).subarray(0, one.text.length);
  assert.is(packets.state(0), AUTHENTIC, `open ${note}`);
  assert.is(Buffer.compare(opened, one.text), 0, `open ${note}`);
}

const anyCase = (lengthMax: number) =>
  fc.record({
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    counter: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    text: fc.uint8Array({ minLength: 0, maxLength: lengthMax, size: 'max' }),
    offset: fc.integer({ min: 0, max: 17 }),
  });

const differential = suite('dataplane/engines/differential');

for (const [name, engine] of engines) {
  differential(`${name}: every length from 0 to 300, at every alignment in turn`, () => {
    for (let length = 0; length <= 300; length++) {
      const text = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
      const key = Uint8Array.from({ length: 32 }, (_, i) => (i * 7 + length) & 0xff);
      check(engine, { key, counter: BigInt(length), text, offset: length % 17 });
    }
  });

  differential(`${name}: random packets up to 2,000 bytes`, () => {
    const runs = name === 'noble' ? 60 : 300;
    fc.assert(
      fc.property(anyCase(2_000), (one) => check(engine, one)),
      { numRuns: runs, endOnFailure: true },
    );
  });

  differential(`${name}: random lengths up to 65,535`, () => {
    const length = fc.integer({ min: 2_000, max: 65_535 });
    const runs = name === 'noble' ? 5 : 40;
    fc.assert(
      fc.property(length, fc.integer({ min: 0, max: 15 }), (bytes, offset) => {
        const text = Uint8Array.from({ length: bytes }, (_, i) => (i * 13) & 0xff);
        const key = new Uint8Array(32).fill(bytes & 0xff);
        check(engine, { key, counter: BigInt(bytes), text, offset });
      }),
      { numRuns: runs, examples: [[65_535, 1]] },
    );
  });

  differential(`${name}: a forged tag is refused, whichever bit it is`, () => {
    for (const length of [0, 64, 203, 1_424]) {
      const text = new Uint8Array(length).fill(3);
      const one = { key: new Uint8Array(32).fill(9), counter: 77n, text, offset: 0 };
      const sealed = judgeOf(one);
      for (let bit = 0; bit < 128; bit++) {
        const forged = Uint8Array.from(sealed);
        forged[length + (bit >> 3)]! ^= 1 << (bit & 7);
        run(engine, 'open', one, forged);
        assert.is(packets.state(0), REFUSED, `${length} bytes, bit ${bit}`);
      }
    }
  });

  differential(`${name}: a forged text, key or counter is refused`, () => {
    const text = Uint8Array.from({ length: 470 }, (_, i) => i & 0xff);
    const one = { key: new Uint8Array(32).fill(9), counter: 2n ** 32n, text, offset: 0 };
    const sealed = judgeOf(one);
    for (let at = 0; at < text.length; at++) {
      const forged = Uint8Array.from(sealed);
      forged[at]! ^= 1 << (at & 7);
      run(engine, 'open', one, forged);
      assert.is(packets.state(0), REFUSED, `byte ${at}`);
    }
    for (const counter of [0n, 1n, 2n ** 32n + 1n, 2n ** 33n]) {
      run(engine, 'open', { ...one, counter }, sealed);
      assert.is(packets.state(0), REFUSED, `counter ${counter}`);
    }
    for (let at = 0; at < 32; at++) {
      const key = Uint8Array.from(one.key);
      key[at]! ^= 0x80;
      run(engine, 'open', { ...one, key }, sealed);
      assert.is(packets.state(0), REFUSED, `key byte ${at}`);
    }
  });

  differential(`${name}: a batch of unlike packets, and those not pending are passed over`, () => {
    const lengths = [0, 199, 200, 1_424, 16, 201, 900];
    const key = (i: number) => new Uint8Array(32).fill(i);
    const text = (i: number) => new Uint8Array(lengths[i]!).fill(0x40 + i);
    const at = (i: number) => ROOM + 64 + i * 2_048;
    const sealed = lengths.map((_, i) =>
      judgeOf({ key: key(i), counter: BigInt(i), text: text(i), offset: 0 }),
    );
    for (const [i, length] of lengths.entries()) {
      const packet = { text: at(i), length, key: at(i) - 48, counter: BigInt(i), session: i };
      put(work, 3 + i, packet, key(i), text(i));
    }
    assert.is(engine.seal(3, lengths.length), true);
    for (const i of lengths.keys()) {
      assert.is(Buffer.compare(packets.sealed(3 + i), sealed[i]!), 0, `seal ${i}`);
    }
    packets.sealed(3 + 1)[0]! ^= 1;
    packets.setState(3 + 3, 5);
    assert.is(engine.open(3, lengths.length), true);
    const states = lengths.map((_, i) => packets.state(3 + i));
    assert.equal(states, [1, 2, 1, 5, 1, 1, 1]);
    assert.is(Buffer.compare(packets.sealed(3 + 3), sealed[3]!), 0, 'passed over: untouched');
    assert.is(Buffer.compare(packets.text(3 + 6), text(6)), 0);
  });
}

differential('noble itself agrees with node:crypto', () => {
  fc.assert(
    fc.property(anyCase(700), (one) => {
      const sealed = chacha20poly1305(one.key, nonceOf(one.counter)).encrypt(one.text);
      assert.is(Buffer.compare(sealed, judgeOf(one)), 0);
    }),
    { numRuns: 50, endOnFailure: true },
  );
});

differential.run();
