// What happens when, told in steps with times: two devices in virtual time (see pair.ts).
// Datagrams take 10 ms; the jitter of the timers is at most 333 ms.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pair } from './pair.js';

const story = suite('wireguard: stories');
const JITTER = 334;

/** a knows where b is, b knows nothing of a's place; a sends one packet at 1 s. */
function talking(seed = 1): Pair {
  const pair = new Pair(seed);
  pair.a.start(pair.b);
  pair.b.start(pair.a, { endpoint: false });
  pair.a.packet();
  pair.run(1_100);
  assert.ok(pair.a.using !== null && pair.b.using !== null, 'both have a session');
  assert.is(pair.b.received, 1);
  return pair;
}

function between(actual: number | undefined, low: number, high: number, what: string): void {
  const told = `${what}: ${actual} is not ${low} to ${high}`;
  assert.ok(actual !== undefined && actual >= low && actual <= high, told);
}

story('a first packet: initiation, response, what waited, confirmed, all within 30 ms', () => {
  const { a, b } = talking();
  assert.equal(a.times('initiation'), [1_000]);
  assert.equal(b.times('response'), [1_010]);
  assert.equal(a.times('use'), [1_020]);
  assert.equal(b.times('use'), [1_030]);
  const view = a.device.view(a.peer);
  assert.is(view.lastHandshake, (1_800_000_000_000 + 1_020) / 1_000);
  assert.is(b.device.view(b.peer).lastHandshake, (1_800_000_000_000 + 1_030) / 1_000);
  assert.is(view.sentBytes, 148 + 32 + 32);
  assert.is(b.device.view(b.peer).receivedBytes, 148 + 32 + 32);
  assert.is(b.device.view(b.peer).sentBytes, 92);
  assert.equal(b.place?.endpoint, { address: '192.0.2.1', port: 51820 });
  assert.equal(b.place?.source, { address: '192.0.2.2', interfaceIndex: 2 }, 'sticky source');
});

story('the responder does not seal before it is confirmed', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.passes = (wire, from) => !(from === pair.a && wire.kind === 'transport');
  pair.a.packet();
  pair.run(1_050);
  assert.is(pair.b.sessions.size, 1);
  pair.b.packet();
  assert.is(pair.b.using, null);
  assert.is(pair.b.count('data'), 0);
  assert.is(pair.b.count('initiation'), 0, 'and it has just spoken: no initiation within 5 s');
  pair.run(1_010 + 4_999);
  assert.is(pair.b.count('initiation'), 0);
  pair.run(1_010 + 5_000);
  assert.is(pair.b.count('initiation'), 1, 'but then');
});

story('received and nothing to say: one keepalive after 10 s, and silence', () => {
  const pair = talking();
  pair.run(200_000);
  assert.equal(pair.b.times('keepalive'), [11_030]);
  assert.is(pair.a.count('initiation'), 1);
  assert.is(pair.b.count('initiation'), 0);
});

story('more came while the keepalive was pending: another one 10 s after it', () => {
  const pair = talking();
  pair.at(5_000, () => pair.a.packet());
  pair.run(60_000);
  assert.equal(pair.b.times('keepalive'), [11_030, 21_030]);
});

story('something was sent meanwhile: no keepalive is owed', () => {
  const pair = talking();
  pair.at(6_000, () => pair.b.packet());
  pair.run(12_000);
  assert.equal(pair.b.times('keepalive'), []);
  pair.run(60_000);
  assert.equal(pair.a.times('keepalive'), [1_020, 16_010], "the other side's turn");
});

story('sent and heard nothing for 15 s: a new handshake, retried every 5 s', () => {
  const pair = talking();
  pair.run(40_000); // all calm
  pair.passes = () => false;
  pair.a.packet();
  pair.run(80_000);
  const [, first, second, third] = pair.a.times('initiation');
  between(first, 55_000, 55_000 + JITTER, 'first');
  between(second, first! + 5_000, first! + 5_000 + JITTER, 'second');
  between(third, second! + 5_000, second! + 5_000 + JITTER, 'third');
});

story('an answer before 15 s are over: no handshake', () => {
  const pair = talking();
  pair.run(40_000);
  pair.a.packet(); // the other side answers with a keepalive at 50 s
  pair.run(100_000);
  assert.is(pair.a.count('initiation'), 1);
});

story(
  'nobody there: tried for 90 s, then what waits is dropped, and no more is heard of it',
  () => {
    const pair = new Pair();
    pair.a.start(pair.b);
    pair.passes = () => false;
    pair.a.packet();
    pair.run(600_000);
    const times = pair.a.times('initiation');
    between(times.length, 17, 18, 'initiations');
    for (let i = 1; i < times.length; i++) {
      between(times[i]! - times[i - 1]!, 5_000, 5_000 + JITTER, 'gap');
    }
    between(pair.a.times('drop-waiting')[0], 91_000, 96_000, 'given up');
    assert.is(pair.a.waiting, 0);
    pair.run(700_000); // three times 180 s later the half handshake is wiped
    assert.is(pair.a.count('initiation'), times.length);
    assert.is(pair.a.device.deadline(), undefined, 'nothing is pending any more');
    pair.a.packet();
    assert.is(pair.a.times('initiation').at(-1), 700_000, 'the next packet begins anew');
  },
);

