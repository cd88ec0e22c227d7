import { statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AgentView, Context, PeerStatus, Status } from '../../agent/commands/context.js';
import { peers as peersCommand } from '../../agent/commands/status.js';
import { PEERS_MAX } from '../../agent/config/schema.js';
import { Client } from '../../agent/control/client.js';
import { Folder } from '../../agent/control/folder.js';
import { Membership } from '../../agent/control/membership.js';
import { CONNECTIONS_MAX, ControlSocket, LINE_BYTES_MAX } from '../../agent/control/socket.js';
import { FileStore } from '../../agent/control/store.js';
import { temporaryFolder } from './program.js';

/** A socket over a real state folder, with no agent behind it. */
async function served(
  doing: (path: string, socket: ControlSocket) => Promise<void>,
  agent: AgentView | null = null,
) {
  const folder = new Folder(temporaryFolder());
  const random = (bytes: number) => new Uint8Array(bytes).fill(5);
  const store = new FileStore(folder, random);
  store.readOrMake();
  const context = (note: (line: string) => void): Context => ({
    statePath: folder.path,
    store,
    mesh: new Membership({ folder, store, random, guessEndpoints: async () => [] }),
    agent,
    agentRuns: true,
    random,
    guessAddress: async () => '192.0.2.1',
    note,
  });
  const socket = new ControlSocket(folder.socketPath, context, () => {});
  await socket.listen();
  try {
    await doing(folder.socketPath, socket);
  } finally {
    await socket.close();
  }
}

/** Sends bytes as they are and collects lines until the other side ends or `count` have come. */
function raw(path: string, bytes: string | Buffer, count = Infinity): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    const lines = () => text.split('\n').slice(0, -1);
    const done = () => resolve(lines().map((line) => JSON.parse(line) as unknown));
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      if (lines().length >= count) socket.destroy();
    });
    socket.on('close', done);
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' || error.code === 'ECONNRESET' ? done() : reject(error),
    );
    socket.write(bytes);
  });
}

const get = '{"id":1,"command":"config get","arguments":{"path":"listen.port"}}\n';

const socket = suite('control/socket');

socket('a request and its answer', () =>
  served(async (path) => {
    assert.equal(await raw(path, get, 1), [{ id: 1, ok: true, result: 51820, notes: [] }]);
    assert.is(statSync(path).mode & 0o777, 0o600);
  }),
);

socket('several in one piece, one in many pieces', () =>
  served(async (path) => {
    const ids = (await raw(path, get.repeat(5), 5)).map((reply) => (reply as { id: number }).id);
    assert.equal(ids, [1, 1, 1, 1, 1]);
    const replies = await new Promise((resolve) => {
      const client = connect(path);
      client.once('data', (data) => {
        client.destroy();
        resolve(JSON.parse(data.toString()));
      });
      let at = 0;
      const next = () => {
        if (at < get.length) client.write(get.slice(at++, at), () => setImmediate(next));
      };
      next();
    });
    assert.equal(replies, { id: 1, ok: true, result: 51820, notes: [] });
  }),
);

const garbage = [
  '{',
  '[]',
  'null',
  '7',
  '{"command":7}',
  'GET / HTTP/1.1',
  '\0\u{10ffff}',
  '{"id":1}',
];
for (const line of garbage) {
  socket(`garbage is answered and counted: ${JSON.stringify(line)}`, () =>
    served(async (path, control) => {
      const [bad, good] = await raw(path, `${line}\n${get}`, 2);
      assert.match((bad as { error: string }).error, /no request/);
      assert.is((good as { result: number }).result, 51820, 'and the connection goes on');
      assert.is(control.garbage, 1);
    }),
  );
}

socket('what is asked wrongly is told, with all problems', () =>
  served(async (path) => {
    const ask = async (command: string, given: unknown) => {
      const [reply] = await raw(
        path,
        `${JSON.stringify({ id: 'x', command, arguments: given })}\n`,
        1,
      );
      return reply as { id: string; ok: boolean; error: string; problems: unknown[] };
    };
    assert.match(
      (await ask('stauts', {})).error,
      /unknown command "stauts", did you mean "status"/,
    );
    assert.match((await ask('up', {})).error, /runs from the command line only/);
    assert.match((await ask('import', { file: '/etc/shadow' })).error, /command line only/);
    const reply = await ask('config set', { value: 7, more: 1 });
    assert.equal(reply.problems, [
      { path: 'path', problem: 'is missing' },
      { path: 'value', problem: 'must be of type string' },
      { path: 'more', problem: 'is unknown' },
    ]);
    assert.is(reply.id, 'x');
    assert.match((await ask('status', {})).error, /no agent is running/);
    assert.match((await ask('__proto__', {})).error, /unknown command/);
  }),
);

