import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AUTHENTIC,
  type Engine,
  PENDING,
  REFUSED,
} from '../../../agent/dataplane/engines/engine.js';
import { makeExam } from '../../../agent/dataplane/engines/exam.js';
import { NobleEngine } from '../../../agent/dataplane/engines/noble.js';
import { selfTest } from '../../../agent/dataplane/engines/selftest.js';
import { SimdEngine } from '../../../agent/dataplane/engines/simd.js';
import { SplitEngine } from '../../../agent/dataplane/engines/split.js';
import { newWorkbench, waysToOpenssl } from './workbench.js';

const work = newWorkbench();
const { bench, packets, table } = work;
const exam = makeExam();
const simd = new SimdEngine(table, work.wasm);

/** The simd engine, and then something wrong. */
function spoiled(what: 'seal' | 'open', lie: (index: number) => void): Engine {
  const after = (done: boolean, first: number, count: number) => {
    for (let i = first; i < first + count; i++) lie(i);
    return done;
  };
  return {
    name: 'simd',
    seal: (first, count) =>
      what === 'seal' ? after(simd.seal(first, count), first, count) : simd.seal(first, count),
    open: (first, count) =>
      what === 'open' ? after(simd.open(first, count), first, count) : simd.open(first, count),
    close: () => {},
  };
}

const selftest = suite('dataplane/engines/selftest');

selftest('every real engine passes', () => {
  assert.is(selfTest(new NobleEngine(table), exam, bench), undefined);
  assert.is(selfTest(simd, exam, bench), undefined);
  for (const [name, openssl] of waysToOpenssl(work)) {
    assert.is(selfTest(openssl, exam, bench), undefined, name);
    const split = new SplitEngine(table, simd, openssl, 300);
    assert.is(selfTest(split, exam, bench), undefined, name);
    openssl.close();
    assert.is(selfTest(openssl, exam, bench), 'failed to seal', `${name} closed`);
  }
});

const at = (i: number, byte: number) => {
  const bytes = packets.bytes;
  const index = packets.sealed(i).byteOffset + byte;
  bytes[index] = (bytes[index] ?? 0) ^ 4;
};
const only = (length: number, lie: (i: number) => void) => (i: number) => {
  if (packets.length(i) === length) lie(i);
};

const ROWS: [string, Engine, string][] = [
  [
    'a wrong tag',
    spoiled(
      'seal',
      only(449, (i) => at(i, 449 + 7)),
    ),
    'sealed wrongly: 449 bytes',
  ],
  [
    'a wrong text',
    spoiled(
      'seal',
      only(4_163, (i) => at(i, 4_162)),
    ),
    'sealed wrongly: 4163 bytes',
  ],
  [
    'a byte before',
    spoiled(
      'seal',
      only(0, (i) => at(i, -1)),
    ),
    'wrote outside the packet',
  ],
  [
    'a byte behind',
    spoiled(
      'seal',
      only(193, (i) => at(i, 209)),
    ),
    'wrote outside the packet',
  ],
  ['a changed key', spoiled('seal', (i) => packets.key(i).fill(0)), 'wrote into a key'],
  [
    'a wrong opening',
    spoiled(
      'open',
      only(64, (i) => at(i, 63)),
    ),
    'opened wrongly: 64 bytes',
  ],
  [
    'a byte behind',
    spoiled(
      'open',
      only(15, (i) => at(i, 31)),
    ),
    'wrote outside the packet',
  ],
  [
    'refusals',
    spoiled(
      'open',
      only(1_025, (i) => packets.setState(i, REFUSED)),
    ),
    'refused 1025',
  ],
  ['nothing opened', { ...spoiled('seal', () => {}), open: () => true }, 'refused 64 bytes'],
  ['a failed seal', { ...spoiled('seal', () => {}), seal: () => false }, 'failed to seal'],
  ['a failed open', { ...spoiled('seal', () => {}), open: () => false }, 'failed to open'],
  [
    'an exception',
    {
      ...spoiled('seal', () => {}),
      seal: () => {
        throw new Error('boom');
      },
    },
    'failed: boom',
  ],
];

for (const [name, engine, want] of ROWS) {
  selftest(`catches ${name}: ${want}`, () => {
    const problem = selfTest(engine, exam, bench) ?? 'nothing found';
    assert.is(problem.startsWith(want), true, problem);
  });
}

selftest('catches who accepts forgeries, of any kind', () => {
  const gullible: Engine = {
    ...spoiled('seal', () => {}),
    open: (first, count) => {
      for (let i = first; i < first + count; i++) {
        if (packets.state(i) !== PENDING) continue;
        // Decrypts by sealing: the same stream; then claims authenticity.
        const tag = packets.sealed(i).slice(-16);
        simd.seal(i, 1);
        packets.sealed(i).set(tag, packets.length(i));
        packets.setState(i, AUTHENTIC);
      }
      return true;
    },
  };
  assert.is(selfTest(gullible, exam, bench), 'accepted 64 bytes with a forged tag');
});

selftest('catches who opens what is not pending', () => {
  const eager: Engine = {
    ...spoiled('seal', () => {}),
    open: (first, count) => {
      for (let i = first; i < first + count; i++) packets.setState(i, PENDING);
      return simd.open(first, count);
    },
  };
  assert.is(selfTest(eager, exam, bench), 'opened a packet that was not pending');
});

selftest.run();
