// slow: sessions are renewed after 120 s of real time
// waits: minutes in which a ping a second is sent
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
    const count = Math.round((SECONDS * 1_000) / PING_MS);
    const args = ['-n', '-i', `${PING_MS / 1_000}`, '-c', `${count}`, '-W5', INSIDE[to].ipv6];
    const pings = lab.spawn(from, 'ping', ...args);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // little and even: bursts would overflow wireguard-go's receive buffer on a busy machine
    const load = ['-u', '-l', '1200', '-t', `${SECONDS}`, '-b', '1M', '--bidir'];
    const stream = lab.spawn(from, 'iperf3', '-c', INSIDE[to].ipv4, ...load);
    const ran = await pings.result((SECONDS + 60) * 1_000);
    const answered = new Set([...ran.stdout.matchAll(/icmp_seq=(\d+)/g)].map(([, n]) => Number(n)));
    const lost = Array.from({ length: count }, (_, i) => i + 1).filter((n) => !answered.has(n));
    assert.equal(
      lost,
      [],
      `unanswered of ${count}\n${ran.stdout.slice(-200)}${caller.daemon?.log}`,
    );
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
