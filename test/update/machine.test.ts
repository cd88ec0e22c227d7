import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect, Found, Settings } from '../../agent/update/effects.js';
import { UpdateMachine } from '../../agent/update/machine.js';
import type { SignedManifest } from '../../agent/update/manifest.js';
import { EMPTY, inWindow, lackingSpace, type Memory } from '../../agent/update/policy.js';
import type { Start } from '../../agent/update/slots.js';

const HOUR = 3_600_000;
const NORMAL: Start = { is: 'normal' };
const TRIAL: Start = { is: 'trial', seconds: 100, needs: 'member' };

const SETTINGS: Settings = {
  keys: ['KEY'],
  channel: 'stable',
  automatic: 'apply',
  after: null,
  window: null,
  trialSeconds: 100,
};

function release(version: string, more: Partial<SignedManifest> = {}): SignedManifest {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return {
    channel: 'stable',
    version,
    minimum: null,
    notes: `notes of ${version}`,
    issued: 1_000_000 * (100 * major + minor),
    targets: [{ target: 'any', size: 1_000, unpacked: 5_000, chunks: new Uint8Array(32) }],
    key: 'KEY',
    bytes: Buffer.from(version),
    ...more,
  };
}

/** One machine, its time, and what it said. */
class Bench {
  now = 0;
  minute = 12 * 60;
  machine: UpdateMachine;
  effects: Effect[] = [];

  constructor(settings: Partial<Settings> = {}, found: Partial<Found> = {}) {
    const installed = { version: '1.0.0', target: 'any' };
    const all = { installed, previous: '0.9.0', start: NORMAL, memory: EMPTY, newest: undefined };
    const whole = { ...all, ...found };
    this.machine = new UpdateMachine(whole, { ...SETTINGS, ...settings }, () => 0, this.at);
    this.take(this.machine.begin(this.at));
  }

  get at() {
    return { now: this.now, minute: this.minute };
  }

  take(effects: Effect[] | Readonly<{ refused: string }>): string[] {
    if ('refused' in effects) return [`refused: ${effects.refused}`];
    this.effects = effects;
    return effects.filter(({ do: what }) => what !== 'say' && what !== 'remember').map((e) => e.do);
  }

  said(): string {
    return this.effects
      .map((one) => (one.do === 'say' ? one.event : ''))
      .join(' ')
      .trim();
  }

  memory(): Memory | undefined {
    const last = this.effects.filter((one) => one.do === 'remember').at(-1);
    return last?.do === 'remember' ? last.memory : undefined;
  }

  announce(manifest: SignedManifest): string[] {
    return this.take(this.machine.onManifest(manifest));
  }

  wait(ms: number): string[] {
    this.now += ms;
    return this.take(this.machine.tick(this.at));
  }

  fetched(failure?: string, final = false): string[] {
    return this.take(this.machine.onFetched(failure, final, this.at));
  }

  get state(): string {
    return this.machine.view(this.now, 0).state;
  }

  get reason(): string | null {
    return this.machine.view(this.now, 0).reason;
  }
}

const machine = suite('update/machine');

machine('by itself, all the way to the switch', () => {
  const bench = new Bench();
  assert.is(bench.state, 'idle');
  assert.equal(bench.announce(release('1.1.0')), ['fetch']);
  assert.is(bench.state, 'downloading');
  bench.machine.onProgress(420);
  assert.is(bench.machine.view(0, 0).progress, 42);
  assert.equal(bench.fetched(), ['install']);
  assert.is(bench.state, 'installing');
  assert.equal(bench.take(bench.machine.onInstalled(undefined, bench.at)), ['switch']);
  assert.equal(bench.effects, [{ do: 'switch', version: '1.1.0', seconds: 100 }]);
});

machine('off: it is told of, no more; download: it lies here until its owner applies it', () => {
  const off = new Bench({ automatic: 'off' });
  assert.equal(off.announce(release('1.1.0')), []);
  assert.equal([off.state, off.said()], ['announced', 'announced']);
  assert.equal(off.take(off.machine.apply(off.at)), ['fetch']);
  assert.equal(off.fetched(), ['install']);
  const half = new Bench({ automatic: 'download' });
  assert.equal(half.announce(release('1.1.0')), ['fetch']);
  assert.equal(half.fetched(), []);
  assert.is(half.state, 'ready');
  assert.equal(
    half.wait(10 * HOUR).filter((what) => what !== 'look'),
    [],
  );
  assert.equal(half.take(half.machine.apply(half.at)), ['install']);
});

