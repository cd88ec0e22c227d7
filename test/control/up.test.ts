// `kith up` whole: two namespaces, the real program, and wireguard-go as the guest.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PeerStatus, Status } from '../../agent/commands/context.js';
import type { Daemon } from '../lab/daemon.js';
import { Lab } from '../lab/namespaces.js';
import { kith, PROGRAM, type Ran, run } from './program.js';

const READY_MS = 20_000; // a busy machine
const PING_MS = 20_000;

type Home = Readonly<{
  lab: Lab;
  state: string;
  link: string; // the interface's name
  agent: Daemon;
  run(...args: string[]): Promise<Ran>;
  status(): Promise<Status>;
}>;

/** A node in namespace `a`, at 10.55.0.1; its other side is `b`, at 10.55.0.2. */
async function home(name: string): Promise<Home> {
  const lab = await Lab.create(name);
  await lab.namespace('a');
  await lab.namespace('b');
  const addresses = [['10.55.0.1/24'], ['10.55.0.2/24']] as const;
  await lab.connect('a', 'b', { addresses });
  const state = join(lab.folder, 'state');
  const link = lab.interfaceName('a');
  const run = (...args: string[]) => kith(['--state', state, ...args]);
  const status = async () => JSON.parse((await run('status', '--json')).stdout) as Status;
  await run('config', 'set', 'interface.name', link);
  await run('config', 'set', 'endpoint', '10.55.0.1');
  const agent = up(lab, state);
  await ready(lab, agent);
  return { lab, state, link, agent, run, status };
}

function up(lab: Lab, state: string, ...args: string[]): Daemon {
  return lab.spawn('a', process.execPath, PROGRAM, 'up', '--state', state, ...args);
}

async function ready(lab: Lab, agent: Daemon): Promise<void> {
  await lab.waitFor(() => agent.stdout.includes(' is up: ') || !agent.running, READY_MS, 'agent');
  assert.ok(agent.running, agent.log);
}

const items = (text: string, key: string) =>
  (new RegExp(`^${key} = (.*)$`, 'm').exec(text)?.[1] ?? '').split(', ');

/** wireguard-go in `b`, set up by `wg` with what `kith guest add` printed. */
async function join_({ lab }: Home, configuration: string): Promise<string> {
  const file = join(lab.folder, 'guest.conf');
  writeFileSync(file, configuration, { mode: 0o600 });
  const name = lab.interfaceName('b');
  lab.spawn('b', 'wireguard-go', '-f', name);
  await lab.waitFor(() => existsSync(`/var/run/wireguard/${name}.sock`), READY_MS, 'wireguard-go');
  writeFileSync(file, await lab.must(null, 'wg-quick', 'strip', file), { mode: 0o600 });
  await lab.must('b', 'wg', 'setconf', name, file);
  await lab.must('b', 'ip', 'link', 'set', name, 'up');
  for (const address of items(configuration, 'Address')) await lab.address('b', name, address);
  for (const prefix of items(configuration, 'AllowedIPs'))
    await lab.must('b', 'ip', 'route', 'add', prefix, 'dev', name);
  return name;
}

/** Another program on a UDP port of namespace `a`. */
async function take(lab: Lab, port: number): Promise<Daemon> {
  const bind = `bind(${port}, () => console.log('on'))`;
  const script = `require('node:dgram').createSocket('udp4').${bind}`;
  const daemon = lab.spawn('a', process.execPath, '-e', script);
  await lab.waitFor(() => daemon.stdout !== '', READY_MS, `program on port ${port}`);
  return daemon;
}

const bare = (address: string) => address.split('/')[0] ?? '';

async function pings({ lab }: Home, address: string): Promise<void> {
  const ping = () => lab.run('b', 'ping', '-c1', '-W1', bare(address));
  await lab.waitFor(async () => (await ping()).code === 0, PING_MS, `answer from ${address}`);
}

const story = suite('control/up');

/** What a node keeps, but for what it makes when it is needed: a password, an older file. */
function left(state: string): string[] {
  const made = ['broker.password', 'kith.last.json'];
  return readdirSync(state)
    .filter((name) => !made.includes(name))
    .sort();
}

