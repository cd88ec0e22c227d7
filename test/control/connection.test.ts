import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePrefix } from '../../agent/bytes/address.js';
import { serveConnection } from '../../agent/control/connection.js';
import { RequestReader } from '../../agent/wireguard/uapi.js';
import { MemoryDevice } from './memory.js';

const PREFIXES = 20_000;

type Served = {
  path: string;
  folder: string;
  server: Server;
  device: MemoryDevice;
  ends: Socket[];
};

const connection = suite<{ served: Served }>('control/connection');

connection.before.each((context) => {
  const folder = mkdtempSync(join(tmpdir(), 'kith-connection-'));
  const path = join(folder, 'socket');
  const device = new MemoryDevice();
  const ends: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    ends.push(socket);
    serveConnection(
      socket,
      device,
      () => undefined,
      () => {},
    );
  });
  context.served = { path, folder, server, device, ends };
  return new Promise<void>((resolve) => server.listen(path, resolve));
});

connection.after.each(({ served }) => {
  for (const end of served.ends) end.destroy();
  rmSync(served.folder, { recursive: true });
  return new Promise<void>((resolve) => served.server.close(() => resolve()));
});

/** A state whose text has half a megabyte, more than a socket takes at once. */
function fill(device: MemoryDevice): void {
  const allowedIps = Array.from({ length: PREFIXES }, (_, i) => ({
    prefix: parsePrefix(`10.${i >> 8}.${i & 255}.0/24`)!,
  }));
  device.apply({ peers: [{ publicKey: new Uint8Array(32).fill(1), allowedIps }] });
}

async function open(path: string): Promise<{ socket: Socket; heard: () => string }> {
  const socket = connect(path);
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, heard: () => heard };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const errnos = (text: string) => text.match(/errno=\S+/g) ?? [];

connection('large answers and small ones come in the order of the requests', async ({ served }) => {
  fill(served.device);
  const { socket, heard } = await open(served.path);
  socket.write('get=1\n\nset=1\nlisten_port=x\n\nget=1\n\nset=1\nlisten_port=7\n\n');
  await until(() => served.device.state().listenPort === 7 || errnos(heard()).length > 0);
  socket.write('get=1\n\nset=1\n\n');
  await until(() => errnos(heard()).length === 6);
  const sections = heard().split('errno=');
  const prefixes = sections.map((section) => section.match(/allowed_ip=/g)?.length ?? 0);
  assert.equal(prefixes, [PREFIXES, 0, PREFIXES, 0, PREFIXES, 0, 0]);
  assert.equal(
    errnos(heard()).map((text) => text.slice(6)),
    ['0', '-22', '0', '0', '0', '0'],
  );
  socket.destroy();
});

connection('request after request on one connection', async ({ served }) => {
  const { socket, heard } = await open(served.path);
  for (let round = 1; round <= 5; round++) {
    socket.write('get=1\n\n');
    await until(() => errnos(heard()).length === round);
  }
  socket.destroy();
});

connection('who asks without listening is not read on', async ({ served }) => {
  fill(served.device);
  const socket = connect(served.path); // never read
  const many = Buffer.from('get=1\n\n'.repeat(1_000_000));
  socket.on('error', () => {});
  socket.write(many);
  await until(() => (served.ends[0]?.bytesRead ?? 0) > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const read = served.ends[0]?.bytesRead ?? 0;
  assert.ok(read < many.length / 20, `${read} bytes read`);
  socket.destroy();
});

connection('who goes away in the middle of an answer is no matter', async ({ served }) => {
  fill(served.device);
  for (let i = 0; i < 5; i++) {
    const { socket } = await open(served.path);
    socket.write('get=1\n\nget=1\n\n');
    socket.once('data', () => socket.destroy());
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await until(() => served.ends.every((end) => end.destroyed));
  const { socket, heard } = await open(served.path);
  socket.write('set=1\n\n');
  await until(() => heard() === 'errno=0\n\n');
  socket.destroy();
});

connection('other work goes on during a large answer', async ({ served }) => {
  fill(served.device);
  const { socket, heard } = await open(served.path);
  let turns = 0;
  const count = () => {
    turns++;
    if (errnos(heard().slice(-20)).length === 0) setImmediate(count);
  };
  setImmediate(count);
  socket.write('get=1\n\n');
  await until(() => errnos(heard().slice(-20)).length === 1);
  assert.ok(turns > heard().length / 32_768, `${turns} turns of the event loop`);
  socket.destroy();
});

connection('silence ends it: sooner in the middle of a request', async ({ served }) => {
  const { setTimeout: original } = Socket.prototype;
  const times: number[] = [];
  Socket.prototype.setTimeout = function (ms, ...rest) {
    times.push(ms);
    return original.call(this, ms, ...rest);
  };
  try {
    const { socket, heard } = await open(served.path);
    await until(() => served.ends.length === 1);
    assert.is(times.at(-1), 600_000);
    socket.write('get=1\n');
    await until(() => times.at(-1) === 30_000);
    socket.write('\n');
    await until(() => heard() === 'errno=0\n\n' && times.at(-1) === 600_000);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    served.ends[0]?.emit('timeout');
    await closed;
  } finally {
    Socket.prototype.setTimeout = original;
  }
});

connection('what came in and what went out is wiped, it may hold keys', async ({ served }) => {
  served.device.apply({ privateKey: new Uint8Array(32).fill(9) });
  const { push } = RequestReader.prototype;
  const { write } = Socket.prototype;
  const seen: Uint8Array[] = [];
  RequestReader.prototype.push = function (bytes) {
    seen.push(bytes);
    return push.call(this, bytes);
  };
  const { socket, heard } = await open(served.path);
  await until(() => served.ends.length === 1);
  const [end] = served.ends;
  end!.write = (piece: Uint8Array, ...rest: unknown[]) => {
    seen.push(piece);
    return Reflect.apply(write, end, [piece, ...rest]);
  };
  try {
    socket.write(`set=1\nprivate_key=${'12'.repeat(32)}\n\nget=1\n\n`);
    await until(() => errnos(heard()).length === 2);
    assert.match(heard(), '12'.repeat(32));
    await until(() => seen.length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(seen.every((bytes) => bytes.length > 0 && bytes.every((byte) => byte === 0)));
  } finally {
    RequestReader.prototype.push = push;
    socket.destroy();
  }
});

connection.run();
