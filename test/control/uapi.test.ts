// serial: measures time and memory
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
import { type DeviceChange, DeviceError } from '../../agent/wireguard/configuration.js';
import { Lab } from '../lab/namespaces.js';
import { MemoryDevice } from './memory.js';

type Served = {
  lab: Lab;
  name: string;
  path: string;
  device: MemoryDevice;
  socket: ConfigurationSocket;
  log: string[];
  removals: number;
  wg: (...args: string[]) => Promise<string>;
};

const uapi = suite<{ served: Served; folder: string }>('control/uapi');

async function serve(): Promise<Served> {
  const lab = await Lab.create('uapi');
  const name = lab.interfaceName('c');
  const device = new MemoryDevice();
  const log: string[] = [];
  const served = { lab, name, device, log, removals: 0 };
  const socket = new ConfigurationSocket({
    interfaceName: name,
    device,
    log: (_, line) => log.push(line),
    onRemoved: () => all.removals++,
  });
  const wg = (...args: string[]) => lab.must(null, 'wg', ...args);
  const all: Served = Object.assign(served, { socket, path: socket.path, wg });
  assert.ok(await socket.open(0));
  return all;
}

uapi.before.each(async (context) => {
  context.served = await serve();
  context.folder = mkdtempSync(join(tmpdir(), 'kith-uapi-'));
});

uapi.after.each(async ({ served, folder }) => {
  await served.socket.stop();
  await served.lab.dispose();
  rmSync(folder, { recursive: true });
});

/** Sends text on a connection of its own; gives all that came until the other side ended. */
function say(path: string, ...texts: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect({ path, allowHalfOpen: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      heard += text;
    });
    socket.on('end', () => resolve(heard));
    socket.on('error', reject);
    for (const text of texts) socket.write(text);
    socket.end();
  });
}

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

uapi('wg set, show and showconf', async ({ served: { lab, name, wg, device } }) => {
  const key = (await wg('genkey')).trim();
  const psk = (await wg('genpsk')).trim();
  const peer = (await wg('genkey')).trim(); // any 32 bytes do
  const files = [key, psk].map((text, i) => {
    const file = join(lab.folder, `key${i}`);
    writeFileSync(file, text);
    return file;
  });
  const own = ['private-key', files[0]!, 'listen-port', '51821', 'fwmark', '0xca6c'];
  const other = ['preshared-key', files[1]!, 'endpoint', '192.0.2.7:51820'];
  const ips = ['persistent-keepalive', '25', 'allowed-ips', '10.7.0.2/32,fd00::/64'];
  await wg('set', name, ...own, 'peer', peer, ...other, ...ips);

  const conf = await wg('showconf', name);
  for (const line of ['ListenPort = 51821', 'FwMark = 0xca6c', `PrivateKey = ${key}`]) {
    assert.ok(conf.includes(line), `${line} in ${conf}`);
  }
  for (const line of [`PublicKey = ${peer}`, `PresharedKey = ${psk}`, 'PersistentKeepalive = 25']) {
    assert.ok(conf.includes(line), `${line} in ${conf}`);
  }
  for (const line of ['AllowedIPs = 10.7.0.2/32, fd00::/64', 'Endpoint = 192.0.2.7:51820']) {
    assert.ok(conf.includes(line), `${line} in ${conf}`);
  }
  assert.match(await wg('show', name), 'persistent keepalive: every 25 seconds');
  assert.ok((await wg('show', 'interfaces')).split(/\s/).includes(name));

  await wg('set', name, 'peer', peer, 'remove');
  assert.equal(device.state().peers, []);
  await wg('set', name, 'fwmark', 'off', 'private-key', '/dev/null');
  assert.equal([device.state().fwmark, device.state().privateKey], [0, null]);
});

uapi('wg setconf, addconf and syncconf', async ({ served: { lab, name, wg, device } }) => {
  const keys = await Promise.all(['', '', ''].map(async () => (await wg('genkey')).trim()));
  const conf = async (command: string, text: string) => {
    const file = join(lab.folder, 'wg.conf');
    writeFileSync(file, text);
    await wg(command, name, file);
  };
  const section = (i: number, ips: string) =>
    `[Peer]\nPublicKey = ${keys[i]}\n${ips && `AllowedIPs = ${ips}\n`}`;
  const count = () => device.state().peers.map((peer) => peer.allowedIps.length);

  await conf('setconf', `[Interface]\nListenPort = 7\n${section(0, '10.0.0.0/8, ::/0')}`);
  assert.equal(count(), [2]);
  await conf('addconf', section(1, '10.0.0.0/8'));
  assert.equal(count(), [1, 1], 'the allowed IP moved to the new peer');
  await conf(
    'syncconf',
    `[Interface]\nListenPort = 8\n${section(1, '10.1.0.0/16')}${section(2, '')}`,
  );
  assert.equal(
    device.state().peers.map((peer) => Buffer.from(peer.publicKey).toString('base64')),
    [keys[1], keys[2]],
  );
  assert.is(device.state().listenPort, 8);
  await conf('setconf', '[Interface]\n');
  assert.equal(device.state().peers, []);
});

