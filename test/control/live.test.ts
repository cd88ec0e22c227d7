import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeKey, encodeKey } from '../../agent/bytes/base64.js';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import type { Config } from '../../agent/config/schema.js';
import { Folder } from '../../agent/control/folder.js';
import { LiveNode } from '../../agent/control/live.js';
import type { RunningTunnel } from '../../agent/control/ports.js';
import { type DeviceChange, DeviceError } from '../../agent/wireguard/configuration.js';
import { config, KEY_A, KEY_B } from '../config/samples.js';
import { temporaryFolder } from './program.js';

/** A tunnel that writes down what it is told, and refuses what `refuse` says. */
function fake(refuse?: (change: DeviceChange) => number | undefined) {
  const changes: DeviceChange[] = [];
  const tunnel: RunningTunnel = {
    start: async () => {},
    stop: async () => {},
    setLink: () => {},
    apply(change) {
      const errno = refuse?.(change);
      if (errno !== undefined) throw new DeviceError('refused', errno);
      changes.push(change);
    },
    state: () => ({
      privateKey: null,
      publicKey: decodeKey(KEY_B)!,
      listenPort: 7,
      fwmark: 0,
      peers: [],
    }),
    counters: () => ({
      drops: { 'inside-no-route': 2 },
      handshakeDrops: { replay: 1, 'handshake-mac1': 3 },
      engine: { name: 'simd', reason: 'fastest', checked: 4, alarms: 0 },
    }),
  };
  return { tunnel, changes };
}

function open(started: Config, settings: string[] = [], refuse?: Parameters<typeof fake>[0]) {
  const { tunnel, changes } = fake(refuse);
  const folder = new Folder(temporaryFolder());
  const logged: string[] = [];
  const log = (_level: string, line: string) => logged.push(line);
  const node = new LiveNode({ folder, tunnel, config: started, settings, publicKey: KEY_A, log });
  return { node, folder, changes, logged };
}

async function failure(doing: Promise<unknown>): Promise<string> {
  return doing.then(
    () => assert.unreachable() as never,
    (error) => {
      assert.instance(error, Failure);
      return failureLines(error as Failure).join('\n');
    },
  );
}

const a = { name: 'a', publicKey: KEY_A };
const live = suite('control/live');

live('only the difference is told, and what needs a restart', async () => {
  const { node, changes } = open(config({ peers: [a] }));
  const peers = [{ ...a, keepalive: 9 }];
  const after = config({ peers, listen: { port: 5 }, cipher: 'noble' });
  assert.equal(await node.apply(after), ['cipher']);
  const [change] = changes;
  assert.is(change?.listenPort, 5);
  assert.is(change?.peers?.length, 1);
  assert.is(change?.peers?.[0]?.keepalive, 9);
  assert.equal(await node.apply(after), ['cipher'], 'said again as long as it is so');
  assert.equal(changes[1], { peers: [] });
});

live('what was laid over for this run stays over it', async () => {
  const { node, changes } = open(config({ listen: { port: 9 } }), ['listen.port=9']);
  assert.equal(await node.apply(config({ listen: { port: 5 } })), []);
  assert.equal(changes, [{ peers: [] }]);
});

live('a refusal half-way is taken back', async () => {
  const before = config({ peers: [a] });
  const { node, changes } = open(before, [], ({ listenPort }) =>
    listenPort === 5 ? 98 : undefined,
  );
  const said = await failure(node.apply(config({ listen: { port: 5 } })));
  assert.match(said, /UDP port 5 is taken: choose another/);
  assert.is(changes.length, 1);
  const [back] = changes;
  assert.is(back?.listenPort, 51820);
  assert.equal(
    back?.peers?.map((peer) => [encodeKey(peer.publicKey), peer.remove ?? false]),
    [[KEY_A, false]],
  );
  await node.apply(config({ peers: [a], listen: { port: 6 } }));
  assert.equal(changes[1], { listenPort: 6, peers: [] }, 'it is where it was');
});

live('a key file that is missing stops the change before anything is told', async () => {
  const { node, folder, changes } = open(config());
  const peers = [{ ...a, presharedKeyFile: 'a.psk' }];
  assert.match(await failure(node.apply(config({ peers }))), /a\.psk is missing/);
  assert.equal(changes, []);
  folder.writeKey('a.psk', KEY_B);
  await node.apply(config({ peers }));
  assert.equal(changes[0]?.peers?.[0]?.presharedKey, decodeKey(KEY_B));
  folder.writeKey('a.psk', KEY_A);
  await node.apply(config({ peers }));
  assert.equal(changes[1]?.peers?.[0]?.presharedKey, decodeKey(KEY_A), 'read again each time');
});

live('a name becomes an endpoint when it is resolved', async () => {
  const { node, changes } = open(config());
  try {
    await node.apply(config({ peers: [{ ...a, endpoint: 'localhost:5' }] }));
    assert.is(changes[0]?.peers?.[0]?.endpoint, undefined);
    for (let i = 0; i < 200 && changes.length < 2; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const [peer] = changes[1]?.peers ?? [];
    assert.is(peer?.updateOnly, true);
    assert.is(peer?.endpoint?.port, 5);
    assert.ok(['127.0.0.1', '::1'].includes(peer?.endpoint?.address ?? ''));
  } finally {
    node.stop();
  }
});

live('the status of a node', () => {
  const { node } = open(config({ interface: { addresses: ['10.7.0.1/24'] }, peers: [a] }));
  const { memory, uptime, pid, version, ...rest } = node.status();
  assert.ok(memory.rss > 0 && uptime >= 0 && pid === process.pid && version !== '');
  assert.equal(rest, {
    name: 'cabin',
    publicKey: KEY_B,
    interface: 'kith0',
    addresses: ['10.7.0.1/24'],
    listen: { port: 7 },
    cipher: { engine: 'simd', reason: 'fastest', checked: 4, alarms: 0 },
    peers: [
      {
        name: 'a',
        publicKey: KEY_A,
        addresses: [],
        endpoint: null,
        path: {
          class: 'none',
          via: null,
          rttMs: null,
          mtu: null,
          reason: {
            code: 'no-endpoint',
            evidence: 'it has not spoken to this node yet, and no endpoint of it is known',
            advice: 'Switch it on there, or: kith config set peers.a.endpoint HOST:PORT',
          },
        },
        lastHandshake: null,
        rxBytes: 0,
        txBytes: 0,
      },
    ],
    mesh: null,
    writes: { files: 0, bytes: 0 },
    mqtt: null,
    drops: { 'inside-no-route': 2, 'handshake-replay': 1, 'handshake-mac1': 3 },
  });
});

live.run();