story('a stock client gets in by what guest add printed, and out by guest remove', async () => {
  const node = await home('guest');
  try {
    const { lab, run, status } = node;
    const before = await status();
    assert.equal(before.peers, []);
    assert.equal(before.listen, { port: 51820 });
    const added = await run('guest', 'add', 'phone', '--conf');
    assert.is(added.code, 0, added.stderr);
    await join_(node, added.stdout);
    for (const address of before.addresses) await pings(node, address);

    const after = await status();
    const [phone] = after.peers as [PeerStatus];
    assert.is(phone.name, 'phone');
    assert.is(phone.path.class, 'direct');
    assert.match(phone.endpoint ?? '', /^10\.55\.0\.2:\d+$/);
    assert.equal(phone.addresses, items(added.stdout, 'Address'));
    assert.ok(phone.rxBytes > 0 && phone.txBytes > 0);
    assert.ok(Math.abs((phone.lastHandshake ?? 0) - Date.now() / 1000) < 60);
    assert.ok(after.memory.rss > 1e7 && after.uptime >= 0 && after.cipher.engine !== '');
    assert.equal((JSON.parse((await run('peers', '--json')).stdout) as Status).peers, after.peers);
    assert.match((await run('status')).stdout, /^phone {2}direct/m);

    assert.is((await run('guest', 'remove', 'phone')).code, 0);
    assert.equal((await status()).peers, []);
    const ping = await lab.run('b', 'ping', '-c2', '-W1', bare(before.addresses[0] ?? ''));
    assert.is.not(ping.code, 0, 'it is out at once');
  } finally {
    await node.lab.dispose();
  }
});

story('changes are live where they can be, and all or nothing', async () => {
  const node = await home('live');
  try {
    const { lab, run, status, state, link } = node;
    await run('guest', 'add', 'phone');
    await run('config', 'set', 'peers.phone.allowedIps', '10.66.0.0/24,10.67.0.0/24');
    await run('config', 'set', 'peers.phone.endpoint', '10.55.0.2:7');
    const routes = () => lab.must('a', 'ip', 'route', 'show', 'dev', link);
    assert.match(await routes(), /^10\.66\.0\.0\/24/m);
    assert.equal((await status()).peers[0]?.addresses, ['10.66.0.0/24', '10.67.0.0/24']);
    assert.is((await status()).peers[0]?.endpoint, '10.55.0.2:7');
    await run('config', 'set', 'peers.phone.allowedIps', '10.67.0.0/24');
    assert.not.match(await routes(), /10\.66\.0\.0\/24/);
    assert.match(await routes(), /^10\.67\.0\.0\/24/m);

    const moved = await run('config', 'set', 'listen.port', '51999');
    assert.equal([moved.code, moved.stderr], [0, '']);
    assert.equal((await status()).listen, { port: 51999 });
    const restart = await run('config', 'set', 'interface.mtu', '1300');
    assert.match(restart.stderr, /^restart needed: interface.mtu /);

    const file = () => readFileSync(join(state, 'kith.json'), 'utf8');
    const written = file();
    const taken = await take(lab, 52000);
    const refused = await run('config', 'set', 'listen.port', '52000');
    assert.is(refused.code, 1);
    assert.match(refused.stderr, /UDP port 52000 is taken/);
    assert.equal((await status()).listen, { port: 51999 }, 'it goes on as before');
    assert.is(file(), written);
    await taken.stop();

    writeFileSync(join(state, 'kith.json'), written.replace('"keepalive": 0', '"keepalive": 9'));
    node.agent.signal('SIGHUP');
    const read = () => node.agent.stderr.includes('the configuration was read again');
    await lab.waitFor(read, READY_MS, 'reload');
    const broken = written.replace('51999', '"x"');
    writeFileSync(join(state, 'kith.json'), broken);
    node.agent.signal('SIGHUP');
    const told = () => node.agent.stderr.includes('listen.port: must be a whole number');
    await lab.waitFor(told, READY_MS, 'complaint');
    assert.equal((await status()).listen, { port: 51999 });
    assert.is(file(), broken, 'what a person wrote is left to them');
  } finally {
    await node.lab.dispose();
  }
});