machine('refused: another channel, what is older, a floor, no such machine', () => {
  const memory = { ...EMPTY, floor: '1.5.0' };
  const bench = new Bench({}, { memory });
  const refused = (manifest: SignedManifest, what: RegExp) => {
    assert.equal(bench.announce(manifest), []);
    const [say] = bench.effects;
    assert.match(say?.do === 'say' ? say.line : '', what);
    assert.is(bench.state, 'idle');
  };
  refused(release('1.1.0', { channel: 'beta' }), /channel beta/);
  refused(release('0.9.0'), /older than 1\.0\.0/);
  refused(release('1.4.0'), /older than 1\.5\.0, the oldest/);
  refused(release('1.6.0', { targets: [] }), /no 1\.6\.0 for any/);
  assert.equal(bench.announce(release('1.6.0', { targets: [] })), []);
  assert.is(bench.said(), '', 'the same is said once');
  assert.equal(bench.announce(release('1.0.0')), [], 'what runs is nothing new');
});

machine('a floor is remembered; an older announcement does not replace a newer one', () => {
  const bench = new Bench();
  bench.announce(release('2.0.0', { minimum: '1.5.0' }));
  assert.is(bench.memory()?.floor, '1.5.0');
  assert.equal(bench.announce(release('1.9.0', { issued: 5 })), []);
  assert.match(bench.said(), /refused/);
  assert.is(bench.machine.view(0, 0).latest, '2.0.0');
});

machine('a newer one while another is on its way', () => {
  const bench = new Bench();
  bench.announce(release('1.1.0'));
  assert.equal(bench.announce(release('1.2.0')), ['stop-fetching']);
  assert.equal(bench.fetched('aborted'), ['fetch']);
  const [effect] = bench.effects;
  assert.is(effect?.do === 'fetch' && effect.manifest.version, '1.2.0');
});

machine('a key that is trusted no more', () => {
  const bench = new Bench({ automatic: 'off' });
  bench.announce(release('1.1.0'));
  bench.take(bench.machine.reconfigured({ ...SETTINGS, keys: [] }, bench.at));
  assert.is(bench.state, 'idle');
  assert.match(bench.take(bench.machine.apply(bench.at))[0] ?? '', /refused: there is no newer/);
});

machine('what failed is tried again, ever more rarely; a final failure is not', () => {
  const bench = new Bench();
  bench.announce(release('1.1.0'));
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    assert.equal(bench.fetched('no line'), []);
    assert.is(bench.state, 'announced');
    const before = bench.now;
    for (let hops = 0; bench.state !== 'downloading'; hops++) {
      assert.ok(hops < 10);
      const left = bench.machine.deadline() - bench.now;
      if (bench.wait(left).includes('look')) bench.machine.onLooked(bench.at);
    }
    waits.push((bench.now - before) / 60_000);
  }
  assert.equal(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  bench.fetched('never', true);
  assert.match(bench.reason ?? '', /never/);
  assert.not.ok(bench.wait(100 * HOUR).includes('fetch'));
});

machine('it looks after a while, then every six hours, one look at a time', () => {
  const bench = new Bench();
  assert.is(bench.machine.deadline(), 120_000);
  assert.equal(bench.wait(119_999), []);
  assert.equal(bench.wait(1), ['look']);
  assert.equal(bench.wait(10 * HOUR), []);
  bench.machine.onLooked(bench.at);
  assert.is(bench.machine.deadline(), bench.now + 6 * HOUR);
  assert.equal(bench.take(bench.machine.check(bench.at)), ['look']);
});

