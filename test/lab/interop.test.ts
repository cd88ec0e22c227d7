// slow: twenty labs
// deadline: 240
// kith and wireguard-go (Debian's) speak to each other: who begins, with and without a pre-shared
// key, IPv4 and IPv6 outside and inside, each cipher engine; roaming; large packets; the wire.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { endpointOf, INSIDE, OUTSIDE, startPair } from './pair.js';

const interop = suite('lab/interop');

async function inLab(name: string, run: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await Lab.create(name);
  try {
    await run(lab);
  } finally {
    await lab.dispose();
  }
}

const psk = () => randomBytes(32).toString('base64');

for (const caller of ['a', 'b'] as const) {
  const who = caller === 'a' ? 'kith' : 'wireguard-go';
  for (const outside of [4, 6] as const) {
    for (const presharedKey of [undefined, psk()]) {
      const keyed = presharedKey === undefined ? '' : ' with a pre-shared key';
      interop(`${who} begins over IPv${outside}${keyed}; both families inside`, () =>
        inLab('interop', async (lab) => {
          const base = { outside, callers: [caller] };
          const { a, b } = await startPair(lab, presharedKey ? { ...base, presharedKey } : base);
          const [from, to] = caller === 'a' ? [a, 'b' as const] : [b, 'a' as const];
          await from.reaches(INSIDE[to].ipv4);
          await from.reaches(INSIDE[to].ipv6);
          await (from === a ? b : a).reaches(INSIDE[caller].ipv6, 2_000);
          assert.ok((await a.lastHandshake(b)) > 0);
          assert.equal(await b.show('endpoints', a), [endpointOf('a', outside)]);
        }),
      );
    }
  }
}

interop('a wrong pre-shared key lets nothing through', () =>
  inLab('wrongpsk', async (lab) => {
    const { a, b } = await startPair(lab, { presharedKey: psk() });
    await b.peer(a, { allowedIps: [`${INSIDE.a.ipv4}/32`], presharedKey: psk() });
    const ping = ['ping', '-n', '-c2', '-W1'];
    assert.is((await lab.run('a', ...ping, INSIDE.b.ipv4)).code, 1);
    assert.is((await lab.run('b', ...ping, INSIDE.a.ipv4)).code, 1);
    assert.is(await a.lastHandshake(b), 0);
  }),
);

for (const cipher of ['noble', 'simd', 'openssl']) {
  interop(`engine ${cipher}: pings of every size, TCP both ways`, () =>
    inLab('engine', async (lab) => {
      const { a } = await startPair(lab, { env: { KITH_CIPHER: cipher } });
      await a.reaches(INSIDE.b.ipv4);
      for (const size of [0, 1, 16, 17, 63, 64, 65, 500, 1_000, 1_391, 1_392, 4_000]) {
        const ping = ['ping', '-n', '-c2', '-i0.01', '-W2', '-s', `${size}`, INSIDE.b.ipv4];
        assert.is((await lab.run('a', ...ping)).code, 0, `${size} bytes`);
      }
      for (const direction of [[], ['-R']]) {
        const { received } = await iperf(lab, INSIDE.b.ipv4, '-t', '1', ...direction);
        assert.ok(received > 100_000, `${received} bytes`);
      }
    }),
  );
}

async function iperf(lab: Lab, to: string, ...args: string[]): Promise<{ received: number }> {
  const server = lab.spawn('b', 'iperf3', '-s', '-1');
  const listening = async () =>
    (await lab.run('b', 'ss', '-Hltn', 'sport = :5201')).stdout.length > 0;
  await lab.waitFor(listening, 5_000, 'iperf3 server');
  const text = await lab.must('a', 'iperf3', '-c', to, '-C', 'cubic', '-J', ...args);
  await server.stop();
  const { end } = JSON.parse(text) as { end: { sum_received: { bytes: number } } };
  return { received: end.sum_received.bytes };
}