story('it ends clean, and a start after kill -9 works', async () => {
  const node = await home('ends');
  try {
    const { lab, state, link, agent, run } = node;
    const next = () => /Next: `kith guest add phone --qr`/.test(agent.stdout);
    await lab.waitFor(next, READY_MS, 'hint');
    const second = await kith(['up', '--state', state]);
    assert.is(second.code, 1);
    const status = JSON.parse((await run('status', '--json')).stdout) as Status;
    assert.is(second.stderr, `kith: an agent is already running on ${state} (pid ${status.pid})\n`);
    agent.signal('SIGTERM');
    assert.is(await agent.exited, 0, agent.log);
    assert.equal(left(state), ['identity', 'kith.json']);
    assert.is.not((await lab.run('a', 'ip', 'link', 'show', link)).code, 0);

    const again = up(lab, state);
    await ready(lab, again);
    again.signal('SIGKILL');
    await again.exited;
    assert.ok(existsSync(join(state, 'kith.sock')), 'a killed one leaves its socket');
    assert.is((await run('status')).code, 1);
    const third = up(lab, state, '--set', 'listen.port=0', '--set', 'name=hut');
    await ready(lab, third);
    assert.match(third.stdout, /^hut is up: /m);
    assert.not.match(readFileSync(join(state, 'kith.json'), 'utf8'), 'hut');
    third.signal('SIGINT');
    assert.is(await third.exited, 0, third.log);
  } finally {
    await node.lab.dispose();
  }
});

story('a signal in the middle of the start ends it clean', async () => {
  const node = await home('early');
  try {
    const { lab, state, agent } = node;
    agent.signal('SIGTERM');
    await agent.exited;
    for (const ms of [150, 250, 350, 450]) {
      const early = up(lab, state);
      await new Promise((resolve) => setTimeout(resolve, ms));
      early.signal('SIGTERM');
      const code = await early.exited;
      assert.ok(code === 0 || (code === 143 && early.stdout === ''), `${code}: ${early.log}`);
      assert.equal(left(state), ['identity', 'kith.json']);
    }
  } finally {
    await node.lab.dispose();
  }
});

story('what stands in the way is a clear sentence', async () => {
  const node = await home('lacks');
  try {
    const { lab, state, link } = node;
    node.agent.signal('SIGTERM');
    await node.agent.exited;
    const fails = async (sentence: RegExp, ...args: string[]) => {
      const { code, stderr, stdout } = await up(lab, state, ...args).result();
      assert.is(code, 1, stderr);
      assert.match(stderr, sentence);
      assert.is(stdout, '');
    };
    await fails(/^kith: there is an interface b already: /, '--set', 'interface.name=b');
    const taken = await take(lab, 51820);
    await fails(/^kith: UDP port 51820 is taken /);
    await taken.stop();
    await fails(
      /^kith: --set listen.port=x is not right:\n {2}listen.port: must be/,
      '--set',
      'listen.port=x',
    );
    writeFileSync(join(state, 'kith.json'), '{"version":2}');
    await fails(/version: 2 is newer than this kith understands/);
    writeFileSync(join(state, 'kith.json'), '{"version":1,"name":"a","privateKeyFile":"no.key"}');
    await fails(/no\.key is missing/);
    assert.is.not((await lab.run('a', 'ip', 'link', 'show', link)).code, 0);
  } finally {
    await node.lab.dispose();
  }
});

story('whoever deletes the interface ends the agent, which says so', async () => {
  const node = await home('gone');
  try {
    await node.lab.must('a', 'ip', 'link', 'delete', node.link);
    assert.is(await node.agent.exited, 1, node.agent.log);
    assert.match(node.agent.stderr, new RegExp(`the interface ${node.link} was deleted`));
  } finally {
    await node.lab.dispose();
  }
});

story('--watch asks again, and ends when the agent does', async () => {
  const node = await home('watch');
  try {
    const command = `"${process.execPath}" "${PROGRAM}" --state "${node.state}"`;
    const line = `${command} status --watch | head -1`;
    const { stdout: first } = await run('sh', ['-c', line]);
    assert.match(first, /, kith .*, up for /, 'it ends when nobody reads on');
    const watching = kith(['peers', '--watch', '--json', '--state', node.state]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    node.agent.signal('SIGTERM');
    const { code, stdout, stderr } = await watching;
    assert.is(code, 1);
    assert.match(stderr, /the agent ended/);
    const lines = stdout.trim().split('\n');
    const last = lines.pop() ?? '';
    assert.equal(JSON.parse(last), { error: 'the agent ended', problems: [] });
    assert.ok(lines.length >= 2, stdout);
    for (const line of lines) assert.equal(JSON.parse(line), { peers: [] });
  } finally {
    await node.lab.dispose();
  }
});

story('garbage on the socket does not disturb it', async () => {
  const node = await home('garbage');
  try {
    const socket = connect(join(node.state, 'kith.sock'));
    socket.on('error', () => {});
    for (let i = 0; i < 50; i++) socket.write(Buffer.alloc(5000, i * 7));
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.is((await node.run('status')).code, 0);
    socket.destroy();
    assert.is((await node.run('status')).code, 0);
  } finally {
    await node.lab.dispose();
  }
});

story.run();
