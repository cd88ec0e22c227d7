// deadline: 180
// `kith wg` as wireguard-go is used: started, driven by `wg`, moved, deleted, killed.

import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Ran, RunOptions } from './daemon.js';
import { Lab } from './namespaces.js';
import { KITH, keyPair } from './node.js';
import { startTime } from './owner.js';

const END_MS = 5_000;

type Stage = { lab: Lab; name: string; socket: string };

const wg = suite<{ stage: Stage }>('lab/wg');

wg.before.each(async (context) => {
  const lab = await Lab.create('wg');
  await lab.namespace('a');
  const name = lab.interfaceName('w');
  context.stage = { lab, name, socket: `/var/run/wireguard/${name}.sock` };
});

wg.after.each(({ stage }) => stage.lab.dispose());

const KITH_WG = [process.execPath, KITH, 'wg'];

/** `kith wg ARGS` in the first namespace, to its end. */
function run({ lab }: Stage, args: string[], options: RunOptions = {}): Promise<Ran> {
  return lab.runWith('a', options, ...KITH_WG, ...args);
}

/** `kith wg NAME`; gives the process id of what stays in the background. */
async function background(stage: Stage): Promise<number> {
  const ran = await run(stage, [stage.name]);
  assert.equal(ran, { stdout: '', stderr: '', code: 0 });
  const text = await stage.lab.must(null, 'ip', 'netns', 'pids', stage.lab.namespaceName('a'));
  const titled = text
    .trim()
    .split('\n')
    .filter((pid) => titleOf(pid) === `kith wg ${stage.name}`);
  assert.is(titled.length, 1, `one process: ${titled}`);
  return Number(titled[0]);
}

function titleOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
  } catch {
    return '';
  }
}

async function hasInterface({ lab, name }: Stage, label = 'a'): Promise<boolean> {
  return (await lab.run(label, 'ip', 'link', 'show', name)).code === 0;
}

/** The process, its interface and its socket are gone. */
async function assertGone(stage: Stage, pid: number): Promise<void> {
  await stage.lab.waitFor(() => startTime(pid) === undefined, END_MS, 'end of the process');
  assert.not.ok(existsSync(stage.socket), 'the socket is left');
  assert.not(await hasInterface(stage), 'the interface is left');
}

wg('returns when interface and socket are ready, and stays behind', async ({ stage }) => {
  const pid = await background(stage);
  assert.ok(await hasInterface(stage));
  assert.match(await stage.lab.must('a', 'wg', 'show', stage.name), `interface: ${stage.name}`);
  assert.is(readlinkSync(`/proc/${pid}/cwd`), '/');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
  const [session, terminal] = [Number(stat[3]), Number(stat[4])];
  assert.equal([session, terminal], [pid, 0], 'a session of its own, without a terminal');
  for (const fd of [0, 1, 2]) assert.is(readlinkSync(`/proc/${pid}/fd/${fd}`), '/dev/null');
});

wg('the background keeps no descriptor of whoever started it', async ({ stage }) => {
  // Were one of these kept, this would wait for the end of the output until it is killed.
  const script = 'exec 3>&1 63>&1 200>&1; "$@"';
  const ran = await stage.lab.runWith(
    'a',
    { timeoutMs: 20_000 },
    ...['bash', '-c', script, 'bash', ...KITH_WG, stage.name],
  );
  assert.is(ran.code, 0);
  assert.ok(await hasInterface(stage));
});

wg('ends when the interface is deleted, and the name is free at once', async ({ stage }) => {
  for (let round = 0; round < 3; round++) {
    const pid = await background(stage);
    await stage.lab.must('a', 'ip', 'link', 'delete', stage.name);
    if (round < 2) continue; // the next start meets the end of this one
    await assertGone(stage, pid);
  }
});

