// slow: floods of 20 s
// deadline: 180
// Under a flood of handshake initiations with forged sources a real peer still gets in, thanks to
// cookies; and to strangers who are not let in there is silence.
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FloodOptions } from './flood.js';
import { Lab } from './namespaces.js';
import { keyPair, Node } from './node.js';
import { endpointOf, INSIDE, startPair } from './pair.js';

const FLOOD = join(import.meta.dirname, 'flood.ts');
const SOURCES = Array.from({ length: 200 }, (_, i) => `198.51.100.${i + 1}`);

const floods = suite('lab/flood');

/** A third namespace "x" that reaches a node's namespace over a link of its own. */
async function attacker(lab: Lab, victim: 'a' | 'b'): Promise<string> {
  await lab.namespace('x');
  const addresses = [['203.0.113.9/24'], ['203.0.113.1/24']] as const;
  await lab.connect('x', victim, { names: ['xv', 'xx'], addresses });
  await lab.must('x', 'ip', 'route', 'add', 'local', '198.51.100.0/24', 'dev', 'lo');
  await lab.must(victim, 'ip', 'route', 'add', '198.51.100.0/24', 'via', '203.0.113.9');
  return '203.0.113.1';
}

type Sent = Readonly<{ response: number; cookie: number; all: number }>;

/** Counts what a node sends out of one interface of its namespace. */
async function countSent(lab: Lab, label: string, device: string): Promise<() => Promise<Sent>> {
  const from = `oifname "${device}" udp sport 51820`;
  const byType = [2, 3].map((type) => `${from} @th,64,8 ${type} counter`); // its first byte
  const rules = [...byType, `${from} counter`].join('\n');
  const chain = `chain out { type filter hook output priority 0; ${rules}\n}`;
  await lab.nft(label, `table inet sent_${device} { ${chain}\n}`);
  return async () => {
    const text = await lab.must(label, 'nft', 'list', 'table', 'inet', `sent_${device}`);
    const found = [...text.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count));
    const [response = -1, cookie = -1, all = -1] = found;
    return { response, cookie, all };
  };
}

function startFlood(lab: Lab, options: Omit<FloodOptions, 'port' | 'seed'>, kind = 'flood') {
  const whole: FloodOptions = { ...options, port: 51820, seed: 7 };
  const node = [process.execPath, '--import', 'tsx', FLOOD, JSON.stringify(whole), kind];
  return lab.spawnWith('x', { cwd: join(import.meta.dirname, '../..') }, ...node);
}

floods('kith is flooded: it answers with cookies, and wireguard-go still gets in', async () => {
  const lab = await Lab.create('flood');
  try {
    const { a, b } = await startPair(lab, { callers: ['b'] });
    const to = await attacker(lab, 'a');
    const toStrangers = await countSent(lab, 'a', 'xx');
    const options = { to, publicKey: a.publicKey, sources: SOURCES, perSecond: 5_000, seconds: 20 };
    const flood = startFlood(lab, options);
    const cookies = async () => (await toStrangers()).cookie > 0;
    await lab.waitFor(cookies, 10_000, `cookie replies\n${flood.log}${a.daemon?.log}`);
    assert.ok(flood.running, flood.log);
    await b.reaches(INSIDE.a.ipv4, 12_000);
    assert.ok(flood.running, 'the flood went on meanwhile');
    const { stdout, stderr } = await flood.result();
    const { sent, answers } = JSON.parse(stdout) as { sent: number; answers: number[] };
    assert.ok(sent > 20_000, `${sent} sent; ${stderr}`);
    assert.is(answers[2], 0, 'no response to a forgery');
    assert.ok((answers[3] ?? 0) > 0, 'cookie replies arrived');
    // afterwards all is as before
    await a.reaches(INSIDE.b.ipv4, 3_000);
  } finally {
    await lab.dispose();
  }
});

floods('wireguard-go is flooded: kith answers its cookie with mac2 and gets in', async () => {
  const lab = await Lab.create('flood');
  try {
    const { a, b } = await startPair(lab, { callers: ['a'] });
    const to = await attacker(lab, 'b');
    const toStrangers = await countSent(lab, 'b', 'xx');
    const toKith = await countSent(lab, 'b', 'vb');
    const rate = { perSecond: 40_000, seconds: 20 };
    const flood = startFlood(lab, { to, publicKey: b.publicKey, sources: SOURCES, ...rate });
    const cookies = async () => (await toStrangers()).cookie > 0;
    await lab.waitFor(cookies, 10_000, `cookie replies\n${flood.log}`);
    await a.reaches(INSIDE.b.ipv4, 14_000);
    assert.ok(flood.running, 'the flood went on meanwhile');
    assert.ok((await toKith()).cookie > 0, 'kith was given a cookie, too');
    await flood.stop();
  } finally {
    await lab.dispose();
  }
});

floods('to strangers there is silence: junk, wrong keys, forgeries', async () => {
  const lab = await Lab.create('silence');
  try {
    const { a, b } = await startPair(lab, { callers: [] });
    const to = await attacker(lab, 'a');
    const toStrangers = await countSent(lab, 'a', 'xx');
    const one = { to, publicKey: a.publicKey, sources: ['203.0.113.9'] };
    const junk = startFlood(lab, { ...one, perSecond: 1, seconds: 1 }, 'junk');
    const { stdout, stderr } = await junk.result();
    assert.equal(JSON.parse(stdout), { sent: 16, answers: 0 }, stderr);
    const forged = startFlood(lab, { ...one, perSecond: 10, seconds: 2 });
    assert.equal(JSON.parse((await forged.result()).stdout).answers, [0, 0, 0, 0, 0]);

    // a stock client whose key nobody knows, and one that takes kith for somebody else
    const inside = { addresses: ['10.66.0.9/24'] };
    const stranger = await Node.start(lab, 'x', 'wireguard-go', inside);
    const peer = { allowedIps: ['10.66.0.1/32'], endpoint: `${to}:51820` };
    await stranger.peer(a, peer);
    const ping = ['ping', '-n', '-c6', '-i1', '-W1', '10.66.0.1'];
    assert.is((await lab.run('x', ...ping)).code, 1);
    await lab.must('x', 'wg', 'set', stranger.device, 'peer', a.publicKey, 'remove');
    const [allowed, endpoint] = ['10.66.0.1/32', `${to}:51820`];
    const wrong = ['peer', keyPair().publicKey, 'allowed-ips', allowed, 'endpoint', endpoint];
    await lab.must('x', 'wg', 'set', stranger.device, ...wrong);
    assert.is((await lab.run('x', ...ping)).code, 1);

    assert.equal(await toStrangers(), { response: 0, cookie: 0, all: 0 }, 'kith sent something');
    // the counters do count: the same for a peer that is known
    const toFriends = await countSent(lab, 'a', 'va');
    await b.peer(a, { allowedIps: [`${INSIDE.a.ipv4}/32`], endpoint: endpointOf('a', 4) });
    await b.reaches(INSIDE.a.ipv4);
    assert.is((await toFriends()).response, 1);
  } finally {
    await lab.dispose();
  }
});

floods.run();