story('every new packet prolongs the trying', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.passes = () => false;
  pair.a.packet();
  pair.at(60_000, () => {
    pair.a.wanted = false; // a worker tells again
    pair.a.packet();
  });
  pair.run(300_000);
  between(pair.a.times('drop-waiting')[0], 150_000, 155_400, 'given up');
});

story('sending after 120 s: the initiator, and only it, asks for the next session', () => {
  const pair = talking();
  pair.chat([pair.a, pair.b], 1_000, 119_000);
  assert.is(pair.a.count('initiation'), 1);
  pair.chat([pair.a, pair.b], 1_000, 130_000);
  assert.is(pair.a.times('initiation').length, 2);
  between(pair.a.times('initiation')[1], 121_000, 122_020, 'rekey');
  assert.is(pair.b.count('initiation'), 0);
  pair.run(130_050);
  assert.is(pair.b.received, pair.a.count('data'));
  assert.is(pair.a.strange + pair.b.strange, 0, 'no packet was lost over it');
});

story('only receiving: the initiator asks after 165 s, while the session still lasts', () => {
  const pair = talking();
  pair.chat([pair.b], 1_000, 175_000);
  // its own keepalives, every 10 s, are sent on the session too and renew it after 120 s
  const [, second] = pair.a.times('initiation');
  assert.ok(second !== undefined && second <= 166_100, `${second}`);
  assert.is(pair.a.strange + pair.b.strange, 0);
});

story('nothing is sealed or opened after 180 s; a new packet makes a new session', () => {
  const pair = talking();
  pair.run(181_030);
  assert.is(pair.a.using, null);
  assert.is(pair.a.sessions.size + pair.b.sessions.size, 0, 'keys are gone');
  pair.a.packet();
  pair.run(181_100);
  assert.is(pair.b.received, 2);
});

story('a packet at the very end of the session, before the machine has looked, is not lost', () => {
  const pair = talking();
  pair.at(181_020, () => pair.a.packet()); // the worker's clock says: no session
  pair.run(181_100);
  assert.is(pair.b.received, 2);
  assert.is(pair.a.waiting, 0);
});

story('three times 180 s without a new session: the last residue is wiped', () => {
  const pair = talking();
  pair.run(541_019);
  assert.is(pair.a.count('drop-waiting'), 0);
  pair.run(541_021);
  assert.is(pair.a.count('drop-waiting'), 1);
  pair.run(541_031);
  assert.is(pair.b.count('drop-waiting'), 1);
  assert.is(pair.a.device.deadline(), undefined);
});

story('persistent keepalive: every 25 s, and put off by anything that passes', () => {
  const pair = new Pair();
  pair.b.start(pair.a, { endpoint: false });
  pair.a.start(pair.b, { keepalive: 25 });
  pair.run(1_100);
  assert.is(pair.a.count('begin'), 1, 'turned on, it speaks at once');
  pair.run(110_000);
  assert.equal(pair.a.times('keepalive'), [1_020, 26_020, 51_020, 76_020, 101_020]);
  pair.at(115_000, () => pair.b.packet());
  pair.run(141_000);
  assert.is(pair.a.times('keepalive')[5], 125_010, 'passive, 10 s after the packet');
  assert.equal(pair.a.times('initiation'), [1_000, 125_010], 'which renews the session');
  pair.run(200_000);
  assert.equal(pair.a.times('keepalive').slice(6), [125_030, 150_030, 175_030]);
});

story('persistent keepalive without a session: a handshake, for ever', () => {
  const pair = new Pair();
  pair.passes = () => false;
  pair.a.start(pair.b, { keepalive: 25 });
  pair.run(3_600_000);
  const times = pair.a.times('initiation');
  const gaps = times.slice(1).map((at, i) => at - times[i]!);
  assert.ok(
    gaps.every((gap) => gap >= 5_000 && gap <= 25_400),
    `${gaps}`,
  );
  assert.ok(times.length > 500, `${times.length}`);
});

story('crossing handshakes: both complete, both sides talk', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.a.packet();
  pair.b.packet();
  pair.run(1_100);
  for (const side of [pair.a, pair.b]) {
    assert.is(side.count('initiation'), 1);
    assert.is(side.count('begin'), 2);
    assert.is(side.received, 1);
    assert.ok(side.using !== null);
  }
  pair.chat([pair.a, pair.b], 100, 400_000);
  assert.is(pair.a.strange + pair.b.strange, 0, 'nothing was ever sealed that did not open');
  pair.run(400_050);
  assert.is(pair.a.received, pair.b.count('data'));
  assert.is(pair.b.received, pair.a.count('data'));
});

