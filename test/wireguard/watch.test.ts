import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Traffic } from '../../agent/wireguard/effects.js';
import { Watch } from '../../agent/wireguard/watch.js';
import { quiet } from './pair.js';

const watch = suite('wireguard/watch');
const never = Number.POSITIVE_INFINITY;
const S = 1_000;

/** Looks whenever something is due up to `until`; what was seen, and when. */
function follow(w: Watch, traffic: Traffic, until: number): string[] {
  const seen: string[] = [];
  for (let i = 0; i < 100 && w.deadline() <= until; i++) {
    const now = w.deadline();
    for (const sight of w.look(now, traffic)) seen.push(`${now / S} ${sight}`);
  }
  return seen;
}

const at = (part: Partial<Traffic>): Traffic => ({ ...quiet(), ...part });

watch('nothing to see: calm at once, a second glance, and never again', () => {
  const w = new Watch(() => 0);
  assert.is(w.deadline(), never);
  assert.equal(w.look(100 * S, quiet()), ['calm']);
  assert.is(w.deadline(), 101 * S);
  assert.equal(w.look(101 * S, quiet()), []);
  assert.is(w.deadline(), never);
});

watch('what began between the look and the calm is caught by the glance', () => {
  const w = new Watch(() => 0);
  w.look(100 * S, quiet());
  const sent = at({ unansweredSince: 100_001, sentAt: 100_001 });
  assert.equal(follow(w, sent, 116 * S), ['115.001 silent']);
});

watch('silence: 15 s and the jitter after the first unanswered packet, to the millisecond', () => {
  const w = new Watch(() => 333);
  const sent = at({ unansweredSince: 100 * S, sentAt: 100 * S });
  w.look(100 * S, sent);
  assert.equal(follow(w, sent, 200 * S), ['115.333 silent', '125.333 calm']);
  assert.is(w.deadline(), never, 'once, while no more is sent');
});

watch('the same silence, and more sent: again 15 s later', () => {
  const w = new Watch(() => 0);
  const sent = { ...at({ unansweredSince: 100 * S, sentAt: 100 * S }) };
  w.look(100 * S, sent);
  assert.equal(follow(w, sent, 115 * S), ['115 silent']);
  sent.sentAt = 120 * S;
  assert.equal(follow(w, sent, 136 * S), ['135 silent']);
});

watch('an answer ends the silence, also a handshake that the worker has not noted yet', () => {
  const w = new Watch(() => 0);
  const sent = at({ unansweredSince: 100 * S, sentAt: 100 * S });
  w.look(100 * S, sent);
  w.heard(110 * S);
  assert.not(follow(w, sent, 300 * S).some((seen) => seen.endsWith('silent')));
});

watch('keepalive: 10 s after the first unacknowledged packet', () => {
  const w = new Watch(() => 0);
  const got = {
    ...at({ unacknowledgedSince: 100 * S, dataReceivedAt: 100 * S, receivedAt: 100 * S }),
  };
  w.look(101 * S, got);
  assert.equal(follow(w, got, 110 * S), ['110 keepalive']);
  Object.assign(got, { unacknowledgedSince: 0, sentAt: 110_001 });
  assert.equal(follow(w, got, 200 * S), ['130 calm']);
});

watch('more data while it was pending: another one, unless something else was sent', () => {
  for (const other of [false, true]) {
    const w = new Watch(() => 0);
    const got = {
      ...at({ unacknowledgedSince: 100 * S, dataReceivedAt: 104 * S, receivedAt: 104 * S }),
    };
    w.look(101 * S, got);
    assert.equal(follow(w, got, 110 * S), ['110 keepalive']);
    Object.assign(got, { unacknowledgedSince: 0, sentAt: other ? 115 * S : 110_001 });
    const want = other ? [] : ['120 keepalive'];
    assert.equal(follow(w, got, 121 * S), want);
  }
});

watch('a worker that has not sealed the keepalive yet is not asked twice', () => {
  const w = new Watch(() => 0);
  const got = at({ unacknowledgedSince: 100 * S, dataReceivedAt: 100 * S, receivedAt: 100 * S });
  w.look(101 * S, got);
  assert.equal(follow(w, got, 400 * S), ['110 keepalive', '120 calm']);
});

watch('a handshake message of ours pays the debt', () => {
  const w = new Watch(() => 0);
  const got = at({ unacknowledgedSince: 100 * S, dataReceivedAt: 104 * S, receivedAt: 104 * S });
  w.look(101 * S, got);
  w.spoke(105 * S);
  assert.not(follow(w, got, 400 * S).some((seen) => seen.endsWith('keepalive')));
});

watch('stopped, nothing is due', () => {
  const w = new Watch(() => 0);
  w.look(100 * S, at({ unansweredSince: 100 * S, unacknowledgedSince: 100 * S, sentAt: 100 * S }));
  w.stop();
  assert.is(w.deadline(), never);
});

watch.run();