wg('a holder of the name that is slow to end is waited for', async ({ stage }) => {
  const first = await background(stage);
  process.kill(first, 'SIGSTOP'); // its socket goes on taking connections
  await stage.lab.must('a', 'ip', 'link', 'delete', stage.name);
  const second = run(stage, [stage.name]);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  process.kill(first, 'SIGCONT');
  assert.equal(await second, { stdout: '', stderr: '', code: 0 });
  assert.match(await stage.lab.must('a', 'wg', 'show', stage.name), 'interface:');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  wg(`ends at ${signal}`, async ({ stage }) => {
    const pid = await background(stage);
    process.kill(pid, signal);
    await assertGone(stage, pid);
  });
}

wg('ends when the socket is removed', async ({ stage }) => {
  const pid = await background(stage);
  rmSync(stage.socket);
  await assertGone(stage, pid);
});

wg('kill -9 leaves nothing that keeps the next one from starting', async ({ stage }) => {
  for (let round = 0; round < 3; round++) {
    process.kill(await background(stage), 'SIGKILL');
    await stage.lab.waitFor(async () => !(await hasInterface(stage)), END_MS, 'end');
    assert.ok(existsSync(stage.socket), 'the file is left, and does not matter');
  }
  await background(stage);
  assert.equal(
    readdirSync('/var/run/wireguard').filter((file) => file.includes(stage.name)),
    [`${stage.name}.sock`],
  );
});

wg('the interface may move to another namespace; deleted there, it ends', async ({ stage }) => {
  const { lab, name } = stage;
  const pid = await background(stage);
  await lab.namespace('b');
  await lab.must('a', 'ip', 'link', 'set', name, 'netns', lab.namespaceName('b'));
  await lab.must('b', 'ip', 'link', 'set', name, 'up');
  const port = async () => Number(await lab.must('b', 'wg', 'show', name, 'listen-port'));
  assert.ok((await lab.waitFor(port, END_MS, 'socket in the old namespace')) > 0);
  await lab.must('b', 'ip', 'link', 'delete', name);
  await assertGone(stage, pid);
});

wg('a name in use elsewhere: one sentence, and nothing is left', async ({ stage }) => {
  const pid = await background(stage);
  await stage.lab.namespace('b');
  for (const foreground of [[], ['-f']]) {
    const ran = await stage.lab.run('b', ...KITH_WG, ...foreground, stage.name);
    assert.equal([ran.code, ran.stdout], [1, '']);
    assert.match(ran.stderr, /^kith: \/var\/run\/wireguard\/\w+\.sock is in use: [^\n]+\n$/);
    assert.not(await hasInterface(stage, 'b'));
  }
  assert.match(await stage.lab.must('a', 'wg', 'show', stage.name), 'interface:');
  assert.is(startTime(pid) === undefined, false);
});

wg('what cannot be: one sentence and exit code 1, in front and behind', async ({ stage }) => {
  await stage.lab.must('a', 'ip', 'link', 'add', 'taken', 'type', 'veth');
  const rows: [string, Record<string, string>, RegExp][] = [
    ['taken', {}, /^kith: the interface taken [^\n]+\n$/],
    ['a/b', {}, /^kith: "a\/b" cannot name an interface\n$/],
    [stage.name, { KITH_CIPHER: 'aes' }, /^kith: KITH_CIPHER: not one of [^\n]+\n$/],
  ];
  for (const [name, env, want] of rows) {
    for (const foreground of [[], ['-f']]) {
      const ran = await run(stage, [...foreground, name], { env });
      assert.equal([ran.code, ran.stdout], [1, '']);
      assert.match(ran.stderr, want);
    }
  }
  assert.is((await run(stage, [])).code, 2);
  assert.match((await run(stage, ['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

for (const [how, args, env] of [
  ['-f', ['-f'], {}],
  ['--foreground', ['--foreground'], {}],
  ['WG_PROCESS_FOREGROUND=1', [], { WG_PROCESS_FOREGROUND: '1' }],
] as const) {
  wg(`stays in front with ${how}, and logs as LOG_LEVEL says`, async ({ stage }) => {
    const { lab, name, socket } = stage;
    const logs: string[] = [];
    for (const level of ['verbose', 'error', 'silent']) {
      const command = [...KITH_WG, ...args, name];
      const daemon = lab.spawnWith('a', { env: { ...env, LOG_LEVEL: level } }, ...command);
      await lab.waitFor(() => existsSync(socket) || !daemon.running, END_MS, 'socket');
      assert.is((await lab.run('a', 'wg', 'set', name, 'fwmark', '7')).code, 0);
      const refused = 'printf "set=1\\nmtu=1\\n\\n" | ncat -U "$0"';
      assert.is(await lab.must('a', 'sh', '-c', refused, socket), 'errno=-22\n\n');
      assert.is(await daemon.stop(), 0);
      logs.push(daemon.stderr);
      assert.is(daemon.stdout, '');
    }
    assert.match(logs[0] ?? '', 'is ready');
    assert.match(logs[1] ?? '', /^kith wg: configuration refused: [^\n]+\n$/);
    assert.is(logs[2], '');
  });
}

wg('KITH_CIPHER picks the engine', async ({ stage }) => {
  const { lab, name } = stage;
  await lab.namespace('b');
  await lab.connect('a', 'b', { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
  const [one, two] = [keyPair(), keyPair()];
  const other = lab.interfaceName('x');
  for (const [label, device, own, peer, inside, cipher] of [
    ['a', name, one, two, '10.0.0.1', 'noble'],
    ['b', other, two, one, '10.0.0.2', 'simd'],
  ] as const) {
    const env = { KITH_CIPHER: cipher, LOG_LEVEL: 'verbose' };
    const daemon = lab.spawnWith(label, { env }, ...KITH_WG, '-f', device);
    const ready = () => daemon.stderr.includes('is ready');
    await lab.waitFor(ready, END_MS, `start\n${daemon.log}`);
    assert.match(daemon.stderr, `cipher engine ${cipher}`);
    const key = join(lab.folder, `${label}.key`);
    await lab.must(null, 'sh', '-c', 'echo "$0" > "$1"', own.privateKey, key);
    const remote = `192.0.2.${label === 'a' ? 2 : 1}:7000`;
    const settings = ['peer', peer.publicKey, 'endpoint', remote, 'allowed-ips', '10.0.0.0/24'];
    await lab.must(
      label,
      'wg',
      'set',
      device,
      'listen-port',
      '7000',
      'private-key',
      key,
      ...settings,
    );
    await lab.address(label, device, `${inside}/24`);
    await lab.must(label, 'ip', 'link', 'set', device, 'up');
  }
  await lab.must('a', 'ping', '-c3', '-i0.2', '-W2', '10.0.0.2');
  assert.match(await lab.must('a', 'wg', 'show', name), 'latest handshake');
});

wg.run();
