// deadline: 180
// Three planes in namespaces: a and b reach each other only through r, which opens nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Place } from '../../agent/bytes/address.js';
import { DROP_REASONS } from '../../agent/dataplane/drops.js';
import type { Metered, PlaneOrder } from '../../agent/dataplane/orders.js';
import { Macs } from '../../agent/wireguard/cookie.js';
import { Lab } from '../lab/namespaces.js';
import {
  INSIDE,
  type NodeOptions,
  PlaneNode,
  ping,
  sessionOrders,
  tcp,
  withPair,
} from './planes.js';

const circuits = suite('dataplane: circuits');
const CHANNELS = [111, 222] as const;
const FRAME = Uint8Array.of(0xa1, 1, 2);

const at = (address: string, channel = 0): Place => ({
  slot: 0,
  endpoint: { address, port: 51_820 },
  source: null,
  channel,
});

function member(peer: number, place: Place): PlaneOrder[] {
  return [
    { kind: 'peer', peer, roams: false },
    { kind: 'member', peer, member: true },
    { kind: 'place', peer, place },
  ];
}

type Three = Readonly<{ lab: Lab; a: PlaneNode; b: PlaneNode; r: PlaneNode }>;

/** Sessions: 0 between a and b, 1 between a and r, 2 between b and r. */
async function withThree(
  name: string,
  { veth = 1_500, ...options }: NodeOptions & { veth?: number },
  use: (three: Three) => Promise<void>,
) {
  const lab = await Lab.create(name);
  try {
    for (const label of ['a', 'r', 'b']) await lab.namespace(label);
    await lab.connect('a', 'r', { addresses: [['10.9.1.1/24'], ['10.9.1.9/24']], mtu: veth });
    await lab.connect('b', 'r', { addresses: [['10.9.2.1/24'], ['10.9.2.9/24']], mtu: veth });
    const start = (label: string) => PlaneNode.start(lab, label, options);
    const [a, b, r] = await Promise.all([start('a'), start('b'), start('r')]);
    for (const node of [a, b, r]) {
      await lab.must(node.label, 'ip', 'link', 'set', 'kt0', 'up');
      await node.ask('open', 0, { family: 4, port: 51_820, fwmark: 0 });
    }
    for (const [side, node] of [a, b].entries()) {
      for (const address of [`${INSIDE[4][side]}/24`, `${INSIDE[6][side]}/64`]) {
        await lab.address(node.label, 'kt0', address);
      }
      await node.ask('route', INSIDE[4][1 - side], 32, 0);
      await node.ask('route', INSIDE[6][1 - side], 128, 0);
      const relay = `10.9.${side + 1}.9`;
      await node.orders(
        ...member(0, at(relay, CHANNELS[side])),
        ...member(1, at(relay)),
        ...sessionOrders(side as 0 | 1, 0, 0),
        ...sessionOrders(0, 1, side + 1),
      );
      const peer = side + 1;
      await r.orders(...member(peer, at(`10.9.${peer}.1`)), ...sessionOrders(1, peer, peer));
    }
    const [openerChannel, otherChannel] = CHANNELS;
    await r.orders({ kind: 'circuit', opener: 1, openerChannel, other: 2, otherChannel });
    await use({ lab, a, b, r });
    for (const node of [a, b, r]) await node.ask('stop');
  } finally {
    await lab.dispose();
  }
}

async function clean(node: PlaneNode): Promise<void> {
  const { drops } = await node.counters();
  for (const reason of DROP_REASONS) {
    if (reason !== 'inside-no-route') assert.is(drops[reason], 0, `${node.label}: ${reason}`);
  }
}

for (const workers of [1, 2] as const) {
  circuits(`pings and TCP through a relay, ${workers} workers`, async () => {
    await withThree(`circuit${workers}`, { workers }, async ({ lab, a, b, r }) => {
      for (const v6 of [4, 6] as const) {
        assert.ok(await ping(lab, 'a', INSIDE[v6][1]), `IPv${v6} inside, from a`);
        assert.ok(await ping(lab, 'b', INSIDE[v6][0]), `IPv${v6} inside, from b`);
      }
      assert.ok((await tcp({ lab }, 20)) > 0);
      for (const node of [a, b, r]) await clean(node);
      const [sent, received] = [await a.traffic(0), await b.traffic(0)];
      assert.is(sent.sentBytes, received.receivedBytes);
      const [metered] = (await r.ask('metered')) as Metered[];
      assert.is(metered?.channel, CHANNELS[0]);
      assert.is(metered?.bytes, sent.sentBytes + sent.receivedBytes);
      assert.ok(Math.abs(metered!.lastAt - received.receivedAt) < 5_000);
      assert.is((await r.traffic(1)).receivedBytes, 0, 'nothing was for r');
    });
  });
}

