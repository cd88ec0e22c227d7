// What the dashboard's port answers, without a browser.

import { type IncomingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import WebSocket from 'ws';
import { COMMANDS } from '../../../agent/commands/registry.js';
import { runCommand } from '../../../agent/commands/run.js';
import { Dashboard } from '../../../agent/control/dashboard/dashboard.js';
import {
  connectPacket,
  PacketReader,
  PUBLISH,
  publishPacket,
  readPublish,
  subscribePacket,
} from '../../../agent/dashboard/page/mqtt.js';
import { KEY_A } from '../../config/samples.js';
import { freePort, until } from '../mqtt/mosquitto.js';
import { NODE, peer, ROOT, stopNodes, TestNode } from '../mqtt/node.js';

const PASSWORD = 'correct horse';
const open: { stop(): unknown }[] = [];

async function start(settings: Record<string, unknown> = {}) {
  const node = new TestNode({ enabled: false }, { dashboard: { port: 0, ...settings } });
  const said: string[] = [];
  const agent = { status: () => node.status };
  const dashboard = new Dashboard({
    mqtt: {
      publicKey: KEY_A,
      config: node.store.read(),
      status: () => node.status,
      changes: node.changes,
      commands: COMMANDS,
      context: (note) => ({ store: node.store, agent, note, random, log: () => [] }) as never,
      run: runCommand,
      readSecret: () => new Uint8Array(0),
      readPublic: () => new Uint8Array(0),
      log: (_, line) => said.push(line),
    },
    addresses: () => ['127.0.0.1', '::1', '192.0.2.1'], // the last is none of ours
    password: () => Buffer.from(PASSWORD),
    random,
    pages: new URL('../../../agent/dashboard/page/', import.meta.url),
  });
  await dashboard.start();
  open.push(dashboard);
  const port = Number(new URL(dashboard.access()?.urls[0] ?? 'http://x:0').port);
  return { dashboard, node, said, port };
}

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

function ask(port: number, path: string, body?: unknown, more: Record<string, string> = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request({ port, path, method, host: '127.0.0.1', headers: more }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    asked.on('error', reject);
    asked.end(typeof body === 'string' ? body : body && JSON.stringify(body));
  });
}

async function token(port: number): Promise<string> {
  const { text } = await ask(port, '/login', { password: PASSWORD });
  return (JSON.parse(text) as { token: string }).token;
}

/** Resolves to the socket once it is open, or to the status that it was refused with. */
function connect(port: number, protocols: string[], origin?: string): Promise<WebSocket | number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, protocols, { origin });
    open.push({ stop: () => socket.terminate() });
    socket.on('error', () => {});
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
  });
}

const server = suite('dashboard/server');

server.after.each(async () => {
  await stopNodes();
  for (const one of open.splice(0)) await one.stop();
});

server('the page, with headers that keep others out', async () => {
  const { port } = await start();
  const { status, headers, text } = await ask(port, '/');
  assert.is(status, 200);
  assert.match(text, /<title>kith<\/title>/);
  assert.not.match(text, /https?:\/\//, 'nothing from elsewhere');
  assert.match(
    String(headers['content-security-policy']),
    /^default-src 'none'; script-src 'self'/,
  );
  assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/);
  assert.is(headers['x-content-type-options'], 'nosniff');
  assert.is(headers['x-frame-options'], 'DENY');
  const again = await ask(port, '/', undefined, { 'If-None-Match': headers.etag ?? '' });
  assert.is(again.status, 304);
  for (const path of ['/../package.json', '/%2e%2e/x', '/page.html', '/toString', '/metrics'])
    assert.is((await ask(port, path)).status, 404, path);
  assert.is((await ask(port, '/', {})).status, 405);
});

server('a login, and what is none', async () => {
  const { port, said } = await start();
  const wrong = await ask(port, '/login', { password: 'wrong' });
  assert.is(wrong.status, 401);
  for (const body of ['', '{', '7', '{"password": 7}', `{"password": "${'x'.repeat(2000)}"}`])
    assert.is((await ask(port, '/login', body)).status, 400, body.slice(0, 20));
  const foreign = { Origin: 'http://elsewhere.example' };
  assert.is((await ask(port, '/login', { password: PASSWORD }, foreign)).status, 403);
  const right = await ask(port, '/login', { password: PASSWORD });
  const { token, node } = JSON.parse(right.text) as Record<string, string>;
  assert.is(node, NODE);
  assert.is(right.headers['set-cookie'], undefined);
  assert.is(right.headers['cache-control'], 'no-store');
  const bearer = { Authorization: `Bearer ${token}` };
  assert.is((await ask(port, '/login', undefined, bearer)).status, 200);
  await ask(port, '/logout', {}, bearer);
  assert.is((await ask(port, '/login', undefined, bearer)).status, 401);
  for (let i = 0; i < 5; i++) await ask(port, '/login', { password: 'wrong' });
  const slow = await ask(port, '/login', { password: PASSWORD });
  assert.is(slow.status, 429);
  assert.ok((JSON.parse(slow.text) as { waitSeconds: number }).waitSeconds >= 1);
  assert.not.match(said.join('\n'), /wrong horse|correct/);
});

