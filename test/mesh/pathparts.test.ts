// The small parts of the path machine, each by itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Bucket } from '../../agent/mesh/bucket.js';
import { Choice } from '../../agent/mesh/choice.js';
import { Doubt, look } from '../../agent/mesh/doubt.js';
import type { NatKind } from '../../agent/mesh/ground.js';
import { doubtSize, nextCheck, nextSize, onSizeProven, onSizeSent } from '../../agent/mesh/mtu.js';
import { explain, type PathFacts } from '../../agent/mesh/reason.js';
import { Retry } from '../../agent/mesh/retry.js';
import { isPrivate, Route } from '../../agent/mesh/route.js';
import { Routes } from '../../agent/mesh/routes.js';
import { isBetter, type Standing } from '../../agent/mesh/score.js';
import { Timetable } from '../../agent/mesh/timetable.js';
import { Tokens } from '../../agent/mesh/tokens.js';
import { unanswered } from '../../agent/mesh/upkeep.js';
import { Random } from '../lab/random.js';
import { FakeGround, FakeRoll, nodeId, place } from './ground.js';

const parts = suite('mesh/path, parts');

const standing = (rttMs: number | null, lan = false, via: string | null = null): Standing => {
  return { rttMs, lan, via };
};

const comparisons: [string, Standing, Standing, boolean][] = [
  ['direct over a relay, however slow', standing(500), standing(10, false, 'r'), true],
  ['a relay never over direct', standing(1, false, 'r'), standing(500), false],
  ['5 ms and a tenth less', standing(45), standing(50), true],
  ['5 ms, but less than a tenth', standing(95), standing(100), false],
  ['a tenth, but less than 5 ms', standing(10), standing(14), false],
  ['not measured yet', standing(null), standing(100), false],
  ['the LAN, as fast', standing(2, true), standing(2), true],
  ['the LAN, not measured', standing(null, true), standing(2), true],
  ['a private address by a detour', standing(80, true), standing(20), false],
  ['off the LAN for nothing', standing(1), standing(2, true), false],
  ['off a LAN that is a detour', standing(20), standing(80, true), true],
  ['another relay, much faster', standing(40, false, 'r'), standing(90, false, 's'), true],
];

for (const [name, other, present, want] of comparisons) {
  parts(`better: ${name}: ${want}`, () => assert.is(isBetter(other, present), want));
}

parts('a relay that speaks from elsewhere is spoken to there; nobody else moves a channel', () => {
  const routes = new Routes(new FakeGround(nodeId(1), new FakeRoll()));
  const relay = nodeId(9);
  const before = routes.relay(relay, place('192.0.2.9', 51_820, 7), 0);
  assert.is(routes.seen(before.place, 1), undefined);
  assert.is(routes.through(relay), before, 'from where it was');
  routes.seen(place('192.0.2.8', 51_820, 6), 2);
  assert.is(routes.through(relay), before, 'another channel');
  assert.is(routes.seen(place('192.0.2.8', 51_820, 7), 3), undefined);
  assert.equal(routes.through(relay)?.place, place('192.0.2.8', 51_820, 7));
  assert.is(routes.size, 1);
});

parts('a path that does not answer is doubted, whatever comes by others', () => {
  const route = new Route(place('192.0.2.9'), 'mapped', null, 0);
  assert.is(unanswered(null, 90_000), null);
  route.prove(1_000, 20, route.place);
  route.onSent(100, 2_000);
  assert.is(unanswered(route, 9_000), null, 'asked a moment after an answer: for its size');
  route.onSent(100, 16_000);
  assert.is(unanswered(route, 18_000), null, 'the answer may be under way');
  assert.is(unanswered(route, 19_000), route);
  route.prove(19_500, 20, route.place);
  assert.is(unanswered(route, 30_000), null);
});

parts('never better than itself, and never both better than each other', () => {
  const random = new Random(5);
  const any = () =>
    standing(
      random.below(4) === 0 ? null : random.below(200),
      random.below(2) === 0,
      random.below(3) === 0 ? 'r' : null,
    );
  for (let i = 0; i < 5_000; i++) {
    const [a, b] = [any(), any()];
    assert.not.ok(isBetter(a, a));
    assert.not.ok(isBetter(a, b) && isBetter(b, a), JSON.stringify([a, b]));
  }
});

function twoWays() {
  const ground = new FakeGround(nodeId(1), new FakeRoll([nodeId(1), nodeId(2)]));
  const routes = new Routes(ground);
  const [a, b] = ['203.0.113.1', '203.0.113.2'].map((address) => {
    return routes.stranger(place(address), 'seen', 0, () => true) as Route;
  }) as [Route, Route];
  const choice = new Choice(routes);
  a.prove(0, 100, a.place);
  choice.decide(0);
  return { routes, choice, a, b };
}

parts('a better path is taken at once, the way back is closed for two seconds', () => {
  const { choice, a, b } = twoWays();
  assert.is(choice.current, a);
  b.prove(1_000, 50, b.place);
  assert.ok(choice.decide(1_000));
  assert.is(choice.current, b);
  a.rttMs = 10;
  a.prove(1_100, 10, a.place);
  assert.not.ok(choice.decide(1_100));
  assert.is(choice.deadline(1_100), 3_000);
  assert.not.ok(choice.decide(2_999));
  assert.ok(choice.decide(3_000));
  assert.is(choice.current, a);
});

