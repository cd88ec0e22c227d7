import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as L from '../../../agent/dataplane/layout.js';
import { Offline } from '../offline.js';
import { numbers } from '../random.js';
import { Window } from '../twin.js';

const window = suite('dataplane/simd/window');

type Exports = {
  fresh(session: number, next: bigint, counter: bigint): number;
  accept(session: number, next: bigint, counter: bigint): bigint;
};

class Fast {
  private readonly wasm = new Offline().memory.wasm as unknown as Exports;
  private next = 0n;

  accepts(counter: bigint): boolean {
    if (!this.wasm.fresh(3, this.next, counter)) return false;
    this.next = BigInt.asUintN(64, this.wasm.accept(3, this.next, counter));
    return true;
  }
}

const rows: ReadonlyArray<readonly [string, readonly bigint[]]> = [
  ['in order', [0n, 1n, 2n, 3n]],
  ['the same twice', [0n, 0n, 5n, 5n, 0n]],
  ['the edge of the window', [8_127n, 0n, 8_128n, 0n, 1n, 8_129n, 1n, 2n]],
  ['a leap over the whole ring', [1n, 1_000_000n, 1n, 991_872n, 991_873n, 999_999n]],
  ['beyond 2^32 and 2^53', [2n ** 32n, 2n ** 32n - 1n, 2n ** 53n + 1n, 2n ** 53n + 1n]],
];

for (const [name, counters] of rows) {
  window(`agrees with the obvious one: ${name}`, () => {
    const fast = new Fast();
    const slow = new Window();
    for (const counter of counters)
      assert.is(fast.accepts(counter), slow.accepts(counter), `${counter}`);
  });
}

window('agrees with the obvious one on 200,000 counters, shuffled, repeated and leaping', () => {
  const fast = new Fast();
  const slow = new Window();
  const random = numbers(7);
  let at = 0;
  for (let i = 0; i < 200_000; i++) {
    at += random() % 1_000 === 0 ? random() % 20_000 : 1;
    const counter = BigInt(Math.max(0, at - (random() % 9_000)));
    assert.is(fast.accepts(counter), slow.accepts(counter), `${counter} near ${at}`);
  }
});

window('the last counters of all are refused', () => {
  const fast = new Fast();
  assert.not(fast.accepts(2n ** 64n - 1n));
  assert.not(fast.accepts(2n ** 64n - 2n ** 13n));
  assert.ok(fast.accepts(2n ** 64n - 2n ** 13n - 2n));
});

window('a window of one session does not touch its neighbours', () => {
  const node = new Offline();
  const wasm = node.memory.wasm as unknown as Exports;
  for (let i = 0n; i < 20_000n; i++) wasm.accept(1, i, i);
  const all = node.memory.bytes;
  const isZero = (from: number, to: number) => all.subarray(from, to).every((byte) => byte === 0);
  assert.ok(isZero(L.WINDOWS, L.WINDOWS + 1024));
  assert.not(isZero(L.WINDOWS + 1024, L.WINDOWS + 2048));
  assert.ok(isZero(L.WINDOWS + 2048, L.WINDOWS + 4096));
});

window.run();
