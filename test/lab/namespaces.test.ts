// serial: starts and kills processes and counts namespaces
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab, sweep } from './namespaces.js';
import { isAlive, isLeftover, isLeftoverInterface, mustBeOurs, startTime } from './owner.js';

const namespaces = suite('lab/namespaces');

const pair = {
  addresses: [
    ['10.0.0.1/24', 'fd00::1/64'],
    ['10.0.0.2/24', 'fd00::2/64'],
  ],
} as const;

async function twoJoined(name: string): Promise<Lab> {
  const lab = await Lab.create(name);
  await lab.namespace('a');
  await lab.namespace('b');
  await lab.connect('a', 'b', { mtu: 1400, ...pair });
  return lab;
}

namespaces('two namespaces reach each other over IPv4 and at once over IPv6', async () => {
  const lab = await twoJoined('reach');
  try {
    assert.is((await lab.run('a', 'ping', '-c1', '-W2', '10.0.0.2')).code, 0);
    assert.is((await lab.run('a', 'ping', '-c1', '-W2', 'fd00::2')).code, 0);
    assert.match(await lab.must('b', 'ip', 'link', 'show', 'a'), 'mtu 1400');
  } finally {
    await lab.dispose();
  }
});

namespaces('output, input and exit code come back; what fails is told in full', async () => {
  const lab = await Lab.create('output');
  try {
    await lab.namespace('a');
    const ran = await lab.runWith('a', { input: 'in' }, 'sh', '-c', 'cat; echo err >&2; exit 3');
    assert.equal(ran, { stdout: 'in', stderr: 'err\n', code: 3 });
    const slow = await lab.runWith('a', { timeoutMs: 100 }, 'sleep', '60');
    assert.is(slow.code, 137);
    const failure = await lab.must('a', 'sh', '-c', 'echo why >&2; exit 1').catch(String);
    assert.match(failure, 'why');
  } finally {
    await lab.dispose();
  }
});

namespaces('dispose leaves no namespace, process, folder or socket', async () => {
  const lab = await twoJoined('dispose');
  const daemon = lab.spawn('a', 'sh', '-c', 'setsid sleep 1000 & sleep 1000');
  const name = lab.interfaceName('x');
  mkdirSync('/var/run/wireguard', { recursive: true });
  writeFileSync(`/var/run/wireguard/${name}.sock`, '');
  const pids = () => lab.must('a', 'ip', 'netns', 'pids', lab.namespaceName('a'));
  await lab.waitFor(async () => (await pids()).trim().split('\n').length >= 3, 2_000, 'sleepers');
  const sleepers = (await pids()).trim().split('\n').map(Number);
  const full = lab.namespaceName('a');
  await lab.dispose();
  assert.is(daemon.running, false);
  assert.equal(
    sleepers.filter((pid) => startTime(pid) !== undefined),
    [],
  );
  assert.not.ok(existsSync(`/run/netns/${full}`));
  assert.not.ok(existsSync(`/var/run/wireguard/${name}.sock`));
  assert.not.ok(existsSync(lab.folder));
});

namespaces('a NAT lets connections out and nobody in', async () => {
  const lab = await Lab.create('nat');
  try {
    for (const label of ['home', 'router', 'world']) await lab.namespace(label);
    await lab.connect('home', 'router', { addresses: [['10.0.0.2/24'], ['10.0.0.1/24']] });
    await lab.connect('router', 'world', { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    await lab.must('home', 'ip', 'route', 'add', 'default', 'via', '10.0.0.1');
    await lab.must('world', 'ip', 'route', 'add', '10.0.0.0/24', 'via', '192.0.2.1');
    await lab.masquerade('router', 'world');
    assert.is((await lab.run('home', 'ping', '-c1', '-W2', '192.0.2.2')).code, 0);
    assert.is((await lab.run('world', 'ping', '-c1', '-W1', '10.0.0.2')).code, 1);
  } finally {
    await lab.dispose();
  }
});

const CHILD = `
  import { Lab } from '${import.meta.dirname}/namespaces.js';
  const lab = await Lab.create('child');
  await lab.namespace('a');
  lab.spawn('a', 'sleep', '1000');
  console.log(lab.namespaceName('a'));
  setTimeout(() => {}, 60_000);
`;

/** A test that made a namespace and is then ended by a signal. */
async function endedBy(signal: NodeJS.Signals): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', CHILD], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const name = await new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
  });
  const start = startTime(child.pid!)!;
  assert.ok(isAlive(child.pid!, start));
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  if (signal === 'SIGKILL') {
    // its sleeper holds standard output open no longer than until the sweep
    child.stdout.destroy();
  }
  await closed;
  return name;
}

namespaces('a test that is interrupted cleans up', async () => {
  const name = await endedBy('SIGTERM');
  assert.not.ok(readdirSync('/run/netns').includes(name));
});

namespaces('what a killed test left is swept by the next one, with its processes', async () => {
  const name = await endedBy('SIGKILL');
  assert.ok(readdirSync('/run/netns').includes(name), 'the leftover is there');
  assert.ok(isLeftover(name));
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout.trim();
  assert.ok(sweep().includes(name));
  assert.not.ok(readdirSync('/run/netns').includes(name));
  assert.is(startTime(Number(pids)), undefined);
  assert.equal(readdirSync(tmpdir()).filter(isLeftover), [], 'temporary folders too');
});

namespaces(
  'names are unique, short enough for the kernel, and not taken for leftovers',
  async () => {
    const lab = await Lab.create('names');
    const names = Array.from({ length: 100 }, () => lab.interfaceName('abcd'));
    assert.is(new Set(names).size, 100);
    assert.ok(names.every((name) => name.length <= 15));
    assert.throws(() => lab.interfaceName('abcde'), /label/);
    await lab.namespace('a');
    assert.not.ok(isLeftover(lab.namespaceName('a')));
    await lab.dispose();
  },
);

namespaces('what others made is neither a leftover nor deleted', () => {
  for (const name of [
    '',
    'ref',
    'contract.md',
    'wg0',
    'wg0.sock',
    'kt',
    'kithlab',
    'x.kithlab.1.2.a',
  ]) {
    assert.not.ok(isLeftover(name), name);
    assert.not.ok(isLeftoverInterface(name), name);
    assert.throws(() => mustBeOurs(name), /not of the lab's making/, name);
  }
});

namespaces.run();
