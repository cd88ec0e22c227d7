import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OrderedIds } from '../../agent/identity/idset.js';
import { idBytes, idOf } from '../../agent/identity/nodeid.js';

const NONE = new Uint8Array();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** An id whose first two bytes are `value`, so that ids are near each other. */
function id(value: number): string {
  const bytes = new Uint8Array(32).fill(value * 7 + 3);
  bytes[0] = value >> 8;
  bytes[1] = value & 0xff;
  return idOf(bytes);
}

/** The same, short and slow. */
class Twin {
  readonly all = new Set<string>();

  range(from: Uint8Array, to: Uint8Array): string[] {
    const bound = (hexId: string) => hexId >= hex(from) && (to.length === 0 || hexId < hex(to));
    return [...this.all]
      .map((one) => hex(idBytes(one)))
      .filter(bound)
      .sort()
      .map((text) => idOf(Uint8Array.from(Buffer.from(text, 'hex'))));
  }
}

const idset = suite('identity/idset');

const bound = fc.oneof(
  fc.constant(NONE),
  fc.uint8Array({ minLength: 1, maxLength: 3 }),
  fc.nat(700).map((value) => idBytes(id(value))),
);
const step = fc.record({ value: fc.nat(700), adds: fc.boolean(), forks: fc.nat(200) });

idset('does as its twin does, forks too', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 900, size: 'max' }),
      bound,
      bound,
      (steps, from, to) => {
        let ids = new OrderedIds();
        const twin = new Twin();
        const old: [OrderedIds, string][] = [];
        for (const { value, adds, forks } of steps) {
          const one = id(value);
          assert.is(adds ? ids.add(one) : ids.delete(one), adds !== twin.all.has(one));
          if (adds) twin.all.add(one);
          else twin.all.delete(one);
          if (forks > 0) continue;
          old.push([ids, hex(ids.fingerprint(NONE, NONE))]);
          ids = ids.fork();
        }
        const inside = twin.range(from, to);
        assert.is(ids.count, twin.all.size);
        assert.equal(ids.ids(from, to), inside);
        assert.equal(ids.ids(from, to, 3), inside.slice(0, 3));
        assert.is(ids.countIn(from, to), inside.length);
        for (const index of [0, 2, inside.length >> 1, inside.length - 1, inside.length]) {
          const wanted = inside[index];
          assert.equal(ids.at(from, to, index), wanted && idBytes(wanted), `at ${index}`);
        }
        for (const [fork, fingerprint] of old)
          assert.is(hex(fork.fingerprint(NONE, NONE)), fingerprint, 'an older one is as it was');
        const again = new OrderedIds();
        for (const one of inside.toReversed()) again.add(one);
        assert.is(hex(again.fingerprint(NONE, NONE)), hex(ids.fingerprint(from, to)));
      },
    ),
    { numRuns: 30 },
  );
});

idset('fingerprints differ where ids do', () => {
  const seen = new Set<string>();
  const ids = new OrderedIds();
  seen.add(hex(ids.fingerprint(NONE, NONE)));
  for (let value = 0; value < 600; value++) {
    ids.add(id(value));
    seen.add(hex(ids.fingerprint(NONE, NONE)));
  }
  assert.is(seen.size, 601);
  assert.is(ids.fingerprint(NONE, NONE).length, 16);
  assert.is(ids.has(id(599)), true);
  assert.is(ids.has(id(600)), false);
});

idset('an empty range, and one upside down', () => {
  const ids = new OrderedIds();
  for (let value = 0; value < 10; value++) ids.add(id(value));
  const [low, high] = [idBytes(id(2)), idBytes(id(7))];
  assert.equal(ids.ids(low, low), []);
  assert.equal(ids.ids(high, low), []);
  assert.is(ids.countIn(high, low), 0);
  assert.equal(ids.fingerprint(high, low), ids.fingerprint(low, low));
  assert.equal(ids.ids(low, high), [2, 3, 4, 5, 6].map(id));
});

idset.run();
