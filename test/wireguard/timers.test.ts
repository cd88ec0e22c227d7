import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Timers } from '../../agent/wireguard/timers.js';
import { quiet } from './pair.js';

const timers = suite('wireguard/timers');
const S = 1_000;
const make = (jitter = 0) => new Timers(() => jitter);

/** What is due when, up to `until`; every retry is taken for a sent initiation. */
function follow(t: Timers, until: number, traffic = quiet()): string[] {
  const seen: string[] = [];
  for (let i = 0; i < 200 && t.deadline() <= until; i++) {
    const now = t.deadline();
    for (const due of t.due(now, traffic)) {
      seen.push(`${now / S} ${due}`);
      if (due === 'retry') t.initiationSent(now);
    }
  }
  return seen;
}

timers('nothing is set at first', () => {
  assert.is(make().deadline(), Number.POSITIVE_INFINITY);
  assert.ok(make().mayInitiate(0));
});

timers('retries every 5 s and jitter until 90 s have passed, then residue is wiped', () => {
  const t = make(200);
  t.handshakeWanted(0);
  t.initiationSent(0);
  const seen = follow(t, 1_000 * S);
  const retries = seen.filter((due) => due.endsWith('retry'));
  assert.equal(retries.slice(0, 2), ['5.2 retry', '10.4 retry']);
  assert.is(retries.length, 17);
  assert.equal(seen.slice(17), ['93.6 give-up', '633.6 zero']);
});

timers('another wish prolongs it', () => {
  const t = make();
  t.handshakeWanted(0);
  t.initiationSent(0);
  follow(t, 50 * S);
  t.handshakeWanted(52 * S);
  assert.ok(follow(t, 200 * S).includes('145 give-up'));
});

timers('at most one handshake message in 5 s; a wish in between is put off', () => {
  const t = make();
  t.responseSent(10 * S);
  t.handshakeWanted(11 * S);
  assert.not(t.mayInitiate(11 * S));
  assert.equal(follow(t, 16 * S), ['15 retry']);
  t.handshakeComplete();
  assert.not(follow(t, 100 * S).some((due) => due.endsWith('retry')));
  assert.ok(t.mayInitiate(20 * S));
});

timers(
  'a handshake message of ours pays an owed keepalive, and puts the persistent one off',
  () => {
    const t = make();
    const traffic = {
      ...quiet(),
      unacknowledgedSince: 1 * S,
      dataReceivedAt: 1 * S,
      receivedAt: 1 * S,
    };
    t.setPersistent(30, 0);
    t.watch.look(2 * S, traffic);
    t.responseSent(5 * S);
    assert.equal(follow(t, 40 * S, traffic), ['12 calm', '35 keepalive']);
  },
);

timers('keys are wiped 540 s after the last session', () => {
  const t = make();
  t.sessionDerived(0);
  t.sessionDerived(100 * S);
  assert.equal(follow(t, 1_000 * S), ['640 zero']);
});

timers('persistent keepalives, put off by anything authenticated', () => {
  const t = make();
  t.setPersistent(25, 0);
  const traffic = quiet();
  assert.equal(follow(t, 60 * S, traffic), ['25 keepalive', '50 keepalive']);
  traffic.receivedAt = 70 * S;
  assert.equal(follow(t, 110 * S, traffic), ['95 keepalive']);
  traffic.sentAt = 119 * S;
  assert.equal(follow(t, 150 * S, traffic), ['144 keepalive']);
  t.heard(150 * S);
  assert.equal(follow(t, 180 * S, traffic), ['175 keepalive']);
  t.setPersistent(0, 180 * S);
  assert.equal(follow(t, 900 * S, traffic), []);
});

timers('stopped, nothing is due, and a handshake may begin at once', () => {
  const t = make();
  t.setPersistent(25, 0);
  t.handshakeWanted(0);
  t.initiationSent(0);
  t.sessionDerived(0);
  t.stop();
  assert.is(t.deadline(), Number.POSITIVE_INFINITY);
  assert.ok(t.mayInitiate(1));
});

timers.run();
