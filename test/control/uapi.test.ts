// needs: wireguard-tools, iproute2
// The file of the configuration socket: who gets it, who replaces it, what its removal does.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ConfigurationSocket,
  interfaceIndex,
  isInterfaceName,
  serveBeside,
} from '../../agent/control/uapi.js';
import { MemoryDevice } from './memory.js';
import { end, type Served, say, serve } from './served.js';

const uapi = suite<{ served: Served; folder: string }>('control/uapi');

uapi.before.each(async (context) => {
  context.served = await serve();
  context.folder = mkdtempSync(join(tmpdir(), 'kith-uapi-'));
});

uapi.after.each(async ({ served, folder }) => {
  await end(served);
  rmSync(folder, { recursive: true });
});

function another(path: string, options: { device?: MemoryDevice; onRemoved?: () => void } = {}) {
  return new ConfigurationSocket({
    interfaceName: path.split('/').at(-1)!.replace('.sock', ''),
    folder: path.split('/').slice(0, -1).join('/'),
    device: new MemoryDevice(),
    log: () => {},
    onRemoved: () => {},
    ...options,
  });
}

uapi('only root gets at it', ({ served, folder }) => {
  assert.is(statSync(served.path).mode & 0o7777, 0o600);
  assert.not.ok(
    readdirSync('/var/run/wireguard').some((file) => file.startsWith(`.${served.name}`)),
  );
  const fresh = another(join(folder, 'run', 'wg0.sock'));
  return fresh.open(0).then(async (opened) => {
    assert.ok(opened);
    assert.is(statSync(join(folder, 'run')).mode & 0o7777, 0o700);
    await fresh.stop();
  });
});

