import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isLater, TimestampClock } from '../../agent/wireguard/timestamp.js';

const timestamp = suite('wireguard/timestamp');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const WALL = 1_700_000_000_000;
const HOUR = 3_600;

/** Unix seconds of a timestamp. */
const seconds = (bytes: Uint8Array) =>
  Number(Buffer.from(bytes).readBigUInt64BE() - 2n ** 62n) - 10;

timestamp('seconds since 1970 TAI plus 2^62, nanoseconds without their low 24 bits', () => {
  const { timestamp: first } = new TimestampClock().next(0, WALL + 999);
  assert.is(hex(first), '400000006553f10a' + '3b000000'); // 999 ms = 0x3b8b87c0 ns
  const { timestamp: exact } = new TimestampClock().next(0, WALL);
  assert.is(hex(exact), '400000006553f10a' + '00000000');
});

timestamp('always later than the one before, whatever the clocks say', () => {
  const step = fc.tuple(fc.nat(100_000), fc.integer({ min: 0, max: 4e12 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const clock = new TimestampClock();
      let [now, last] = [0, new Uint8Array(12)];
      for (const [passed, wall] of steps) {
        now += passed % 7 === 0 ? 0 : passed;
        const next = clock.next(now, wall);
        assert.ok(isLater(next.timestamp, last));
        assert.not(isLater(last, next.timestamp));
        assert.ok(clock.lowest()! > seconds(next.timestamp));
        last = Uint8Array.from(next.timestamp);
      }
    }),
    { numRuns: 300 },
  );
});

timestamp('the ceiling goes an hour ahead of use, and is renewed before it is reached', () => {
  const clock = new TimestampClock();
  const raised: [number, number][] = [];
  for (let passed = 0; passed <= 3 * HOUR; passed += 5) {
    const { ceiling, timestamp: at } = clock.next(passed * 1_000, WALL + passed * 1_000);
    if (ceiling !== undefined) raised.push([passed, ceiling - seconds(at)]);
    assert.ok(seconds(at) < WALL / 1_000 + (raised.at(-1)?.[0] ?? 0) + HOUR - 595);
  }
  assert.equal(
    raised.map(([, ahead]) => ahead),
    raised.map(() => HOUR),
  );
  const gaps = raised.slice(1).map(([at], i) => at - raised[i]![0]);
  assert.ok(gaps.length > 0 && gaps.every((gap) => gap >= 600), `${gaps}`);
});

timestamp('boot: the later of clock and ceiling, and on by the monotonic clock', () => {
  const ceiling = WALL / 1_000 + HOUR;
  const clock = new TimestampClock(ceiling);
  const first = clock.next(5_000, 0);
  assert.is(seconds(first.timestamp), ceiling);
  assert.is(first.ceiling, ceiling + HOUR);
  assert.is(seconds(clock.next(65_000, 0).timestamp), ceiling + 60);
  const ahead = new TimestampClock(ceiling).next(0, WALL + 2 * HOUR * 1_000);
  assert.is(seconds(ahead.timestamp), ceiling + HOUR);
});

timestamp('a clock a day above the ceiling counts only once it is synchronised', () => {
  const ceiling = WALL / 1_000;
  const nonsense = WALL + 86_401_000;
  const clock = new TimestampClock(ceiling);
  assert.is(seconds(clock.next(0, nonsense).timestamp), ceiling);
  clock.trust();
  assert.is(seconds(clock.next(1_000, nonsense + 1_000).timestamp), nonsense / 1_000 + 1);
  const without = new TimestampClock(); // no earlier run to measure by: any leap counts
  without.next(0, 1_000);
  assert.is(seconds(without.next(1_000, WALL).timestamp), WALL / 1_000);
  const close = new TimestampClock(ceiling).next(0, WALL + 86_400_000);
  assert.is(seconds(close.timestamp), ceiling + 86_400);
});

timestamp('a crash at any moment: the next run begins above all that was sent', () => {
  let [ceiling, last]: [number | undefined, Uint8Array] = [undefined, new Uint8Array(12)];
  for (let run = 0; run < 20; run++) {
    const clock = new TimestampClock(ceiling);
    for (let i = 0; i <= run; i++) {
      const next = clock.next(i * 700_000, run % 2 === 0 ? WALL : 0);
      assert.ok(isLater(next.timestamp, last), `run ${run}, ${i}`);
      last = next.timestamp;
      ceiling = next.ceiling ?? ceiling;
    }
  }
});

timestamp('a clean end lowers the ceiling to what was used', () => {
  const clock = new TimestampClock(7);
  assert.is(clock.lowest(), undefined, 'nothing used: the old one stays');
  const { timestamp: at } = clock.next(0, WALL);
  assert.is(clock.lowest(), seconds(at) + 1);
});

timestamp.run();