socket('a line without end is cut off, and memory with it', () =>
  served(async (path, control) => {
    const [reply] = await raw(path, Buffer.alloc(LINE_BYTES_MAX + 1, 'x'));
    assert.match((reply as { error: string }).error, /a line longer than/);
    assert.is(control.garbage, 1);
    assert.is((await raw(path, get, 1)).length, 1, 'others are served on');
  }),
);

socket('no more connections than there may be', () =>
  served(async (path) => {
    const clients = Array.from({ length: CONNECTIONS_MAX }, () => connect(path));
    await Promise.all(clients.map((one) => new Promise((resolve) => one.once('connect', resolve))));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await raw(path, get, 1), [], 'one too many is let go');
    for (const client of clients) client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is((await raw(path, get, 1)).length, 1);
  }),
);

socket('a flood in one connection is cut off', () =>
  served(async (path, control) => {
    const replies = await raw(path, get.repeat(500));
    assert.ok(replies.length < 500);
    assert.is(control.garbage, 1);
  }),
);

socket('the client gets results, remarks and failures', () =>
  served(async (path) => {
    const client = await Client.open(path);
    assert.ok(client);
    try {
      assert.equal(await client.ask('config get', { path: 'listen.port' }), {
        result: 51820,
        notes: [],
      });
      const added = await client.ask('guest add', { name: 'phone' });
      assert.match(added.notes.join(), /Endpoint 192.0.2.1:51820 is a guess/);
      for (let i = 0; i < 15; i++) await client.ask('config get', {}); // one after the other
      await client.ask('guest add', { name: 'phone' }).then(
        () => assert.unreachable(),
        (error) => assert.match(error.message, /there is a peer "phone" already/),
      );
    } finally {
      client.close();
    }
  }),
);

socket('10,000 peers come whole, and people can read them', () => {
  const peer = (i: number): PeerStatus => ({
    name: `peer-${i}`,
    publicKey: Buffer.alloc(32, i).toString('base64'),
    addresses: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`, `fd00::${i.toString(16)}/128`],
    endpoint: `198.51.100.${i & 255}:51820`,
    path: {
      class: 'none',
      via: null,
      rttMs: null,
      mtu: null,
      reason: { code: 'silent', evidence: 'it has not answered', advice: 'See whether it is up.' },
    },
    lastHandshake: 1_700_000_000,
    rxBytes: i,
    txBytes: 2 * i,
  });
  const peers = Array.from({ length: PEERS_MAX }, (_, i) => peer(i));
  const agent = { status: () => ({ peers }) as unknown as Status };
  return served(async (path) => {
    const client = await Client.open(path);
    assert.ok(client);
    const { result } = await client.ask('peers', {});
    assert.equal(result, { peers });
    assert.ok(JSON.stringify(result).length > 3 * 1024 * 1024);
    const view = { columns: 80, rows: 24, terminal: true, color: false, remark: () => {} };
    const shown = await peersCommand.show(result as { peers: PeerStatus[] }, {}, view);
    assert.match(shown, /^peer-9999 +none/m);
    client.close();
  }, agent);
});

socket('a stale file is replaced, nobody behind it is no agent', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'kith.sock');
  assert.is(await Client.open(path), undefined);
  writeFileSync(path, 'stale');
  assert.is(await Client.open(path), undefined);
  const control = new ControlSocket(
    path,
    () => assert.unreachable() as never,
    () => {},
  );
  await control.listen();
  assert.ok(statSync(path).isSocket());
  await control.close();
});

socket('a path too long for a socket is said so', () => {
  const control = new ControlSocket(
    `/tmp/${'x'.repeat(120)}`,
    () => ({}) as never,
    () => {},
  );
  assert.throws(() => control.listen(), /too long for a socket/);
});

socket.run();
