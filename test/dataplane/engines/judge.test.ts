// Engines that lie, one way each, and what the judge makes of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUTHENTIC, type Engine, REFUSED } from '../../../agent/dataplane/engines/engine.js';
import {
  CHECK_EVERY,
  Judge,
  lengthClass,
  REFUSAL_CHECK_EVERY,
} from '../../../agent/dataplane/engines/judge.js';
import { NobleEngine } from '../../../agent/dataplane/engines/noble.js';
import { SimdEngine } from '../../../agent/dataplane/engines/simd.js';
import { newWorkbench, place, put } from './workbench.js';

const KEY = new Uint8Array(32).fill(1);
const work = newWorkbench();
const { packets, table } = work;

/** The simd engine, with a lie added after it has worked on `first` to `first + count - 1`. */
class Liar implements Engine {
  readonly name = 'simd';
  closed = false;
  honest: Engine = new SimdEngine(table, work.wasm);

  constructor(
    private readonly afterSeal: (index: number) => void = () => {},
    private readonly afterOpen: (index: number) => void = () => {},
  ) {}

  seal(first: number, count: number): boolean {
    const done = this.honest.seal(first, count);
    for (let i = first; i < first + count; i++) this.afterSeal(i);
    return done;
  }

  open(first: number, count: number): boolean {
    const done = this.honest.open(first, count);
    for (let i = first; i < first + count; i++) this.afterOpen(i);
    return done;
  }

  close(): void {
    this.closed = true;
  }
}

function judgeOver(engine: Engine): { judge: Judge; alarms: string[] } {
  const alarms: string[] = [];
  return { judge: new Judge(table, engine, (name, why) => alarms.push(`${name} ${why}`)), alarms };
}

const text = (length: number) => new Uint8Array(length).fill(0x33);

/** Lays out packets of these lengths, as text. */
function lay(lengths: number[], session = 0): void {
  for (const [i, length] of lengths.entries())
    put(work, i, place(i, length, session), KEY, text(length));
}

/** The same, sealed by noble and pending. */
function laySealed(lengths: number[], session = 0): void {
  lay(lengths, session);
  new NobleEngine(table).seal(0, lengths.length);
}

const spoil = (bytes: Uint8Array, at: number) => {
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
};

const judging = suite('dataplane/engines/judge');

judging('length classes: powers of two, broken blocks apart', () => {
  const rows = [0, 1, 15, 16, 17, 32, 48, 64, 1_408, 1_420, 2_048, 65_520, 65_535];
  assert.equal(rows.map(lengthClass), [0, 1, 1, 2, 3, 4, 4, 6, 14, 15, 16, 24, 25]);
});

judging('an honest engine: the first of each key, class and direction, once', () => {
  const { judge, alarms } = judgeOver(new Liar());
  const lengths = [0, 64, 96, 128, 1_408, 1_424, 1_420];
  for (let again = 0; again < 3; again++) {
    lay(lengths);
    assert.is(judge.seal(0, lengths.length), true);
    assert.is(judge.checked, 5, 'classes of 0, 64 and 96, 128, 1408 and 1424, 1420');
  }
  for (let again = 0; again < 3; again++) {
    laySealed(lengths);
    assert.is(judge.open(0, lengths.length), true);
    assert.is(judge.checked, 10);
    for (const [i, length] of lengths.entries()) {
      assert.is(packets.state(i), AUTHENTIC);
      assert.equal(packets.text(i), text(length));
    }
  }
  lay([64], 4_095);
  judge.seal(0, 1);
  assert.is(judge.checked, 11, 'another key');
  judge.begin(4_095);
  judge.begin(7);
  lay([64], 4_095);
  judge.seal(0, 1);
  assert.is(judge.checked, 12, 'a new key in the same slot');
  lay([64]);
  judge.seal(0, 1);
  assert.is(judge.checked, 12, 'the other slots are as before');
  assert.equal(alarms, []);
  assert.is(judge.name, 'simd');
});

