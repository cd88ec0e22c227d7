// serial: measures time and memory
// needs: wireguard-tools, iproute2
// The configuration socket as `wg` uses it.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { interfaceIndex } from '../../agent/control/uapi.js';
import { type DeviceChange, DeviceError } from '../../agent/wireguard/configuration.js';
import { end, type Served, say, serve } from './served.js';

const uapi = suite<{ served: Served }>('control/uapi with wg');

uapi.before.each(async (context) => {
  context.served = await serve();
});

uapi.after.each(({ served }) => end(served));

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

uapi.run();
