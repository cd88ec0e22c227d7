// deadline: 90
// needs: tun, iputils-ping
// All traffic into the tunnel, but for the tunnel's own: a peer with 0.0.0.0/0, and one in whose
// subnet its own far end lies.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MARK } from '../../board/detour.js';
import { Agent } from './agents.js';
import { makeInternet } from './nat.js';

const detour = suite('lab/detour');
const BEYOND = '192.0.2.77'; // only ben knows it

detour('a default route into the tunnel, its end in a routed subnet; no trace after', async () => {
  const { lab, internet } = await makeInternet('detour');
  try {
    const far = await internet.addHome('ben', 'public');
    await internet.addHome('anna', 'public');
    const [anna, ben] = [new Agent(lab, 'anna'), new Agent(lab, 'ben')];
    await lab.must('ben', 'ip', 'address', 'add', `${BEYOND}/32`, 'dev', 'lo');
    await Promise.all([anna.up(), ben.up()]);
    const [a, b] = await Promise.all([anna.status(), ben.status()]);
    const inside = (status: typeof a) => (status.addresses[0] ?? '').split('/')[0] ?? '';
    const ip = (...args: string[]) => lab.must('anna', 'ip', ...args);
    const rules = async () => [await ip('rule'), await ip('-6', 'rule')].join();
    const way = async (...to: string[]) =>
      /dev (\S+)/.exec(await ip('route', 'get', ...to))?.[1] ?? '';
    const before = await rules();
    const peer = (publicKey: string, allowedIps: string[], endpoint: string | null) =>
      JSON.stringify({ publicKey, allowedIps, endpoint });
    await ben.must(['config', 'set', 'peers.anna', peer(a.publicKey, [`${inside(a)}/32`], null)]);
    await anna.must([
      'config',
      'set',
      'peers.ben',
      peer(b.publicKey, ['0.0.0.0/0', '::/0'], `${far.address}:51820`),
    ]);
    assert.ok((await anna.ping(BEYOND)) >= 0, 'through the tunnel');
    assert.is(await way(BEYOND), 'kith0');
    assert.is(await way(far.address), 'kith0');
    assert.is(await way(far.address, 'mark', `${MARK}`), 'wan');
    assert.is(await way(inside(b)), 'kith0');
    assert.match(await ip('-6', 'route', 'get', '2001:db8::1'), / dev kith0 /);

    // A crash leaves rules that do nothing, and the next start clears them.
    await anna.daemon?.kill();
    await lab.waitFor(async () => (await way(far.address)) === 'wan', 5_000, 'no tunnel');
    assert.is.not(await rules(), before);
    assert.ok((await anna.ping(far.address)) >= 0);
    const route = (to: string) => anna.must(['config', 'set', 'peers.ben.allowedIps', to]);
    await route('10.99.0.0/24');
    await anna.up();
    assert.is(await rules(), before);

    await route('0.0.0.0/0');
    assert.ok((await anna.ping(BEYOND)) >= 0, 'live');
    await route('203.0.113.0/24,198.51.100.0/24');
    assert.is(await way(BEYOND), 'wan');
    assert.is(await way(far.address), 'kith0');
    assert.ok((await anna.ping(far.address)) >= 0, 'the end itself, through its tunnel');
    await anna.daemon?.stop();
    assert.is(await rules(), before);
  } finally {
    await lab.dispose();
  }
});

detour.run();