machine('staged: after a member that runs it well', () => {
  const bench = new Bench({ after: 'anna' });
  bench.announce(release('1.1.0'));
  assert.equal(bench.fetched(), ['ask']);
  assert.equal([bench.state, bench.reason], ['waiting', 'waits until anna runs 1.1.0 well']);
  const heard = (version: string, confirmed: boolean, from = 'anna') =>
    bench.take(bench.machine.onMember(from, { version, confirmed }, bench.at));
  assert.equal(heard('1.0.0', true), []);
  assert.equal(heard('1.1.0', false), [], 'on trial there');
  assert.equal(heard('1.1.0', true, 'ben'), [], 'somebody else');
  assert.equal(bench.take(bench.machine.onMember('anna', undefined, bench.at)), []);
  assert.equal(bench.wait(59_999), []);
  assert.equal(bench.wait(1), ['ask']);
  assert.equal(heard('1.2.0', true), ['install']);
  const ordered = new Bench({ after: 'anna' });
  ordered.announce(release('1.1.0'));
  ordered.fetched();
  assert.equal(ordered.take(ordered.machine.apply(ordered.at)), ['install'], 'its owner may');
});

machine('in its window', () => {
  const bench = new Bench({ window: '02:00-05:00' });
  bench.announce(release('1.1.0'));
  assert.equal(bench.fetched(), []);
  assert.equal([bench.state, bench.reason], ['waiting', 'waits for 02:00-05:00']);
  bench.minute = 119;
  assert.equal(bench.wait(30_000), []);
  bench.minute = 120;
  assert.equal(bench.wait(30_000), ['install']);
  for (const [window, minute, inside] of [
    ['22:00-04:00', 23 * 60, true],
    ['22:00-04:00', 0, true],
    ['22:00-04:00', 4 * 60, false],
    ['22:00-04:00', 12 * 60, false],
    [null, 0, true],
  ] as const)
    assert.is(inWindow(window, minute), inside, `${window} ${minute}`);
});

machine('trial: well for long enough, and reached', () => {
  const bench = new Bench({}, { start: TRIAL });
  assert.is(bench.state, 'trial');
  assert.equal(bench.wait(0), ['examine', 'knock']);
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), []);
  assert.equal(bench.take(bench.machine.onReached('ben', bench.at)), [], 'too early');
  assert.equal(bench.wait(19_999), ['examine'], 'reached: nobody is asked any more');
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), []);
  bench.now++;
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), ['keep']);
  assert.equal([bench.state, bench.said()], ['idle', 'confirmed']);
  assert.ok(bench.machine.release().confirmed);
});

machine('trial: a relapse begins the time anew', () => {
  const bench = new Bench({}, { start: TRIAL });
  bench.take(bench.machine.onReached('ben', bench.at));
  bench.take(bench.machine.onHealth(undefined, bench.at));
  bench.now = 15_000;
  bench.take(bench.machine.onHealth('the mesh does not run', bench.at));
  bench.take(bench.machine.onHealth(undefined, bench.at));
  bench.now = 30_000;
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), []);
  bench.now = 35_000;
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), ['keep']);
});

machine('trial: not reached, or not well, in time', () => {
  for (const [ill, why] of [
    [undefined, 'nobody has reached it from outside'],
    ['the interface kith0 is gone', 'the interface kith0 is gone'],
  ] as const) {
    const bench = new Bench({}, { start: TRIAL });
    bench.take(bench.machine.onHealth(ill, bench.at));
    if (ill !== undefined) bench.take(bench.machine.onReached('ben', bench.at));
    assert.not.ok(bench.wait(99_999).includes('give-up'));
    assert.ok(bench.wait(1).includes('give-up'));
    assert.equal(bench.memory()?.failed, { version: '1.0.0', reason: why });
  }
});

machine('trial: where nobody was there before, being well is enough', () => {
  const bench = new Bench({}, { start: { ...TRIAL, needs: 'nobody' } });
  assert.equal(bench.wait(0), ['examine']);
  bench.take(bench.machine.onHealth(undefined, bench.at));
  bench.now = 20_000;
  assert.equal(bench.take(bench.machine.onHealth(undefined, bench.at)), ['keep']);
});

machine('trial: its owner decides', () => {
  const bench = new Bench({}, { start: TRIAL });
  assert.match(bench.take(bench.machine.apply(bench.at))[0] ?? '', /still on trial/);
  assert.equal(bench.take(bench.machine.confirm()), ['keep']);
  assert.match(bench.take(bench.machine.confirm())[0] ?? '', /no release is on trial/);
  const other = new Bench({}, { start: TRIAL });
  assert.equal(other.take(other.machine.rollBack()), ['give-up']);
  assert.is(other.memory()?.failed?.reason, 'its owner said so');
});

