import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Layered } from '../../agent/identity/layered.js';

const layered = suite('identity/layered');

const sorted = (entries: Iterable<[number, number]>) => [...entries].sort(([a], [b]) => a - b);

layered('does as a Map does, and forks are as they were', () => {
  const step = fc.record({ key: fc.nat(400), what: fc.nat(2), forks: fc.nat(150) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, size: 'max' }), (steps) => {
      let map = new Layered<number, number>();
      let twin = new Map<number, number>();
      const old: [Layered<number, number>, Map<number, number>][] = [];
      let value = 1;
      for (const { key, what, forks } of steps) {
        if (what === 0) map.delete(key);
        else map.set(key, ++value);
        if (what === 0) twin.delete(key);
        else twin.set(key, value);
        if (forks > 0) continue;
        const fork = map.fork();
        old.push(key % 2 ? [map, twin] : [fork, twin]);
        twin = new Map(twin);
        map = key % 2 ? fork : map;
      }
      for (const [one, its] of [...old, [map, twin] as const]) {
        assert.is(one.size, its.size);
        assert.equal(sorted(one.entries()), sorted(its.entries()));
        for (const key of [0, 7, 399]) assert.is(one.get(key), its.get(key));
      }
    }),
    { numRuns: 30 },
  );
});

layered.run();
