// deadline: 300
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DROP_REASONS } from '../../agent/dataplane/drops.js';
import type { PlaneCounters } from '../../agent/dataplane/plane.js';
import { INSIDE, type NodeOptions, ping, sessionOrders, tcp, withPair } from './planes.js';

const plane = suite('dataplane/plane');

/** Nothing was lost to what a right plane never does. */
function clean({ drops }: PlaneCounters): void {
  for (const reason of DROP_REASONS) {
    // Neighbour discovery and multicast have no route; that is not an error.
    if (reason !== 'inside-no-route') assert.is(drops[reason], 0, reason);
  }
}

for (const outside of [4, 6] as const) {
  for (const workers of [1, 2] as const) {
    plane(`pings and TCP over IPv${outside} outside, ${workers} workers`, async () => {
      const side = { workers };
      await withPair(`pair${outside}${workers}`, { outside, a: side, b: side }, async (pair) => {
        const { lab, a, b } = pair;
        for (const v6 of [4, 6] as const) {
          assert.ok(await ping(lab, 'a', INSIDE[v6][1]), `IPv${v6} inside, from a`);
          assert.ok(await ping(lab, 'b', INSIDE[v6][0]), `IPv${v6} inside, from b`);
        }
        assert.ok((await tcp(pair, 30)) > 0);
        assert.ok((await tcp(pair, 30, true)) > 0);
        for (const node of [a, b]) {
          const counters = await node.counters();
          assert.is(counters.workers, workers);
          clean(counters);
          assert.ok(node.kinds().includes('roamed'), 'our address was noted');
          assert.is(node.kinds().filter((kind) => kind === 'active').length, 1);
        }
        const [sent, received] = [await a.traffic(), await b.traffic()];
        assert.is(sent.sentBytes, received.receivedBytes);
        assert.is(received.sentBytes, sent.receivedBytes);
      });
    });
  }
}

const without: ReadonlyArray<readonly [string, NodeOptions]> = [
  ['TUN offloads', { offloads: { tunSegmentation: false } }],
  ['UDP_SEGMENT', { offloads: { udpSegmentation: false } }],
  ['UDP_GRO', { offloads: { udpReceive: false } }],
  ['any', { offloads: { tunSegmentation: false, udpSegmentation: false, udpReceive: false } }],
];

for (const [name, side] of without) {
  plane(`works without ${name}, against a side that has all`, async () => {
    await withPair('without', { a: side }, async (pair) => {
      assert.ok(await ping(pair.lab, 'b', INSIDE[4][0]));
      assert.ok((await tcp(pair, 10)) > 0);
      const granted = (await pair.a.counters()).offloads;
      for (const [offload, wanted] of Object.entries(side.offloads ?? {})) {
        assert.is(granted[offload as keyof typeof granted], wanted);
      }
      clean(await pair.a.counters());
    });
  });
}

for (const cipher of ['noble', 'openssl', 'auto'] as const) {
  plane(`works with the engine ${cipher}`, async () => {
    await withPair('cipher', { a: { cipher } }, async (pair) => {
      assert.ok(await ping(pair.lab, 'b', INSIDE[4][0]));
      assert.ok((await tcp(pair, 10)) > 0);
      const { engine } = await pair.a.counters();
      if (cipher !== 'auto') assert.is(engine.name, cipher);
      assert.is(engine.alarms, 0);
      clean(await pair.a.counters());
    });
  });
}

plane('jumbo packets of 65,000 bytes, which the outside carries in fragments', async () => {
  const side = { mtu: 65_000 };
  await withPair('jumbo', { a: side, b: side }, async (pair) => {
    assert.ok(await ping(pair.lab, 'a', INSIDE[4][1], '-s', '64972'));
    assert.ok(await ping(pair.lab, 'a', INSIDE[6][1], '-s', '64952'));
    assert.ok((await tcp(pair, 30)) > 0);
    assert.is((await pair.a.counters()).drops['send-failed'], 0);
  });
});

plane('an outside MTU too small for trains: datagrams are sent apart, in fragments', async () => {
  await withPair('narrow', { veth: 1300 }, async (pair) => {
    assert.ok((await tcp(pair, 5)) > 0);
    assert.is((await pair.a.counters()).drops['send-failed'], 0);
  });
});