parts('unless there is no other: what fails is left at once', () => {
  const { choice, a, b } = twoWays();
  b.prove(1_000, 50, b.place);
  choice.decide(1_000);
  b.leave(1_200);
  choice.decide(1_200);
  assert.is(choice.current, a);
  a.leave(1_300);
  choice.decide(1_300);
  assert.is(choice.current, null);
  assert.is(
    choice.place?.endpoint.address,
    '203.0.113.1',
    'where it was last: better than nowhere',
  );
});

parts('an answer of long ago is no reason to leave a path that works', () => {
  const { choice, a, b } = twoWays();
  b.prove(1_000, 50, b.place);
  assert.not.ok(choice.decide(12_000));
  assert.is(choice.current, a);
});

parts('packets leave from the address that was answered to', () => {
  const { choice, a } = twoWays();
  const source = { address: '192.168.1.2', interfaceIndex: 3 };
  a.prove(10, 100, { ...a.place, source });
  assert.equal(choice.place?.source, source);
  a.prove(20, 100, place('203.0.113.99'));
  assert.is(choice.place?.endpoint.address, '203.0.113.1', 'though the answer came from elsewhere');
});

parts('retries after 1, 2, 4, 8, 16, 64 s, then every five minutes, a fifth more or less', () => {
  const dice = new Random(3);
  const retry = new Retry(() => dice.next());
  retry.begin(0);
  const gaps: number[] = [];
  let now = 0;
  for (let i = 0; i < 300; i++) {
    const due = retry.due ?? 0;
    gaps.push(due - now);
    now = due;
    retry.next(now);
  }
  assert.equal(gaps.slice(0, 6), [1_000, 2_000, 4_000, 8_000, 16_000, 64_000]);
  const later = gaps.slice(6);
  assert.ok(later.every((gap) => gap >= 240_000 && gap <= 360_000));
  assert.ok(Math.max(...later) - Math.min(...later) > 60_000, 'spread');
  retry.begin(now);
  assert.is(retry.due, now + 1_000, 'an event begins anew');
  retry.next(now + 1_000);
  assert.is(retry.due, now + 3_000);
});

parts('a timetable keeps the nearest of many moments', () => {
  const table = new Timetable();
  const twin = new Map<string, number>();
  const random = new Random(9);
  for (let i = 0; i < 20_000; i++) {
    const key = `k${random.below(50)}`;
    if (random.below(5) === 0) {
      twin.delete(key);
      table.set(key, undefined);
    } else {
      const at = random.below(1_000);
      twin.set(key, at);
      table.set(key, at);
    }
    const least = twin.size === 0 ? undefined : Math.min(...twin.values());
    assert.is(table.next(), least);
    if (random.below(10) > 0 || least === undefined) continue;
    const taken = table.take(least);
    assert.is(twin.get(taken ?? ''), least);
    twin.delete(taken ?? '');
    assert.is(table.take(-1), undefined, 'not before its time');
  }
});

parts('tokens: 128 at most, the oldest give way', () => {
  const random = new Random(1);
  const tokens = new Tokens((bytes) => random.bytes(bytes));
  const route = new Route(place('203.0.113.1'), 'mapped', null, 0);
  const all = Array.from({ length: 1_000 }, () => tokens.issue(route, 64, 0));
  assert.is(tokens.size, 128);
  assert.is(tokens.redeem(all[0] as Uint8Array, 10), undefined);
  const last = all.at(-1) as Uint8Array;
  assert.is(tokens.redeem(last, 10)?.route, route);
  assert.is(tokens.redeem(last, 10), undefined, 'once');
  assert.is(tokens.redeem(new Uint8Array(0), 10), undefined);
});

parts('a bucket lets through what it says, and fills evenly', () => {
  const bucket = new Bucket(4, 1_000);
  const taken = (now: number) =>
    Array.from({ length: 9 }, () => bucket.take(now)).filter(Boolean).length;
  assert.is(taken(0), 4);
  assert.is(taken(250), 1);
  assert.is(taken(10_000), 4);
});

parts('sizes from the largest down, each twice; 8 bytes less through a relay', () => {
  const route = new Route(place('203.0.113.1'), 'mapped', null, 0);
  const asked: (number | undefined)[] = [];
  for (let i = 0; i < 20; i++) {
    const size = nextSize(route, 1_420);
    asked.push(size);
    if (size !== undefined) onSizeSent(route);
  }
  assert.equal(asked.slice(0, 11), [
    1_420,
    1_420,
    1_412,
    1_412,
    1_380,
    1_380,
    1_340,
    1_340,
    1_300,
    1_300,
    undefined,
  ]);
  const relayed = new Route(place('203.0.113.1', 1, 5), 'relay', nodeId(1), 0);
  assert.is(nextSize(relayed, 1_420), 1_412);
  onSizeProven(relayed, 1_412);
  assert.is(nextSize(relayed, 1_420), undefined);
  assert.is(nextSize(new Route(place('203.0.113.1'), 'mapped', null, 0), 1_280), undefined);
  assert.is(nextSize(new Route(place('203.0.113.1'), 'mapped', null, 0), 9_000), 9_000);
});