for (const who of ['a', 'b'] as const) {
  story(`${who} restarts: traffic of the other side brings the session back`, () => {
    const pair = new Pair();
    pair.a.start(pair.b);
    pair.b.start(pair.a);
    pair.a.packet();
    pair.run(20_000);
    const [one, other] = who === 'a' ? [pair.a, pair.b] : [pair.b, pair.a];
    one.restart(other);
    one.packet();
    pair.run(20_100);
    assert.is(other.received > 0, true);
    pair.chat([pair.a, pair.b], 1_000, 60_000);
    assert.is(pair.a.strange + pair.b.strange, 0, 'its own packet came first');

    one.restart(other);
    const before = one.received;
    pair.chat([other], 1_000, 120_000);
    assert.ok(one.received > before + 40, `silent for 15 s, then back: ${one.received - before}`);
  });
}

story('boot with the clock in 1970: the ceiling makes its initiations new', () => {
  const pair = talking();
  assert.is(pair.a.ceiling, 1_800_000_001 + 3_600);
  pair.run(100_000);
  pair.a.wallOffset = -1_800_000_000_000;
  pair.a.restart(pair.b);
  pair.a.packet();
  pair.run(100_100);
  assert.is(pair.b.received, 2);

  pair.a.ceiling = undefined; // and without it, it would not be heard
  pair.a.restart(pair.b);
  pair.a.packet();
  pair.run(120_000);
  assert.is(pair.b.received, 2);
  assert.ok(pair.b.device.drops().replay! > 0);
});

story(
  '30 % loss, doubled and late datagrams: a session within seconds, none lost over rekeys',
  () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const pair = new Pair(seed);
      pair.a.start(pair.b);
      pair.b.start(pair.a);
      pair.weather = { loss: 30, twice: 10, delay: 20, jitter: 200 };
      pair.a.packet();
      pair.run(90_000);
      assert.ok(pair.a.using !== null || pair.b.using !== null, `seed ${seed}`);
      const before = pair.b.received;
      pair.chat([pair.a, pair.b], 500, 600_000);
      const share = (pair.b.received - before) / ((600_000 - 90_000) / 500);
      between(share, 0.6, 0.95, `seed ${seed}: share of packets that came`);
      assert.is(pair.a.strange, 0);
      assert.is(pair.b.strange, 0);
    }
  },
);

story('under load: a cookie reply, and with the cookie it is let in 5 s later', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a, { endpoint: false });
  pair.b.underLoad = true;
  pair.a.packet();
  pair.run(1_100);
  assert.equal(pair.b.times('cookie-reply'), [1_010]);
  assert.is(pair.a.using, null);
  pair.run(6_500);
  assert.is(pair.b.count('cookie-reply'), 1);
  assert.is(pair.b.received, 1);
});

story('both under load: the response needs a cookie as well', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a, { endpoint: false });
  pair.a.underLoad = pair.b.underLoad = true;
  pair.a.packet();
  pair.run(30_000);
  assert.is(pair.b.received, 1);
});

story('roaming: by a handshake, and by any authentic packet', () => {
  const pair = talking();
  pair.run(5_000);
  const { b } = pair;
  const away = { address: '198.51.100.7', port: 4_000 };
  b.device.onRoamed(b.peer, { slot: 0, endpoint: away, source: null, channel: 0 });
  assert.equal(b.device.view(b.peer).place?.endpoint, away);
  pair.at(6_000, () => pair.a.restart(pair.b));
  pair.at(6_001, () => pair.a.packet());
  pair.run(7_000);
  const back = { address: '192.0.2.1', port: 51820 };
  assert.equal(b.device.view(b.peer).place?.endpoint, back);
  assert.equal(b.place?.endpoint, back);
});

story('down: sessions and handshakes are gone; up again: a keepalive begins anew', () => {
  const pair = talking();
  pair.a.perform(pair.a.device.down());
  assert.is(pair.a.sessions.size, 0);
  assert.is(pair.a.device.deadline(), undefined);
  pair.a.packet();
  assert.is(pair.a.count('initiation'), 1, 'down it asks for nothing');
  pair.a.perform(pair.a.device.setKeepalive(pair.a.peer, 20, pair.now, pair.a.wall));
  assert.is(pair.a.count('initiation'), 1);
  pair.run(10_000);
  pair.a.perform(pair.a.device.up(pair.now, pair.a.wall));
  pair.run(10_100);
  assert.is(pair.a.count('initiation'), 2);
  assert.is(pair.a.count('begin'), 2);
});

story('a wish that the worker had as the interface went down does not outlast it', () => {
  const pair = talking();
  pair.a.perform(pair.a.device.down());
  pair.a.packet(); // read from the TUN before it went down
  assert.is(pair.a.waiting, 0);
  pair.run(10_000);
  pair.a.perform(pair.a.device.up(pair.now, pair.a.wall));
  pair.a.packet();
  pair.run(10_100);
  assert.is(pair.b.received, 2, 'and the next wish is heard');
});

story('idle, a device wakes up for nothing', () => {
  const pair = talking();
  let ticks = 0;
  const { tick } = pair.a.device;
  pair.a.device.tick = function (this: typeof pair.a.device, now, wall) {
    ticks++;
    return tick.call(this, now, wall);
  };
  pair.run(24 * 3_600_000);
  assert.ok(ticks < 12, `${ticks} wake-ups in a day after one packet`);
});

story.run();
