import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { View } from '../../agent/commands/command.js';
import type { Context, PeerStatus, Status } from '../../agent/commands/context.js';
import { peers, status } from '../../agent/commands/status.js';

const VIEW: View = { columns: 80, rows: 24, terminal: false, color: false, remark: () => {} };

const phone: PeerStatus = {
  name: 'phone',
  publicKey: 'k',
  addresses: ['10.7.0.2/32'],
  endpoint: '192.0.2.7:5',
  path: { class: 'direct', via: null, rttMs: null, mtu: 1420, reason: null },
  lastHandshake: Math.floor(Date.now() / 1000) - 200_000,
  rxBytes: 2048,
  txBytes: 5,
};
const lost: PeerStatus = {
  ...phone,
  name: 'lost',
  addresses: ['a/1', 'b/1', 'c/1', 'd/1', 'e/1'],
  endpoint: null,
  path: {
    ...phone.path,
    class: 'none',
    reason: { code: 'no-endpoint', evidence: 'it never spoke', advice: 'Switch it on.' },
  },
  lastHandshake: null,
};
const whole: Status = {
  name: 'cabin',
  publicKey: 'KEY=',
  interface: 'kith0',
  addresses: ['10.7.0.1/24'],
  listen: { port: 51820 },
  cipher: { engine: 'simd', reason: 'fastest here', checked: 7, alarms: 0 },
  uptime: 300,
  memory: { rss: 64 * 1024 * 1024 },
  writes: { files: 3, bytes: 2048 },
  mqtt: { url: null, connected: true, protocol: 'MQTT 3.1.1', reason: null },
  peers: [phone, lost],
  mesh: null,
  drops: { 'outside-replay': 2, 'inside-no-route': 3, alarm: 0 },
  version: '0.1.0',
  pid: 1,
};
const context = (agent: Context['agent']) => ({ agent }) as Context;

const suiteOf = suite('commands/status');

suiteOf('what matters, in a table', async () => {
  const text = await status.show(whole, {}, VIEW);
  assert.is(
    text,
    `cabin, kith 0.1.0, up for 5 min
  key        KEY=
  interface  kith0, 10.7.0.1/24
  listens    UDP port 51820
  cipher     simd: fastest here (noble checked it 7 times)
  memory     64.0 MiB
  MQTT       its own broker, MQTT 3.1.1
  written    3 files, 2.0 KiB
  drops      3 inside-no-route, 2 outside-replay

peer   path    handshake  received  sent  endpoint     addresses
phone  direct  2 d ago    2.0 KiB   5 B   192.0.2.7:5  10.7.0.2/32
lost   none    never      2.0 KiB   5 B   -            a/1, b/1, c/1 and 2 more

lost: it never spoke. Switch it on.`,
  );
});

suiteOf('why there is no broker', async () => {
  const line = async (mqtt: Status['mqtt']) =>
    /^.*MQTT.*$/m.exec(await status.show({ ...whole, mqtt }, {}, VIEW))?.[0] ?? '';
  const away = { url: 'mqtts://b.example', connected: false, protocol: null };
  assert.is(await line(null), '  MQTT       off');
  const reason = 'b.example: nobody listens there';
  assert.match(await line({ ...away, reason }), /mqtts:\/\/b.example, not connected: .* listens/);
  assert.match(await line({ ...away, url: null, reason: null }), /its own broker, nobody there$/);
});

suiteOf('alarms are not to be missed', async () => {
  const alarmed = { ...whole, cipher: { ...whole.cipher, alarms: 2 } };
  assert.match(await status.show(alarmed, {}, VIEW), /7 times, 2 ALARMS\)/);
});

suiteOf('without peers it says how to get one', async () => {
  assert.match(await peers.show({ peers: [] }, {}, VIEW), /kith guest add phone --qr/);
});

suiteOf('peers are those of the status', async () => {
  const agent = { status: () => whole };
  assert.equal(await peers.run(context(agent), {}), { peers: [phone, lost] });
  assert.is(await status.run(context(agent), {}), whole);
});

suiteOf('without an agent there is none', () => {
  assert.throws(() => status.run(context(null), {}), /no agent is running/);
});

suiteOf('on a narrow terminal the last columns give way', async () => {
  const heads = await Promise.all(
    [100, 65, 60, 20].map(async (columns) => {
      const text = await peers.show({ peers: [phone] }, {}, { ...VIEW, columns, terminal: true });
      return text.split('\n')[0];
    }),
  );
  const head = 'peer   path    handshake  received  sent';
  const ends = ['  endpoint     addresses', '  endpoint', '  endpoint', ''];
  assert.equal(
    heads,
    ends.map((end) => head + end),
  );
});

suiteOf.run();