plane('packets wait for a session, in order, and `want` is raised once', async () => {
  await withPair('waiting', { peer: false }, async ({ lab, a, b }) => {
    const pinging = lab.spawn('a', 'ping', '-c5', '-i0.1', '-W5', INSIDE[4][1]);
    await a.event('want');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await b.orders(...sessionOrders(1, 0, 0));
    await a.orders(...sessionOrders(0, 0, 0));
    const ran = await pinging.result();
    assert.is(ran.code, 0, ran.stdout);
    assert.match(ran.stdout, '5 received');
    assert.is(a.kinds().filter((kind) => kind === 'want').length, 1);
  });
});

plane('what waited in vain is dropped and counted, and wanted again', async () => {
  await withPair('vain', { peer: false }, async ({ lab, a }) => {
    await lab.run('a', 'ping', '-c2', '-i0.1', '-W1', INSIDE[4][1]);
    await a.event('want');
    await a.orders({ kind: 'drop-waiting', peer: 0 });
    const { drops } = await a.counters();
    assert.ok(drops['inside-waiting-expired'] >= 2);
    a.events.length = 0;
    await lab.run('a', 'ping', '-c1', '-W1', INSIDE[4][1]);
    await a.event('want');
  });
});

plane('a session of the same number begins anew: counters and keys are its own', async () => {
  await withPair('renew', {}, async ({ lab, a, b }) => {
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    for (const node of [a, b]) await node.orders({ kind: 'end', session: 0 });
    const renewed = [sessionOrders(0, 0, 0), sessionOrders(1, 0, 0)] as const;
    for (const [side, node] of [a, b].entries()) await node.orders(...renewed[side as 0 | 1]);
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    assert.is((await b.counters()).drops['outside-forged'], 0);
    assert.is((await b.counters()).drops['outside-replay'], 0);
  });
});

plane('keepalives and control frames are sealed by order', async () => {
  await withPair('frames', {}, async ({ a, b }) => {
    await a.orders({ kind: 'member', peer: 0, member: true });
    const frame = new Uint8Array(Buffer.from('a10102', 'hex'));
    await b.orders({ kind: 'keepalive', peer: 0 }, { kind: 'frame', peer: 0, frame });
    const event = await a.event('frame');
    assert.equal(Buffer.from(event.frame).subarray(0, 3), Buffer.from(frame));
    assert.is(event.frame.length, 16, 'padded');
    assert.is((await a.traffic()).receivedBytes, 32 + 48);
  });
});

plane('a removed source address is not stuck to', async () => {
  await withPair('sticky', {}, async ({ lab, a, b }) => {
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    await a.event('roamed');
    await lab.must('a', 'ip', 'address', 'add', '10.9.0.10/24', 'dev', 'b');
    await lab.must('a', 'ip', 'address', 'del', '10.9.0.1/24', 'dev', 'b');
    // promote_secondaries may be off: then the second address went with the first
    await lab.run('a', 'ip', 'address', 'add', '10.9.0.10/24', 'dev', 'b');
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    b.kinds();
    const places = b.events.flatMap((event) => (event.kind === 'roamed' ? [event.place] : []));
    assert.is(places.at(-1)?.endpoint.address, '10.9.0.10');
  });
});

plane('a port moved is let go of at once, and taken is told with its errno', async () => {
  await withPair('ports', {}, async ({ lab, a }) => {
    await a.ask('close', 0);
    assert.is((await lab.run('a', 'ss', '-Huln', 'sport = 51820')).stdout, '');
    await a.ask('open', 0, { family: 4, port: 51_821, fwmark: 7 });
    const taken = await a
      .ask('open', 2, { family: 4, port: 51_821, fwmark: 0 })
      .catch((e) => e.errno);
    assert.is(taken, 98);
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    await a.ask('mark', 9);
  });
});

