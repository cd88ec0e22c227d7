// slow: sessions are renewed after 120 s of real time
// deadline: 240
// A session is renewed under traffic without losing a packet, whichever side began it, and after a
// quiet time the next packet begins a new one.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { INSIDE, startPair } from './pair.js';

const SECONDS = 135; // more than REKEY_AFTER_TIME (120 s) and a little
const PING_MS = 50;

const rekey = suite('lab/rekey');

/** Traffic from `from` to `to` all the time; what was lost, and how many handshakes there were. */
async function renewed(from: 'a' | 'b', to: 'a' | 'b'): Promise<void> {
  const lab = await Lab.create('rekey');
  try {
    const { a, b } = await startPair(lab, { callers: [from] });
    const [caller, other] = from === 'a' ? [a, b] : [b, a];
    await caller.reaches(INSIDE[to].ipv4);
    const first = await other.lastHandshake(caller);
    lab.spawn(to, 'iperf3', '-s');
    const count = `${Math.round((SECONDS * 1_000) / PING_MS)}`;
    const gap = `${PING_MS / 1_000}`;
    const pings = lab.spawn(from, 'ping', '-n', '-i', gap, '-c', count, '-W5', INSIDE[to].ipv6);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const load = ['-t', `${SECONDS}`, '-b', '5M', '--bidir', '-C', 'cubic'];
    const stream = lab.spawn(from, 'iperf3', '-c', INSIDE[to].ipv4, ...load);
    const ran = await pings.result((SECONDS + 60) * 1_000);
    const [, received] = /(\d+) received/.exec(ran.stdout) ?? [];
    assert.is(received, count, `pings answered\n${ran.stdout.slice(-300)}${caller.daemon?.log}`);
    assert.not.match(ran.stdout, 'DUP');
    assert.is(await stream.exited, 0, stream.log.slice(-1_000));
    const later = (await other.lastHandshake(caller)) - first;
    assert.ok(later >= 115 && later <= 130, `a new handshake after ${later} s`);
  } finally {
    await lab.dispose();
  }
}

rekey('no ping is lost while either side renews the session it began', async () => {
  await Promise.all([renewed('a', 'b'), renewed('b', 'a')]);
});

rekey.run();
