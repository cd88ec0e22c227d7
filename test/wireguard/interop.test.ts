// The machine against wireguard-go, over real UDP on loopback: both ways round, with and without a
// pre-shared key, over IPv4 and IPv6. Its interface stands in a namespace of its own, its socket
// stays outside, where it was opened.

import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../lab/namespaces.js';
import { isListening } from '../lab/node.js';
import { answerEcho, readEcho, writeEcho } from './icmp.js';
import { Live } from './live.js';

const OURS = '10.99.7.1';
const THEIRS = '10.99.7.2';
const interop = suite('wireguard: interoperability with wireguard-go');

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

type Set = { lab: Lab; live: Live; name: string; ourPort: number; theirPort: number };
type Options = {
  address: '127.0.0.1' | '::1';
  psk: Uint8Array | null;
  initiator: 'ours' | 'theirs';
};

/** A port that was free a moment ago. */
function freePort(address: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
    socket.bind(0, address, () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

async function withPeer(options: Options, run: (set: Set) => Promise<void>): Promise<void> {
  const { address, psk, initiator } = options;
  const lab = await Lab.create('interop');
  const live = new Live(address);
  try {
    const name = lab.interfaceName('wg');
    await lab.namespace('them');
    lab.spawn(null, 'wireguard-go', '-f', name);
    await lab.waitFor(() => isListening(lab, null, name), 20_000, 'their socket');
    await lab.must(null, 'ip', 'link', 'set', name, 'netns', lab.namespaceName('them'));

    const ourPort = await live.listen();
    const theirPort = await freePort(address);
    const privateKey = (await lab.must(null, 'wg', 'genkey')).trim();
    const file = join(lab.folder, 'wg.conf');
    const endpoint = `${address === '::1' ? '[::1]' : address}:${ourPort}`;
    const lines = [
      '[Interface]',
      `PrivateKey = ${privateKey}`,
      `ListenPort = ${theirPort}`,
      '[Peer]',
      `PublicKey = ${base64(live.publicKey)}`,
      `AllowedIPs = ${OURS}/32`,
      ...(psk ? [`PresharedKey = ${base64(psk)}`] : []),
      ...(initiator === 'theirs' ? [`Endpoint = ${endpoint}`] : []),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    await lab.must(null, 'wg', 'setconf', name, file);
    await lab.address('them', name, `${THEIRS}/24`);
    await lab.must('them', 'ip', 'link', 'set', name, 'up');

    const theirKey = (await lab.must(null, 'wg', 'show', name, 'public-key')).trim();
    const known = initiator === 'ours' ? theirPort : undefined;
    live.addPeer(Uint8Array.from(Buffer.from(theirKey, 'base64')), psk, known);
    await run({ lab, live, name, ourPort, theirPort });
  } finally {
    live.close();
    await lab.dispose();
  }
}

/** We send a ping; the answer comes from their kernel. */
async function weInitiate({ lab, live, name, theirPort }: Set): Promise<void> {
  const answers: string[] = [];
  live.onPacket = (packet) => {
    const echo = readEcho(packet);
    if (echo?.type === 0) answers.push(`${echo.from} ${echo.text}`);
  };
  live.send(writeEcho({ type: 8, from: OURS, to: THEIRS, id: 7, text: 'are you there' }));
  await lab.waitFor(() => answers.length > 0, 8_000, 'echo reply');
  assert.equal(answers, [`${THEIRS} are you there`]);
  const view = live.device.view(live.peer);
  assert.ok(Math.abs(view.lastHandshake - Date.now() / 1_000) < 20);
  assert.is(view.place?.endpoint.port, theirPort);
  assert.equal(live.seen.slice(0, 1), ['initiation']);
  assert.not(live.seen.includes('response'));
  const theirs = await lab.must(null, 'wg', 'show', name, 'latest-handshakes');
  assert.ok(Number(theirs.trim().split('\t')[1]) > 0);
}

/** Their kernel pings; we answer. */
async function theyInitiate({ lab, live }: Set): Promise<void> {
  live.onPacket = (packet) => {
    if (readEcho(packet)?.type === 8) live.send(answerEcho(packet));
  };
  const ping = await lab.run('them', 'ping', '-c', '1', '-w', '12', OURS);
  assert.is(ping.code, 0, ping.stdout + ping.stderr);
  assert.is(live.seen.filter((kind) => kind === 'response').length, 1);
  assert.not(live.seen.includes('initiation'));
}

const secret = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);
for (const address of ['127.0.0.1', '::1'] as const) {
  for (const psk of [null, secret]) {
    const how = `over ${address}, ${psk ? 'with' : 'without'} a pre-shared key`;
    interop(`we initiate ${how}`, () => withPeer({ address, psk, initiator: 'ours' }, weInitiate));
    interop(`they initiate ${how}`, () =>
      withPeer({ address, psk, initiator: 'theirs' }, theyInitiate),
    );
  }
}

interop('under load: they take our cookie and come back with it', () =>
  withPeer({ address: '127.0.0.1', psk: null, initiator: 'theirs' }, async (set) => {
    set.live.underLoad = true;
    await theyInitiate(set);
    assert.equal(set.live.seen.slice(0, 2), ['cookie-reply', 'response']);
  }),
);

interop('another pre-shared key on their side: no session, no word', () =>
  withPeer({ address: '127.0.0.1', psk: secret, initiator: 'ours' }, async ({ lab, live }) => {
    live.device.setPresharedKey(live.peer, null);
    live.send(writeEcho({ type: 8, from: OURS, to: THEIRS, id: 7, text: 'x' }));
    await lab.waitFor(() => (live.device.drops().forged ?? 0) > 0, 20_000, 'refused response');
    assert.is(live.device.view(live.peer).lastHandshake, 0);
    assert.equal(live.seen, ['initiation']);
  }),
);

interop.run();