for (const mover of ['a', 'b'] as const) {
  const who = mover === 'a' ? 'kith' : 'wireguard-go';
  for (const outside of [4, 6] as const) {
    interop(`${who} gets another IPv${outside} address and goes on in the same session`, () =>
      inLab('roaming', async (lab) => {
        const { a, b } = await startPair(lab, { outside });
        const [moving, staying] = mover === 'a' ? [a, b] : [b, a];
        const to = mover === 'a' ? INSIDE.b.ipv4 : INSIDE.a.ipv4;
        await moving.reaches(to);
        const handshake = await staying.lastHandshake(moving);
        const [old, length] = outside === 4 ? [OUTSIDE[mover].ipv4, 24] : [OUTSIDE[mover].ipv6, 64];
        const [next, where] =
          outside === 4 ? ['192.0.2.77', '192.0.2.77'] : ['2001:db8::77', '[2001:db8::77]'];
        await moving.ip('address', 'del', `${old}/${length}`, 'dev', `v${mover}`);
        await lab.address(mover, `v${mover}`, `${next}/${length}`);
        if (mover === 'b') {
          // left alone, wireguard-go of 2022 keeps the source address that it no longer has
          await lab.must('b', 'wg', 'set', b.device, 'listen-port', `${b.port}`);
        }
        await moving.reaches(to, 4_000);
        assert.equal(await staying.show('endpoints', moving), [`${where}:51820`]);
        assert.is(await staying.lastHandshake(moving), handshake, 'no new handshake');
        const back = mover === 'a' ? INSIDE.a.ipv4 : INSIDE.b.ipv4;
        await staying.reaches(back, 2_000);
      }),
    );
  }
}

interop('another port of the other side is followed', () =>
  inLab('port', async (lab) => {
    const { a, b } = await startPair(lab);
    await a.reaches(INSIDE.b.ipv4);
    await lab.must('b', 'wg', 'set', b.device, 'listen-port', '40000');
    await b.reaches(INSIDE.a.ipv4, 4_000);
    assert.equal(await a.show('endpoints', b), [endpointOf('b', 4, 40_000)]);
    await lab.must('a', 'wg', 'set', a.device, 'listen-port', '40001');
    await a.reaches(INSIDE.b.ipv4, 4_000);
    assert.equal(await b.show('endpoints', a), [endpointOf('a', 4, 40_001)]);
  }),
);

interop('packets of 65,000 bytes inside', () =>
  inLab('jumbo', async (lab) => {
    const { a } = await startPair(lab, { linkMtu: 65_535, mtu: 65_000 });
    await a.reaches(INSIDE.b.ipv4);
    const ping = ['ping', '-n', '-c3', '-i0.1', '-W2', '-M', 'do'];
    for (const [from, to] of [
      ['a', INSIDE.b],
      ['b', INSIDE.a],
    ] as const) {
      // 28 bytes of IPv4 and ICMP header, 48 with IPv6
      assert.is((await lab.run(from, ...ping, '-s', '64972', to.ipv4)).code, 0, `${from} IPv4`);
      assert.is((await lab.run(from, ...ping, '-s', '64952', to.ipv6)).code, 0, `${from} IPv6`);
    }
    assert.ok((await iperf(lab, INSIDE.b.ipv4, '-t', '1')).received > 1_000_000);
    assert.ok((await iperf(lab, INSIDE.b.ipv4, '-t', '1', '-R')).received > 1_000_000);
  }),
);

interop('nothing of what is inside can be read on the wire', () =>
  inLab('wire', async (lab) => {
    const { a } = await startPair(lab);
    await a.reaches(INSIDE.b.ipv4);
    const file = join(lab.folder, 'wire.pcap');
    const options = ['--immediate-mode', '-U', '-n', '-i', 'va', '-w', file];
    const dump = lab.spawn('a', 'tcpdump', ...options);
    await lab.waitFor(() => dump.stderr.includes('listening'), 5_000, 'tcpdump');
    const [inner, outer] = ['5a17c0de91b6e3f4', 'c0ffee0123456789'];
    const ping = ['ping', '-n', '-c5', '-i0.05', '-s', '600', '-p'];
    await lab.must('a', ...ping, inner, INSIDE.b.ipv4);
    await lab.must('b', ...ping, inner, INSIDE.a.ipv6);
    await lab.must('a', ...ping, outer, OUTSIDE.b.ipv4); // the check sees what it should
    await new Promise((resolve) => setTimeout(resolve, 200));
    await dump.stop();
    const wire = readFileSync(file);
    assert.ok(wire.includes(Buffer.from(outer, 'hex')), 'the ping outside is there');
    assert.not.ok(wire.includes(Buffer.from(inner, 'hex')), 'the pings inside are not');
  }),
);

interop.run();
