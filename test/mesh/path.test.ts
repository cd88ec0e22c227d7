// How two members find to each other and stay together, as stories in virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NatType } from './nattable.js';
import { homes } from './paths.js';

const path = suite('mesh/path');

const kinds: (NatType | null)[] = [null, 'full', 'address', 'port', 'symmetric'];
const name = (kind: NatType | null) => kind ?? 'public';

for (const left of kinds) {
  for (const right of kinds) {
    const hard = [left, right].filter((kind) => kind === 'symmetric').length;
    const strict = [left, right].filter((kind) => kind === 'port').length;
    const apart = hard === 2 || (hard === 1 && strict === 1);
    const want = apart ? 'relay' : 'direct';
    path(`${name(left)} to ${name(right)}: ${want}`, () => {
      const { world, a, b } = homes(left, right);
      const began = world.now;
      a.stream(b, 1, 60, 100);
      world.run(began + 300);
      assert.ok(a.answers.has(1), 'the first packet was answered within 300 ms');
      world.run(began + 5_000);
      assert.is(a.paths.view(b.id).class, want, 'a to b');
      assert.is(b.paths.view(a.id).class, want, 'b to a');
      world.run(began + 8_000);
      assert.is(b.got.size, 60, 'nothing was lost on the way from one path to the other');
      assert.is(a.answers.size, 60);
    });
  }
}

path.run();