server('MQTT over WebSocket takes a login and the own origin', async () => {
  const { port } = await start();
  const good = await token(port);
  assert.is(await connect(port, ['mqtt']), 401);
  assert.is(await connect(port, ['mqtt', 'token.wrong']), 401);
  const protocols = ['mqtt', `token.${good}`];
  assert.is(await connect(port, protocols, 'http://elsewhere.example'), 403);
  const socket = await connect(port, protocols, `http://127.0.0.1:${port}`);
  assert.ok(socket instanceof WebSocket);
  assert.is(socket.protocol, 'mqtt');
});

server('commands and settings, answered to the asker alone, privileged ones too', async () => {
  const { port, node } = await start();
  const good = await token(port);
  const pages = await Promise.all(
    [1, 2].map(async (number) => {
      const socket = await connect(port, ['mqtt', `token.${good}`]);
      assert.ok(socket instanceof WebSocket);
      const heard = new Map<string, string[]>();
      const reader = new PacketReader();
      socket.on('message', (bytes: Buffer) => {
        for (const packet of reader.read(bytes)) {
          if (packet.type !== PUBLISH) continue;
          const { topic, payload } = readPublish(packet);
          heard.set(topic, [...(heard.get(topic) ?? []), payload]);
        }
      });
      socket.send(connectPacket(`page-${number}`));
      socket.send(
        subscribePacket(1, [`${ROOT}/state`, `${ROOT}/config`, `${ROOT}/command/result`]),
      );
      await until(() => heard.get(`${ROOT}/state`)?.includes('online'), 'the agent is there');
      return { socket, heard };
    }),
  );
  const [one, other] = [pages[0]!, pages[1]!];
  const say = (path: string, value: unknown) =>
    one.socket.send(publishPacket(`${ROOT}/${path}`, JSON.stringify(value)));
  const answer = async (path: string) => {
    const heard = () => one.heard.get(`${ROOT}/${path}/result`)?.shift();
    return JSON.parse(await until(heard, `an answer on ${path}`));
  };
  say('command/status', { id: 'a' });
  const status = await answer('command');
  assert.equal([status.id, status.ok, status.result.name], ['a', true, 'cabin']);
  const peers = Array.from({ length: 10_000 }, (_, i) =>
    peer({ name: `p${i}`, publicKey: `${i}` }),
  );
  node.status = { ...node.status, peers };
  say('command/peers', { id: 'many' });
  assert.is((await answer('command')).result.peers.length, 10_000);
  node.status = { ...node.status, peers: [] };
  say('command/config-schema', { id: 'b' });
  assert.ok((await answer('command')).result.properties.dashboard);
  say('command/log', { id: 'c', arguments: { lines: 5 } });
  assert.equal((await answer('command')).result, { log: [] });
  say('config/set', { id: 'd', patch: { listen: { port: 99999 }, nmae: 1 } });
  const refused = await answer('config');
  assert.is(refused.ok, false);
  assert.match(refused.problems.join('\n'), /^listen\.port: must be a whole number/m);
  assert.match(refused.problems.join('\n'), /^nmae: is unknown/m);
  say('config/set', { id: 'e', patch: { dashboard: { metrics: true } } }); // privileged
  assert.is((await answer('config')).ok, true);
  assert.is(node.store.read().dashboard.metrics, true);
  assert.is(other.heard.get(`${ROOT}/command/result`), undefined);
});

server('figures for Prometheus, where they are switched on', async () => {
  const { port, dashboard, node } = await start();
  assert.is((await ask(port, '/metrics')).status, 404);
  const config = node.store.read();
  dashboard.changed({ ...config, dashboard: { ...config.dashboard, metrics: true } });
  const far = peer({ name: 'attic', publicKey: 'x', rxBytes: 7 });
  const peers = [far, { ...far, name: 'odd"\\\n' }, { ...far, endpoint: '198.51.100.7:9' }];
  node.status = { ...node.status, peers };
  const { text, headers } = await ask(port, '/metrics');
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(text, /^kith_peers\{path="direct"\} 3$/m);
  assert.match(text, /^kith_peer_received_bytes_total\{peer="attic"\} 7$/m);
  assert.match(text, /^kith_peer_rtt_seconds\{peer="odd\\"\\\\\\n"\} 0\.012$/m);
  assert.match(text, /^kith_dropped_packets_total\{reason="no-session"\} 2$/m);
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) kith_\w+ .+|kith_\w+(\{.*\})? [\d.e+]+)$/);
  const series = text.split('\n').filter((line) => !line.startsWith('#'));
  assert.is(new Set(series.map((line) => line.split(' ')[0])).size, series.length);
  assert.not.match(text, /192\.0\.2|198\.51|10\.7/, 'no addresses');
});

server('a port that is taken is not fought for', async () => {
  const taken = await freePort();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
  open.push({ stop: () => other.close() });
  const { port, dashboard } = await start({ port: taken });
  assert.ok(port > taken && port < taken + 16);
  assert.match(dashboard.access()?.urls.join(' ') ?? '', /127\.0\.0\.1.*\[::1\]/);
});

server('garbage changes nothing', async () => {
  const { port } = await start();
  const good = await token(port);
  for (const bytes of ['\0\0\0', 'GET', 'GET / HTTP/9\r\n\r\n', `GET /${'x'.repeat(30_000)}`]) {
    const { connect } = await import('node:net');
    await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
      socket.resume().on('close', resolve).on('error', resolve);
    });
  }
  const socket = await connect(port, ['mqtt', `token.${good}`]);
  assert.ok(socket instanceof WebSocket);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.send(Buffer.from('this is no MQTT'));
  await closed;
  assert.is((await ask(port, '/')).status, 200);
});

server.run();
