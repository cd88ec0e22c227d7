import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshPath } from '../../agent/commands/context.js';
import { pairsOf } from '../../agent/dashboard/page/pairs.js';

const path = (from: string, to: string, via: string | null = null): MeshPath => ({
  from,
  to,
  class: via === null ? 'direct' : 'relay',
  via,
  rttMs: 1,
});

const pairs = suite('dashboard/pairs');

pairs('a pair is drawn once, and direct where one of both says so', () => {
  const paths = [path('a', 'b'), path('b', 'a', 'c'), path('d', 'c', 'a'), path('c', 'd')];
  assert.equal(pairsOf(paths), [path('a', 'b'), path('c', 'd')]);
  assert.equal(pairsOf([path('a', 'b', 'c'), path('b', 'a', 'c')]), [path('b', 'a', 'c')]);
  assert.equal(pairsOf([]), []);
});

pairs.run();