plane(
  'handshake messages reach main only with the right mac1, and the ring has an end',
  async () => {
    await withPair('gate', {}, async ({ lab, a, b }) => {
      const publicKey = new Uint8Array(32).fill(9);
      await b.orders({ kind: 'identity', publicKey });
      const datagram = new Uint8Array(148);
      datagram[0] = 1;
      const place = {
        slot: 0,
        endpoint: { address: '10.9.0.2', port: 51_820 },
        source: null,
        channel: 0,
      };
      await a.orders({ kind: 'send', datagram, to: place });
      await lab.waitFor(
        async () => (await b.counters()).drops['handshake-mac1'] === 1,
        5_000,
        'drop',
      );
      const { blake2s } = await import('@noble/hashes/blake2.js');
      const mac1Key = blake2s(Buffer.concat([Buffer.from('mac1----'), publicKey]));
      datagram.set(blake2s(datagram.subarray(0, 116), { key: mac1Key, dkLen: 16 }), 116);
      await a.orders({ kind: 'send', datagram, to: place });
      const event = await b.event('handshake');
      assert.equal(event.datagram, datagram);
      assert.equal(event.from, {
        slot: 0,
        endpoint: { address: '10.9.0.1', port: 51_820 },
        source: { address: '10.9.0.2', interfaceIndex: event.from.source?.interfaceIndex },
        channel: 0,
      });
      await b.orders({ kind: 'identity', publicKey: null });
      await a.orders({ kind: 'send', datagram, to: place });
      await lab.waitFor(
        async () => (await b.counters()).drops['handshake-mac1'] === 2,
        5_000,
        'drop',
      );
    });
  },
);

plane("1,000 peers and 100 sessions: each packet goes its own peer's way", async () => {
  await withPair('many', { peer: false }, async ({ lab, a, b }) => {
    for (const [side, node] of [a, b].entries()) {
      await node.ask('routes', 1_000); // 172.16.x.y/32 is peer 256 x + y's
      const endpoint = { address: side === 0 ? '10.9.0.2' : '10.9.0.1', port: 51_820 };
      const place = { slot: 0, endpoint, source: null, channel: 0 };
      for (let peer = 1; peer < 1_000; peer++) {
        await node.orders({ kind: 'peer', peer, roams: true }, { kind: 'place', peer, place });
      }
      for (let peer = 1; peer <= 100; peer++) {
        await node.orders(...sessionOrders(side as 0 | 1, peer, peer));
      }
      // Odd ones live in b, even ones in a.
      const mine = Array.from({ length: 100 }, (_, i) => i + 1).filter((n) => n % 2 === side);
      const lines = mine.map((n) => `address add 172.16.0.${n}/32 dev ${node.ready.name}`);
      await lab.runWith(side === 0 ? 'a' : 'b', { input: lines.join('\n') }, 'ip', '-batch', '-');
      const device = ['dev', node.ready.name];
      await lab.must(side === 0 ? 'a' : 'b', 'ip', 'route', 'add', '172.16.0.0/16', ...device);
    }
    // From the address of peer n + 1 in a to that of peer n in b: b takes it from peer n + 1 only.
    for (const n of [1, 51, 97]) {
      const from = ['-I', `172.16.0.${n + 1}`];
      const ran = await lab.run('a', 'ping', '-c1', '-W1', ...from, `172.16.0.${n}`);
      assert.is(ran.code, 1, 'sealed for peer n, whose address the source is not');
    }
    assert.is((await b.counters()).drops['outside-inner-source'], 3);
    for (let peer = 1; peer < 100; peer += 2) {
      await b.ask('route', `172.16.0.${peer + 1}`, 32, peer);
      await a.ask('route', `172.16.0.${peer + 1}`, 32, peer + 1);
      await b.ask('unroute', `172.16.0.${peer}`, 32, peer);
    }
    for (const n of [1, 3, 51, 97]) {
      assert.ok(await ping(lab, 'a', `172.16.0.${n}`, '-I', `172.16.0.${n + 1}`), `peer ${n}`);
      assert.ok((await b.traffic(n)).dataReceivedAt > 0);
      assert.is((await b.traffic(n + 4)).dataReceivedAt > 0, false);
    }
  });
});

plane('a deleted interface is told, once', async () => {
  await withPair('gone', {}, async ({ lab, a }) => {
    await lab.must('a', 'ip', 'link', 'del', a.ready.name);
    await a.event('gone');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.is(a.kinds().filter((kind) => kind === 'gone').length, 1);
  });
});

plane.run();
