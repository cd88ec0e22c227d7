// A day of timers in virtual time, by patterns of traffic: there is a session whenever traffic
// flows, nothing is sealed that the other side no longer opens, and the number of handshakes is
// the one that the paper's constants give.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pair, type Side } from './pair.js';

const day = suite('wireguard: a day');
const DAY_MS = 24 * 3_600_000;

type Pattern = {
  name: string;
  traffic: (pair: Pair) => void; // sets up who sends when
  keepalive?: number;
  handshakes: [least: number, most: number];
};

/** `side` sends every `gap` milliseconds in the first `part` of every `period`. */
function bursts(pair: Pair, side: Side, gap: number, part: number, period: number): void {
  const send = () => {
    side.packet();
    const next = pair.now + gap;
    pair.at(next % period < part ? next : next - (next % period) + period, send);
  };
  pair.at(period, send);
}

const always = (pair: Pair, ...sides: Side[]) => {
  for (const side of sides) bursts(pair, side, 2_000, 3_600_000, 3_600_000);
};

const patterns: Pattern[] = [
  {
    // the session is renewed at the first packet after 120 s; packets flow from 01:00 on
    name: 'both ways, always',
    traffic: (pair) => always(pair, pair.a, pair.b),
    handshakes: [23 * 29, 23 * 30],
  },
  {
    name: 'one way, always',
    traffic: (pair) => always(pair, pair.a),
    handshakes: [23 * 29, 23 * 30],
  },
  {
    // the initiator's keepalives, every 10 s, are packets it sends: they renew the session too
    name: 'the responder of the first session sends, always',
    traffic: (pair) => {
      pair.at(3_599_000, () => pair.a.packet());
      always(pair, pair.b);
    },
    handshakes: [23 * 26, 23 * 30],
  },
  {
    // each burst finds the last session dead
    name: '10 s every 5 minutes',
    traffic: (pair) => bursts(pair, pair.a, 500, 10_000, 300_000),
    handshakes: [287, 288],
  },
  {
    name: 'one packet an hour',
    traffic: (pair) => bursts(pair, pair.a, 3_600_000, 1, 3_600_000),
    handshakes: [23, 24],
  },
  {
    // every 25 s a packet: the one at 125 s renews
    name: 'nothing but persistent keepalives of 25 s',
    traffic: () => {},
    keepalive: 25,
    handshakes: [(DAY_MS / 125_000) | 0, (DAY_MS / 120_000) | 0],
  },
  {
    // 110 s, 220 s: dead by then
    name: 'persistent keepalives of 110 s',
    traffic: () => {},
    keepalive: 110,
    handshakes: [(DAY_MS / 240_000) | 0, (DAY_MS / 110_000) | 0],
  },
];

for (const { name, traffic, keepalive, handshakes } of patterns) {
  day(name, () => {
    const pair = new Pair(5);
    pair.b.start(pair.a);
    pair.a.start(pair.b, keepalive ? { keepalive } : {});
    traffic(pair);
    pair.run(DAY_MS + 1_000);
    const { a, b } = pair;
    const began = a.count('response') + b.count('response');
    assert.ok(began >= handshakes[0] && began <= handshakes[1], `${began} handshakes`);
    assert.is(a.strange + b.strange, 0, 'every packet opened at the other side');
    assert.ok(Math.max(a.waitedMax, b.waitedMax) <= 30, `a packet waited ${a.waitedMax} ms`);
    assert.is(a.count('initiation') + b.count('initiation'), began, 'none in vain');
    assert.ok(a.sessions.size <= 3 && b.sessions.size <= 3);
  });
}

day('any traffic, with loss: packets flow in every five minutes of the day', () => {
  const pair = new Pair(11);
  const { a, b } = pair;
  b.start(a);
  a.start(b);
  pair.weather = { loss: 15, twice: 5, delay: 30, jitter: 100 };
  const wander = (side: Side) => {
    const send = () => {
      side.packet();
      const gap = pair.random.below(10) === 0 ? pair.random.below(200_000) : 1_000;
      pair.at(pair.now + gap, send);
    };
    pair.at(5_000, send);
  };
  wander(a);
  wander(b);
  for (let until = 300_000; until <= DAY_MS / 4; until += 300_000) {
    const before = a.received + b.received;
    pair.run(until);
    assert.ok(a.received + b.received > before, `by ${until / 1_000} s`);
  }
  const handshakes = a.count('initiation') + b.count('initiation');
  const most = (2 * DAY_MS) / 4 / 60_000; // each side every two minutes, and retries
  assert.ok(handshakes < most, `${handshakes} initiations`);
});

day.run();