machine(
  'rolled back: not tried again by itself, but when its owner says so, or another comes',
  () => {
    const newest = release('1.1.0');
    const start: Start = { is: 'returned', version: '1.1.0', reason: 'ended 3 times', tried: true };
    const bench = new Bench({}, { start, newest, memory: { ...EMPTY, manifest: newest.bytes } });
    assert.equal([bench.state, bench.reason], ['rolled-back', 'ended 3 times']);
    assert.equal(bench.said(), 'rolled-back');
    assert.equal(bench.memory()?.failed, { version: '1.1.0', reason: 'ended 3 times' });
    assert.equal(bench.announce(newest), []);
    assert.not.ok(bench.wait(10 * HOUR).includes('fetch'));
    assert.equal(bench.take(bench.machine.apply(bench.at)), ['fetch']);
    const other = new Bench({}, { start, newest, memory: { ...EMPTY, manifest: newest.bytes } });
    assert.equal(other.announce(release('1.2.0')), ['fetch']);
  },
);

machine('a reason that the release itself gave is better than what the launcher saw', () => {
  const failed = { version: '1.1.0', reason: 'nobody reached it' };
  const start: Start = { is: 'returned', version: '1.1.0', reason: 'late', tried: true };
  const bench = new Bench({}, { start, newest: release('1.1.0'), memory: { ...EMPTY, failed } });
  assert.is(bench.reason, 'nobody reached it');
});

machine('a power cut in the switch is no failure of the release', () => {
  const newest = release('1.1.0');
  const start: Start = { is: 'returned', version: '1.1.0', reason: 'power', tried: false };
  const bench = new Bench({}, { start, newest });
  assert.equal([bench.state, bench.memory()], ['downloading', undefined]);
});

machine('back by hand: the release that was left is not taken again by itself', () => {
  const newest = release('1.0.0');
  const bench = new Bench({}, { newest });
  assert.equal(bench.take(bench.machine.rollBack()), ['switch']);
  assert.equal(bench.effects.at(-1), { do: 'switch', version: '0.9.0', seconds: 100 });
  const memory = bench.memory();
  assert.ok(memory);
  const installed = { version: '0.9.0', target: 'any' };
  const old = new Bench({}, { installed, start: TRIAL, newest, memory });
  assert.equal(old.take(old.machine.confirm()), ['keep']);
  assert.equal([old.state, old.reason], ['rolled-back', 'its owner went back']);
  const none = new Bench({}, { previous: undefined });
  assert.match(none.take(none.machine.rollBack())[0] ?? '', /no release to go back to/);
});

machine('a switch or an installation that fails', () => {
  const bench = new Bench();
  bench.announce(release('1.1.0'));
  bench.fetched();
  assert.equal(bench.take(bench.machine.onInstalled('disk full', bench.at)), []);
  assert.match(bench.reason ?? '', /could not be laid down: disk full/);
  bench.now = bench.machine.deadline();
  assert.equal(bench.take(bench.machine.tick(bench.at)), ['fetch']);
  bench.fetched();
  bench.take(bench.machine.onInstalled(undefined, bench.at));
  bench.take(bench.machine.onSwitchFailed('no', bench.at));
  assert.match(bench.reason ?? '', /switch to 1\.1\.0 failed: no/);
});

machine('space', () => {
  const target = { target: 'any', size: 1_000, unpacked: 5_000, chunks: new Uint8Array(32) };
  const spare = 1_048_576;
  const shared = (free: number) => ({ download: free, release: free, shared: true });
  assert.is(lackingSpace(target, 0, shared(6_000 + spare)), 0);
  assert.is(lackingSpace(target, 0, shared(5_999 + spare)), 1);
  assert.is(lackingSpace(target, 400, shared(5_600 + spare)), 0, 'what is here counts');
  const apart = { download: 1_000 + spare, release: 5_000, shared: false };
  assert.is(lackingSpace(target, 0, apart), 0);
  assert.is(lackingSpace(target, 0, { ...apart, release: 4_990 }), 10);
  assert.is(lackingSpace(target, 0, { ...apart, download: spare }), 1_000);
});

machine.run();