uapi('a link-local endpoint keeps its scope', async ({ served: { name, wg, device } }) => {
  assert.is(interfaceIndex('lo'), 1);
  const peer = (await wg('genkey')).trim();
  await wg('set', name, 'peer', peer, 'endpoint', '[fe80::1%lo]:7');
  assert.equal(device.state().peers[0]?.endpoint, { address: 'fe80::1%1', port: 7 });
  assert.match(await wg('show', name, 'endpoints'), '[fe80::1%lo]:7');
});

uapi('a device that refuses: its errno, any other failure: EIO', async ({ served }) => {
  served.device.failure = new DeviceError('port taken', 98);
  const refused = await served.lab.run(null, 'wg', 'set', served.name, 'listen-port', '5');
  assert.match(refused.stderr, 'Address already in use');
  served.device.failure = new Error('a mistake of ours');
  assert.is(await say(served.path, 'set=1\nlisten_port=5\n\n'), 'errno=-5\n\n');
  assert.equal(served.log.length, 2);
  assert.is(served.device.state().listenPort, 0);
});

uapi('many requests on one connection, answered in order', async ({ served }) => {
  const heard = await say(
    served.path,
    'set=1\nlisten_port=9\n\nget=1\n\nset=1\nlisten_port=x\n',
    `private_key=${'ab'.repeat(32)}\n\n`,
    'set=1\nfwmark=3\n\nget=1\n\n',
  );
  const state = 'listen_port=9\nerrno=0\n\n';
  assert.is(
    heard,
    `errno=0\n\n${state}errno=-22\n\nerrno=0\n\nlisten_port=9\nfwmark=3\nerrno=0\n\n`,
  );
  assert.not.ok(served.log.join().includes('ab'));
});

uapi('a request cut off by the end of the connection changes nothing', async ({ served }) => {
  assert.is(await say(served.path, 'set=1\nlisten_port=9\n'), 'errno=-71\n\n');
  assert.equal(served.device.changes, []);
});

uapi('the keys of a request are wiped once they are applied, or refused', async ({ served }) => {
  const changes: DeviceChange[] = [];
  const apply = served.device.apply.bind(served.device);
  served.device.apply = (change) => {
    changes.push(change);
    apply(change);
  };
  const keys = `private_key=${'05'.repeat(32)}\npublic_key=${'06'.repeat(32)}\n`;
  const request = `set=1\n${keys}preshared_key=${'07'.repeat(32)}\n\n`;
  assert.is(await say(served.path, request), 'errno=0\n\n');
  served.device.failure = new DeviceError('port taken', 98);
  assert.is(await say(served.path, request), 'errno=-98\n\n');
  const secrets = changes.flatMap(({ privateKey, peers }) => [
    privateKey,
    peers?.[0]?.presharedKey,
  ]);
  assert.equal(secrets, new Array(4).fill(new Uint8Array(32)));
  assert.equal(served.device.state().privateKey, new Uint8Array(32).fill(5));
});

uapi(
  'what answers carry is wiped, what a caller holds of the device is not',
  async ({ served }) => {
    const privateKey = new Uint8Array(32).fill(7);
    served.device.apply({ privateKey });
    const states: (Uint8Array | null)[] = [];
    const state = served.device.state.bind(served.device);
    served.device.state = () => {
      const taken = state();
      states.push(taken.privateKey);
      return taken;
    };
    assert.match(await say(served.path, 'get=1\n\n'), '07'.repeat(32));
    assert.equal(states, [new Uint8Array(32)]);
    assert.equal(privateKey, new Uint8Array(32).fill(7));
  },
);

uapi('more connections than the limit are turned away, the others served', async ({ served }) => {
  const open = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = connect(served.path);
      let ended = false;
      socket.on('close', () => {
        ended = true;
      });
      socket.on('error', () => {});
      await new Promise((resolve) => socket.on('connect', resolve));
      return { socket, ended: () => ended };
    }),
  );
  await served.lab.waitFor(() => open.some((each) => each.ended()), 2_000, 'refusal');
  assert.is(open.filter((each) => !each.ended()).length, 32);
  for (const { socket } of open) socket.destroy();
  await served.lab.waitFor(() => say(served.path, 'get=1\n\n').catch(() => ''), 2_000, 'answer');
});

uapi('130,560 allowed IPs through wg setconf and back', async ({ served }) => {
  const { lab, name, wg } = served;
  const lines = ['[Interface]', '[Peer]', `PublicKey = ${(await wg('genkey')).trim()}`];
  for (let a = 1; a <= 255; a++) {
    for (let b = 0; b < 256; b++) lines.push(`AllowedIPs = ${a}.${b}.0.0/16,${a}::${b}/128`);
  }
  const file = join(lab.folder, 'large.conf');
  writeFileSync(file, lines.join('\n'));
  const before = process.memoryUsage().rss;
  let longest = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const start = performance.now();
  await wg('setconf', name, file);
  const set = performance.now() - start;
  const shown = await wg('show', name, 'allowed-ips');
  const show = performance.now() - start - set;
  clearInterval(watch);
  const words = shown.trim().split(/\s+/);
  assert.is(words.length, 255 * 256 * 2 + 1);
  assert.is(new Set(words).size, words.length);
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  console.log(
    `setconf ${set.toFixed(0)} ms, show ${show.toFixed(0)} ms, ` +
      `main thread busy at most ${longest.toFixed(0)} ms, ${grown.toFixed(0)} MiB more`,
  );
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