judging('one packet in 4,096 of each direction, for ever', () => {
  const { judge } = judgeOver(new Liar());
  assert.is(CHECK_EVERY, 4_096);
  const rounds = 3;
  lay([16, 16, 16, 16]);
  for (let i = 0; i < rounds * 1_024 - 1; i++) judge.seal(0, 4);
  judge.seal(0, 3);
  assert.is(judge.checked, rounds, 'the last one is not due yet');
  judge.seal(0, 1);
  assert.is(judge.checked, 1 + rounds);
  laySealed([16, 16, 16, 16]);
  const sealed = [0, 1, 2, 3].map((i) => packets.sealed(i).slice());
  for (let i = 0; i < rounds * 1_024; i++) {
    for (const [p, bytes] of sealed.entries()) {
      packets.sealed(p).set(bytes);
      packets.setState(p, 0);
    }
    assert.is(judge.open(0, 4), true);
  }
  assert.is(judge.checked, 2 * (1 + rounds));
});

const LIES: [string, Liar, string][] = [
  ['a wrong text', new Liar((i) => spoil(packets.sealed(i), 5)), 'simd sealed 80 bytes wrongly'],
  ['a wrong tag', new Liar((i) => spoil(packets.sealed(i), 95)), 'simd sealed 80 bytes wrongly'],
];

for (const [name, liar, alarm] of LIES) {
  judging(`sealing ${name}: the batch is dropped, noble takes over`, () => {
    const { judge, alarms } = judgeOver(liar);
    lay([80, 80, 80]);
    assert.is(judge.seal(0, 3), false);
    assert.equal(alarms, [alarm]);
    assert.is(judge.alarms, 1);
    assert.is(judge.name, 'noble');
    assert.is(liar.closed, true);

    lay([80, 80, 80]);
    assert.is(judge.seal(0, 3), true);
    const served = packets.sealed(1).slice();
    laySealed([80, 80, 80]);
    assert.equal(served, packets.sealed(1).slice(), 'by noble');
    assert.is(judge.open(0, 3), true);
    assert.is(judge.checked, 1, 'noble is not judged');
    assert.equal(alarms, [alarm], 'one alarm');
  });
}

function caughtOpening(liar: Liar, alarm: string, prepare = () => {}): void {
  const { judge, alarms } = judgeOver(liar);
  laySealed([80, 80, 80]);
  prepare();
  assert.is(judge.open(0, 3), false);
  assert.equal(alarms, [alarm]);
  assert.is(judge.name, 'noble');
  assert.equal(
    [0, 1, 2].map((i) => packets.state(i)),
    [REFUSED, REFUSED, REFUSED],
  );
}

judging('opening to a wrong text is caught', () => {
  caughtOpening(
    new Liar(undefined, (i) => spoil(packets.text(i), 79)),
    'simd opened 80 bytes wrongly',
  );
});

judging('leaving a packet unopened is caught', () => {
  caughtOpening(new Liar(undefined, (i) => packets.setState(i, 0)), 'simd left a packet unopened');
});

judging('accepting a forgery is caught, also where no forgery came in', () => {
  const gullible = () => new Liar(undefined, (i) => packets.setState(i, AUTHENTIC));
  caughtOpening(gullible(), 'simd accepted a flipped bit');
  const forge = () => spoil(packets.sealed(0), 95);
  caughtOpening(gullible(), 'simd accepted a forgery of 80 bytes', forge);
});

judging('the flipped bit wanders, so that no byte is left out for long', () => {
  const seen = new Set<number>(); // the bytes at which a packet differed from the authentic one
  const spy = new Liar();
  spy.honest = {
    name: 'simd',
    seal: () => true,
    open: (first, count) => {
      if (packets.state(first) === 0)
        seen.add(packets.sealed(first).findIndex((b, i) => b !== good[i]));
      return new SimdEngine(table, work.wasm).open(first, count);
    },
    close: () => {},
  };
  laySealed([16]);
  const good = packets.sealed(0).slice();
  const { judge } = judgeOver(spy);
  for (let i = 0; i < 400; i++) {
    judge.begin(0);
    packets.sealed(0).set(good);
    packets.setState(0, 0);
    assert.is(judge.open(0, 1), true);
  }
  seen.delete(-1); // the packet itself
  assert.is(seen.size, 32);
});