/** Leaves the socket file of a process that was killed. */
async function abandoned(path: string): Promise<void> {
  const code = `require('net').createServer().listen('${path}', () => console.log('on'))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  assert.ok(existsSync(path));
}

uapi('a stale file is replaced at once', async ({ folder }) => {
  const path = join(folder, 'wg0.sock');
  await abandoned(path);
  const socket = another(path);
  assert.ok(await socket.open(0));
  assert.is(await say(path, 'get=1\n\n'), 'errno=0\n\n');
  await socket.stop();
  assert.equal(readdirSync(folder), []);
});

uapi('a plain file in its place is replaced', async ({ folder }) => {
  writeFileSync(join(folder, 'wg0.sock'), 'x');
  const socket = another(join(folder, 'wg0.sock'));
  assert.ok(await socket.open(0));
  await socket.stop();
});

uapi('a live holder keeps it; one who goes in time is followed', async ({ served }) => {
  const socket = another(served.path);
  const start = performance.now();
  assert.not(await socket.open(200));
  const took = performance.now() - start;
  assert.ok(took >= 200 && took < 5_000, `${took} ms`);
  assert.is(await say(served.path, 'get=1\n\n'), 'errno=0\n\n', 'the holder still answers');
  assert.not.ok(
    readdirSync('/var/run/wireguard').some((file) => file.startsWith(`.${served.name}`)),
  );

  const next = another(served.path);
  const opened = next.open(5_000);
  setTimeout(() => served.socket.stop(), 100);
  assert.ok(await opened);
  await next.stop();
});

uapi('beside the agent: served where free, one line where not', async ({ served, folder }) => {
  const log: string[] = [];
  const note = (level: string, line: string) => log.push(`${level}: ${line}`);
  const held = await serveBeside(served.name, new MemoryDevice(), note);
  assert.match(log.join('\n'), /^info: \S+ is held by another process: [^\n]+$/);
  await held();
  assert.is(await say(served.path, 'get=1\n\n'), 'errno=0\n\n');

  log.length = 0;
  const path = join(folder, 'wg0.sock');
  const free = await serveBeside('wg0', new MemoryDevice(), note, folder);
  assert.is(await say(path, 'get=1\n\n'), 'errno=0\n\n');
  rmSync(path);
  await served.lab.waitFor(() => log.length === 1, 2_000, 'line about the removal');
  await free();

  writeFileSync(join(folder, 'file'), '');
  await serveBeside('wg0', new MemoryDevice(), note, join(folder, 'file', 'x'));
  await serveBeside('a b', new MemoryDevice(), note, folder);
  assert.equal(
    log.map((line) => line.replace(/:.*/, '')),
    ['info', 'error', 'info'],
  );
});

uapi('of many who want one name exactly one gets it', async ({ folder }) => {
  const path = join(folder, 'wg0.sock');
  await abandoned(path);
  // the name of the temporary file carries the process id: one process each
  const code = `
    import { ConfigurationSocket } from '${import.meta.dirname}/../../agent/control/uapi.ts';
    const socket = new ConfigurationSocket({ interfaceName: 'wg0', folder: '${folder}',
      device: { apply() {}, state: () => ({}) }, log() {}, onRemoved: () => console.log('lost') });
    console.log(String(await socket.open(300)));
    process.stdin.once('end', () => socket.stop()).resume();
  `;
  const children = Array.from({ length: 4 }, () => {
    const args = ['--import', 'tsx', '--input-type=module', '-e', code];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.setEncoding('utf8');
    const said = new Promise<string>((resolve) => child.stdout.once('data', resolve));
    return { child, said, closed: new Promise((resolve) => child.once('close', resolve)) };
  });
  const said = await Promise.all(children.map((each) => each.said));
  assert.equal(said.map((text) => text.trim()).sort(), ['false', 'false', 'false', 'true']);
  for (const { child } of children) child.stdin.end();
  await Promise.all(children.map((each) => each.closed));
  assert.equal(readdirSync(folder), []);
});

uapi('removal of the file is noticed, once', async ({ served }) => {
  writeFileSync('/var/run/wireguard/kith-test-other', '');
  rmSync('/var/run/wireguard/kith-test-other');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(served.removals, 0, 'of other files it is none');
  rmSync(served.path);
  await served.lab.waitFor(() => served.removals, 2_000, 'removal');
  writeFileSync('/var/run/wireguard/kith-test-other', '');
  rmSync('/var/run/wireguard/kith-test-other');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(served.removals, 1);
});

uapi('a file that another put in its place is a removal, and stays', async ({ folder }) => {
  const path = join(folder, 'wg0.sock');
  let removed = false;
  const socket = another(path, {
    onRemoved: () => {
      removed = true;
    },
  });
  assert.ok(await socket.open(0));
  rmSync(path);
  writeFileSync(path, 'theirs');
  while (!removed) await new Promise((resolve) => setTimeout(resolve, 5));
  await socket.stop();
  assert.ok(existsSync(path));
});

const watches = () =>
  readdirSync('/proc/self/fdinfo').filter((fd) => {
    const path = `/proc/self/fdinfo/${fd}`;
    return existsSync(path) && readFileSync(path, 'utf8').includes('\ninotify ');
  }).length;

uapi('stop ends connections and removes the file', async ({ served }) => {
  assert.is(watches(), 1);
  const open = connect(served.path);
  await new Promise((resolve) => open.on('connect', resolve));
  const closed = new Promise((resolve) => open.on('close', resolve));
  open.on('error', () => {});
  open.resume();
  await served.socket.stop();
  await closed;
  assert.not.ok(existsSync(served.path));
  assert.is(served.removals, 0, 'our own removal is not news');
  assert.is(watches(), 0);
});

uapi('names that are no interface', () => {
  for (const name of ['', '.', '..', 'a/b', 'wg 0', 'x'.repeat(16), '../../etc/x']) {
    assert.not.ok(isInterfaceName(name), name);
    assert.is(interfaceIndex(name), undefined);
  }
  assert.ok(isInterfaceName('wg-test.0_=+'));
  assert.is(interfaceIndex('no-such-if'), undefined);
});

uapi.run();