parts('after a silence the size is asked again, and falls to the floor if it is lost', () => {
  const route = new Route(place('203.0.113.1'), 'mapped', null, 0);
  onSizeProven(route, 1_420);
  doubtSize(route, 100_000);
  assert.equal([nextCheck(route), nextCheck(route), nextCheck(route)], [1_420, 1_420, undefined]);
  assert.is(route.mtu, 1_280);
  const fine = new Route(place('203.0.113.1'), 'mapped', null, 0);
  onSizeProven(fine, 1_420);
  doubtSize(fine, 100_000);
  assert.is(nextCheck(fine), 1_420);
  onSizeProven(fine, 1_420);
  assert.is(fine.mtuCheck, 0);
  doubtSize(fine, 110_000);
  assert.is(fine.mtuCheck, 0, 'not twice in half a minute');
});

parts('a doubt: asks at 1.0, 1.5, 2.0, 2.5 s, leaves at 3', () => {
  const doubt = new Doubt(new Route(place('203.0.113.1'), 'mapped', null, 0), 0, 0);
  const steps: [number, string][] = [];
  while (steps.at(-1)?.[1] !== 'leave') {
    const now = doubt.nextAt;
    assert.is(doubt.step(now - 1), 'wait');
    steps.push([now, doubt.step(now)]);
  }
  assert.equal(steps, [
    [1_000, 'ask'],
    [1_500, 'help'],
    [2_000, 'help'],
    [2_500, 'help'],
    [3_000, 'leave'],
  ]);
});

parts('silence is what the workers noted, looked at in time', () => {
  const quiet = { unacknowledgedSince: 0, dataReceivedAt: 0, receivedBytes: 0, sentBytes: 0 };
  const at = (unansweredSince: number, now: number) =>
    look({ ...quiet, unansweredSince, receivedAt: 0, sentAt: 0 }, now);
  assert.equal(at(0, 5_000), { since: null, lookAt: 6_000 });
  assert.equal(at(4_900, 5_000), { since: null, lookAt: 5_900 });
  assert.equal(at(4_000, 5_000), { since: 4_000, lookAt: 6_000 });
  assert.equal(at(1, 5_000), { since: 4_000, lookAt: 6_000 }, 'time for an answer is left');
  for (const since of [3_994.619517870861, 373.7529805553619, 7_205.666400459807])
    assert.ok(at(since, since + 1_000).lookAt > since + 1_000, 'however it is rounded');
});

parts('what is private is told from what is not', () => {
  const rows: [string, boolean][] = [
    ['10.1.2.3', true],
    ['172.16.0.1', true],
    ['172.32.0.1', false],
    ['192.168.255.1', true],
    ['100.64.0.1', false], // a provider's NAT is no LAN
    ['fd00::1', true],
    ['fe80::1%2', true],
    ['2001:db8::1', false],
  ];
  for (const [address, want] of rows) assert.is(isPrivate(address), want, address);
});

const facts: PathFacts = {
  met: true,
  relayOnly: false,
  ours: 'easy',
  theirs: 'easy',
  candidates: 3,
  tries: 5,
  trying: false,
  port: 51_820,
};

const reasons: [Partial<PathFacts>, string][] = [
  [{}, 'no-answer'],
  [{ tries: 1 }, 'trying'],
  [{ ours: 'hard', theirs: 'hard' }, 'hard-nat-both'],
  [{ ours: 'hard' }, 'hard-nat-port-restricted'],
  [{ theirs: 'hard' }, 'hard-nat-port-restricted'],
  [{ theirs: 'hard', tries: 0 }, 'trying'],
  [{ ours: 'blocked' }, 'udp-blocked'],
  [{ candidates: 0 }, 'no-candidates'],
  [{ candidates: 0, met: false, tries: 0 }, 'no-session'],
  [{ met: false, tries: 0 }, 'no-session'],
  [{ met: false, tries: 1 }, 'unknown'],
  [{ relayOnly: true }, 'relay-only'],
];

for (const [change, want] of reasons) {
  parts(`why not direct: ${JSON.stringify(change)}: ${want}`, () => {
    assert.is(explain({ ...facts, ...change }).code, want);
  });
}

parts('every reason has evidence and advice, in sentences that join', () => {
  const kinds: NatKind[] = ['unknown', 'open', 'easy', 'hard', 'blocked'];
  for (const ours of kinds) {
    for (const theirs of kinds) {
      for (const tries of [0, 1, 9]) {
        const { evidence, advice } = explain({ ...facts, ours, theirs, tries, port: 0 });
        assert.match(evidence, /^[a-z0-9].*[^.]$/);
        assert.match(advice, /^[A-Z].*\.$/);
        assert.not.match(evidence + advice, /undefined|port 0/);
      }
    }
  }
});

parts.run();