judging('refusing what is authentic is caught, though not every refusal is checked', () => {
  const { judge, alarms } = judgeOver(new Liar(undefined, (i) => packets.setState(i, REFUSED)));
  let batches = 0;
  let served = true;
  while (served && batches < 1_000) {
    laySealed([80]);
    served = judge.open(0, 1);
    batches++;
  }
  assert.is(batches, REFUSAL_CHECK_EVERY);
  assert.equal(alarms, ['simd refused 80 bytes that were authentic']);
});

judging('a flood of forgeries costs few checks and leaves the first packet unchecked', () => {
  const { judge, alarms } = judgeOver(new Liar());
  for (let i = 0; i < 640; i++) {
    laySealed([80]);
    spoil(packets.sealed(0), 3);
    assert.is(judge.open(0, 1), true);
    assert.is(packets.state(0), REFUSED);
  }
  assert.is(judge.checked, 640 / REFUSAL_CHECK_EVERY);
  laySealed([80]);
  judge.open(0, 1);
  assert.is(judge.checked, 640 / REFUSAL_CHECK_EVERY + 1);
  assert.equal(alarms, []);
});

judging('failing and throwing are disagreements too', () => {
  const fails: Engine = { name: 'openssl', seal: () => false, open: () => false, close: () => {} };
  const throws: Engine = {
    ...fails,
    seal: () => {
      throw new Error('no');
    },
    open: () => {
      throw new Error('no');
    },
  };
  for (const engine of [fails, throws]) {
    lay([16]);
    const sealing = judgeOver(engine);
    assert.is(sealing.judge.seal(0, 1), false);
    assert.equal(sealing.alarms, ['openssl failed to seal']);
    laySealed([16]);
    const opening = judgeOver(engine);
    assert.is(opening.judge.open(0, 1), false);
    assert.equal(opening.alarms, ['openssl failed to open']);
    assert.is(packets.state(0), REFUSED);
  }
});

judging('packets behind the checked one are worked on, those not pending passed over', () => {
  const { judge } = judgeOver(new Liar());
  laySealed([80, 96, 1_424, 80, 16]);
  packets.setState(2, 7);
  spoil(packets.sealed(3), 0);
  assert.is(judge.open(0, 5), true);
  assert.equal(
    [0, 1, 2, 3, 4].map((i) => packets.state(i)),
    [1, 1, 7, 2, 1],
  );
  assert.equal(packets.text(1), text(96));
});

judging('every packet of a batch is sealed, checked or not', () => {
  const { judge } = judgeOver(new Liar());
  const lengths = [80, 80, 1_424, 80, 96];
  laySealed(lengths);
  const want = lengths.map((_, i) => Buffer.from(packets.sealed(i)).toString('hex'));
  for (const checks of [2, 2]) {
    lay(lengths);
    assert.is(judge.seal(0, lengths.length), true);
    assert.is(judge.checked, checks);
    assert.equal(
      lengths.map((_, i) => Buffer.from(packets.sealed(i)).toString('hex')),
      want,
    );
  }
});

judging('a failure behind the checked packets drops the batch too', () => {
  let works = true;
  const tiring = new Liar();
  const simd = tiring.honest;
  tiring.honest = {
    ...simd,
    name: 'simd',
    seal: (f, c) => works && simd.seal(f, c),
    open: () => works,
  };
  const { judge, alarms } = judgeOver(tiring);
  lay([80, 80]);
  assert.is(judge.seal(0, 2), true);
  works = false;
  assert.is(judge.seal(0, 2), false);
  assert.equal(alarms, ['simd failed to seal']);
});

judging.run();