circuits('links too narrow for trains: datagrams go apart, in fragments', async () => {
  await withThree('narrowcircuit', { veth: 1_300 }, async ({ lab, a, b, r }) => {
    assert.ok((await tcp({ lab }, 5)) > 0);
    for (const node of [a, b, r]) await clean(node);
  });
});

circuits('frames and handshakes tell the channel; a circuit can be closed', async () => {
  await withThree('channel', {}, async ({ lab, a, b, r }) => {
    await a.orders({ kind: 'frame', peer: 0, frame: FRAME, pad: 1_300 });
    const frame = await b.event('frame');
    assert.is(frame.frame.length, 1_300);
    assert.equal(frame.from, { ...at('10.9.2.9', CHANNELS[1]), source: frame.from.source });
    assert.is(frame.from.source?.address, '10.9.2.1');

    const publicKey = new Uint8Array(32).fill(3);
    const datagram = new Uint8Array(148);
    datagram[0] = 1;
    new Macs(publicKey).add(datagram, 0);
    await b.orders({ kind: 'identity', publicKey });
    await a.orders({ kind: 'send', datagram, to: at('10.9.1.9', CHANNELS[0]) });
    const handshake = await b.event('handshake');
    assert.equal(handshake.datagram, datagram);
    assert.is(handshake.from.channel, CHANNELS[1]);

    await r.orders({ kind: 'circuit-gone', channel: CHANNELS[1] });
    await lab.run('a', 'ping', '-c3', '-i0.1', '-W1', INSIDE[4][1]);
    const unknown = await r.event('channel-unknown');
    assert.is(unknown.channel, CHANNELS[0]);
    assert.is(unknown.from.endpoint.address, '10.9.1.1');
    assert.ok((await r.counters()).drops['channel-unknown'] >= 3);
    assert.equal(await r.ask('metered'), []);
  });
});

circuits('a share of nothing lets nothing through', async () => {
  await withThree('share', {}, async ({ lab, r }) => {
    await r.orders({ kind: 'share', bytesPerSecond: 0, burst: 0 });
    assert.not.ok(await ping(lab, 'a', INSIDE[4][1]));
    assert.ok((await r.counters()).drops['channel-limit'] >= 3);
    await r.orders({ kind: 'share', bytesPerSecond: 1e7, burst: 1e6 });
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
  });
});

circuits('a second place gets copies; a frame goes elsewhere, once', async () => {
  await withPair('second', {}, async ({ lab, a, b }) => {
    const [first, second] = [at('10.9.0.2'), at('10.9.0.77')];
    await a.orders({ kind: 'place', peer: 0, place: first, second: first });
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    assert.is((await b.counters()).drops['outside-replay'], 3);
    assert.ok((await tcp({ lab }, 5)) > 0);
    await a.orders({ kind: 'place', peer: 0, place: second, second: first });
    assert.ok(await ping(lab, 'a', INSIDE[4][1]), 'what goes nowhere does not matter');
    await a.orders({ kind: 'place', peer: 0, place: first, second: null });
    const before = (await b.counters()).drops['outside-replay'];
    assert.ok(await ping(lab, 'a', INSIDE[4][1]));
    assert.is((await b.counters()).drops['outside-replay'], before);

    await b.orders({ kind: 'member', peer: 0, member: true });
    await a.orders(
      { kind: 'place', peer: 0, place: second },
      { kind: 'frame', peer: 0, frame: FRAME, at: first },
    );
    await b.event('frame');
  });
});

circuits('a padded frame is not cut: longer than the link, it does not leave', async () => {
  await withPair('whole', { veth: 1_300 }, async ({ a, b }) => {
    await b.orders({ kind: 'member', peer: 0, member: true });
    await a.orders({ kind: 'frame', peer: 0, frame: FRAME, pad: 1_300 - 28 - 32 });
    await b.event('frame');
    assert.is((await a.counters()).drops['send-failed'], 0);
    await a.orders({ kind: 'frame', peer: 0, frame: FRAME, pad: 1_300 - 28 - 31 });
    await a.orders({ kind: 'keepalive', peer: 0 });
    assert.is((await a.counters()).drops['send-failed'], 1);
  });
});

circuits.run();
