// serial: makes and counts network namespaces
// deadline: 120
// The lab as a frame: what it builds and leaves behind. What the mesh in it does is another test's.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Spaces } from '../../../agent/control/lab/spaces.js';
import { type Daemon, type Ran, start } from '../../lab/daemon.js';
import { startTime } from '../../lab/owner.js';

const NAME = `t${process.pid}`;
const FOLDER = `/run/kith-lab/${NAME}`;
const PROGRAM = ['--import', 'tsx', join(import.meta.dirname, 'program.ts')];

const frame = suite('control/lab');

const spawned = (command: string, rest: string[], env = {}) =>
  start([process.execPath, ...PROGRAM, command, NAME, ...rest], { env });
const kithLab = (command: string, ...rest: string[]): Promise<Ran> =>
  spawned(command, rest).result();

async function until(condition: () => boolean, what: string, daemon: Daemon): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`no ${what}\n${daemon.log}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function running(env = {}): Promise<Daemon> {
  const daemon = spawned('up', [], env);
  await until(() => daemon.stdout.includes('harbour'), 'picture', daemon);
  return daemon;
}

const namespaces = () => new Spaces(NAME).list();
const processes = () =>
  namespaces().flatMap((name) =>
    String(spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout)
      .split('\n')
      .filter(Boolean)
      .map(Number),
  );

function assertClean(pids: readonly number[]): void {
  assert.equal(namespaces(), []);
  assert.not(existsSync(FOLDER));
  assert.equal(
    pids.filter((pid) => startTime(pid) !== undefined),
    [],
  );
}

frame.after.each(async () => {
  await kithLab('down');
});

frame(
  'up makes a mesh with the commands of a person, and Ctrl-C takes all of it down',
  async () => {
    const daemon = await running();
    const calls = readFileSync(join(FOLDER, 'calls'), 'utf8').split('\n');
    assert.is(calls[0], 'harbour: init {"name":"harbour"}');
    for (const name of ['house', 'cabin', 'studio']) {
      assert.ok(calls.includes(`harbour: invite ${JSON.stringify({ name })}`), name);
      assert.ok(calls.includes(`${name}: join {"word":"kith1${name}"}`), name);
    }
    assert.match(daemon.stdout, /^house +port-restricted +203\.0\.113\.10 /m);
    const pids = processes();
    assert.ok(pids.length >= 4 + 12, `${pids.length} processes`);
    daemon.signal('SIGINT');
    assert.is(await daemon.exited, 0);
    assertClean(pids);
  },
);

frame('what another terminal changes is seen, and one lab at a time', async () => {
  const daemon = await running();
  assert.match((await kithLab('up')).stderr, /a lab is running \(pid \d+\)/);
  const { stdout } = await kithLab('move', 'house');
  assert.match(stdout, 'house is at ');
  await kithLab('nat', 'studio', 'full-cone');
  assert.is((await kithLab('cut', 'house')).code, 0);
  const cutOff = /^house +cut off +\S+ +direct, silent/m;
  await until(() => cutOff.test(daemon.stdout), 'sign of the cut', daemon);
  const status = (await kithLab('status')).stdout;
  assert.match(status, /^house +cut off +203\.0\.113\.12 /m);
  assert.match(status, /^studio +full-cone /m);
  assert.match((await kithLab('heal', 'hose')).stderr, /no home "hose", did you mean/);
  assert.match((await kithLab('nat', 'house', 'cone')).stderr, /no NAT "cone": one of forwarded/);
  assert.match((await kithLab('nat', 'harbour', 'symmetric')).stderr, /no NAT to change/);
  const before = daemon.stdout.length;
  await kithLab('heal', 'house');
  const back = () => /^house +port-restricted +\S+ +direct \d/m.test(daemon.stdout.slice(before));
  await until(back, 'sign of the healing', daemon);
  const pids = processes();
  assert.is((await kithLab('down')).code, 0);
  assertClean(pids);
  assert.is(await daemon.exited, 0);
});

frame('what a crash left is cleared, by down and by the next up', async () => {
  for (const next of ['down', 'up']) {
    const daemon = await running();
    const pids = processes();
    process.kill(daemon.pid, 'SIGKILL');
    await daemon.exited;
    assert.ok(processes().length > 0);
    assert.match((await kithLab('status')).stderr, 'no lab is running');
    if (next === 'down') {
      await kithLab('down');
      assertClean(pids);
      continue;
    }
    const again = await running();
    assert.match(again.stderr, 'cleared what an earlier lab had left');
    assert.equal(
      pids.filter((pid) => startTime(pid) !== undefined),
      [],
    );
    await again.stop();
    assertClean(pids);
  }
});

frame('a node that does not start is told with its last words, and nothing stays', async () => {
  const ran = await spawned('up', [], { STANDIN_FAILS: 'cabin' }).result();
  assert.is(ran.code, 1);
  assert.match(ran.stderr, /^cabin ended: .*no luck today/m);
  assertClean([]);
  assert.is((await kithLab('down')).stderr, 'there was no lab\n');
});

frame('interrupted while it builds, it takes down what there is', async () => {
  const daemon = spawned('up', []);
  await until(() => namespaces().length > 3, 'namespaces', daemon);
  daemon.signal('SIGTERM');
  assert.is(await daemon.exited, 0, daemon.log);
  assertClean([]);
});

frame('without root, or without ip, it says what it needs', async () => {
  const spaces = join(import.meta.dirname, '../../../agent/control/lab/spaces.ts');
  const told = async (before: string) => {
    const code = `${before}; (await import('${spaces}')).Spaces.require();`;
    const command = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', code];
    return (await start(command).result()).stderr;
  };
  assert.match(await told('process.getuid = () => 1'), 'needs root');
  const noPath = "process.env.PATH = '/nowhere'";
  assert.match(await told(noPath), 'needs the program ip: install iproute2');
});

frame.run();
