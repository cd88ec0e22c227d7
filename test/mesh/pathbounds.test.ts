// What a member that means ill can make the path machine send, hold and believe.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Place } from '../../agent/bytes/address.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { FrameOf } from '../../agent/mesh/frame.js';
import type { Candidate, NatKind } from '../../agent/mesh/ground.js';
import { type PathAsks, type PathOptions, Paths } from '../../agent/mesh/path.js';
import { endpoint, FakeGround, FakeRoll, nodeId, place, times } from './ground.js';

const bounds = suite('mesh/path, bounds');

const us = nodeId(1);
const peer = nodeId(2);
const met = (from: Place, initiator = true) => {
  return { initiator, from, hash: new Uint8Array(32), bare: false };
};

function alone(options: PathOptions = {}, asks: Partial<PathAsks> = {}) {
  const roll = new FakeRoll([us, peer, nodeId(3)]);
  const ground = new FakeGround(us, roll);
  const asked: string[] = [];
  const paths = new Paths(
    ground,
    {
      find: () => asked.push('find'),
      relay: () => asked.push('relay'),
      suspect: () => asked.push('suspect'),
      recall: () => undefined,
      ...asks,
    },
    options,
  );
  const out: MeshEffect[] = [];
  const run = (from: number, until: number) => {
    for (let now = from; now <= until; ) {
      paths.tick(times(now), out);
      now = Math.max(now + 1, paths.deadline() ?? until + 1);
    }
  };
  const frames = <K extends 'probe' | 'probe-ack'>(kind: K) =>
    out.flatMap((effect) =>
      effect.kind === 'frame' && effect.frame.kind === kind
        ? [{ at: effect.at as Place, frame: effect.frame as FrameOf<K>, pad: effect.pad ?? 0 }]
        : [],
    );
  return { paths, ground, roll, out, run, frames, asked };
}

const candidates = (count: number, address = (i: number) => `203.0.${i >> 8}.${i & 255}`) =>
  Array.from({ length: count }, (_, i): Candidate => {
    return { kind: 'mapped', endpoint: endpoint(address(i), 1_000 + i) };
  });

bounds('a thousand candidates: sixteen are tried, five times each', () => {
  const { paths, out, run, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1'), false), times(0), out);
  paths.learn(peer, candidates(1_000), 'easy', true, times(0), out);
  run(0, 900); // before the first retry
  const to = new Map<string, number>();
  for (const { at } of frames('probe')) {
    to.set(at.endpoint.address, (to.get(at.endpoint.address) ?? 0) + 1);
  }
  to.delete('198.51.100.1');
  assert.is(to.size, 16);
  assert.ok([...to.values()].every((count) => count <= 5));
});

bounds('again and again: eight lists in thirty seconds, sixteen places', () => {
  const { paths, out, run, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1'), false), times(0), out);
  for (let i = 0; i < 300; i++) {
    const list = candidates(64, (n) => `10.${i & 255}.${n}.1`);
    paths.learn(peer, list, 'easy', true, times(100 * i), out);
    run(100 * i, 100 * i + 99);
  }
  const all = new Set(frames('probe').map(({ at }) => at.endpoint.address));
  assert.ok(all.size <= 16 * 17, `${all.size} places`);
  assert.ok(frames('probe').length <= 650, `${frames('probe').length} probes`);
});

bounds('the ports of one address are not scanned', () => {
  const { paths, out, run, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1'), false), times(0), out);
  paths.learn(
    peer,
    candidates(16, () => '203.0.113.9'),
    'easy',
    true,
    times(0),
    out,
  );
  run(0, 900);
  const ports = frames('probe').filter(({ at }) => at.endpoint.address === '203.0.113.9');
  assert.ok(new Set(ports.map(({ at }) => at.endpoint.port)).size <= 4);
});

bounds('no place that is forbidden or is no host', () => {
  const { paths, out, run } = alone();
  const bad = [
    '127.0.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '0.0.0.0',
    '::1',
    '::',
    'ff02::1',
    'fe80::1',
  ];
  const list = bad.map((address): Candidate => ({ kind: 'local', endpoint: endpoint(address) }));
  list.push({ kind: 'mapped', endpoint: endpoint('203.0.113.1', 0) });
  paths.learn(peer, list, 'easy', true, times(0), out);
  paths.want(peer, times(0), out);
  paths.onMet(peer, met(place('127.0.0.1'), false), times(0), out);
  for (const [i, address] of bad.entries()) {
    paths.onSeen(peer, place(address), times(2_000 * i), out);
    const token = new Uint8Array(8);
    paths.onProbe(peer, { kind: 'probe', token }, place(address), 64, times(2_000 * i), out);
  }
  run(0, 20_000);
  const sent = out.filter(({ kind }) => ['knock', 'frame', 'place'].includes(kind));
  assert.equal(sent, []);
});

bounds('an answer proves only what was asked, once, and not for long', () => {
  const { paths, out, frames } = alone();
  const here = place('203.0.113.1');
  const there = place('203.0.113.2');
  paths.onMet(peer, met(place('198.51.100.1'), false), times(0), out);
  const list = [here, there].map(({ endpoint }): Candidate => ({ kind: 'mapped', endpoint }));
  paths.learn(peer, list, 'easy', true, times(0), out);
  const [probe] = frames('probe').filter(({ at }) => at.endpoint.address === '203.0.113.1');
  const token = probe?.frame.token as Uint8Array;
  const observed = endpoint('192.0.2.1');
  const ack = (bytes: Uint8Array) =>
    ({ kind: 'probe-ack', token: bytes, observed, bytes: 64 }) as const;
  paths.onProbeAck(peer, ack(new Uint8Array(8)), there, times(40), out);
  assert.is(paths.view(peer).class, 'none', 'made up');
  paths.onProbeAck(nodeId(3), ack(token), here, times(40), out);
  assert.is(paths.view(nodeId(3)).class, 'none', 'of another member');
  paths.onProbeAck(peer, ack(token), there, times(40), out);
  assert.is(paths.view(peer).place?.endpoint.address, '203.0.113.1', 'of the place asked');
  paths.onMoved(times(100), out);
  paths.onProbeAck(peer, ack(token), here, times(110), out);
  assert.is(paths.direct(peer), undefined, 'replayed');
  const late = alone();
  late.paths.onMet(peer, met(place('198.51.100.1'), false), times(0), late.out);
  late.paths.learn(peer, list, 'easy', true, times(0), late.out);
  const asked = late.frames('probe').at(-1)?.frame.token as Uint8Array;
  late.paths.onProbeAck(peer, ack(asked), here, times(6_000), late.out);
  assert.is(late.paths.direct(peer), undefined, 'late');
});

bounds('an answer cannot claim a larger size than was sent', () => {
  const { paths, out, frames } = alone();
  const from = place('203.0.113.1');
  paths.onMet(peer, met(from), times(0), out);
  const token = frames('probe')[0]?.frame.token as Uint8Array;
  const ack = { kind: 'probe-ack', token, observed: endpoint('192.0.2.1'), bytes: 9_000 } as const;
  paths.onProbeAck(peer, ack, from, times(40), out);
  assert.is(paths.view(peer).mtu, 1_280);
});

bounds('a flood of sightings: one place a second, and little to each', () => {
  const { paths, out, run, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1')), times(0), out);
  const before = frames('probe').length;
  for (let i = 0; i < 10_000; i++) {
    paths.onSeen(peer, place(`203.0.${i >> 8}.${i & 255}`), times(i), out);
    run(i, i);
  }
  const places = new Set(
    frames('probe')
      .slice(before)
      .map(({ at }) => at.endpoint.address),
  );
  places.delete('198.51.100.1');
  assert.ok(places.size <= 11, `${places.size} places in ten seconds`);
});

bounds('probes from everywhere: answers within the limit, few probes back', () => {
  const { paths, out, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1')), times(0), out);
  const token = new Uint8Array(8);
  for (let i = 0; i < 5_000; i++) {
    const from = place(`203.0.${i >> 8}.${i & 255}`);
    paths.onProbe(peer, { kind: 'probe', token }, from, 64, times(i / 5), out);
  }
  assert.ok(frames('probe-ack').length <= 6, `${frames('probe-ack').length} acks in a second`);
  assert.ok(frames('probe').length <= 12);
  const here = place('198.51.100.1');
  for (let i = 0; i < 5_000; i++) {
    paths.onProbe(peer, { kind: 'probe', token }, here, 64, times(2_000 + i / 5), out);
  }
  assert.ok(frames('probe-ack').length <= 6 + 65, 'a flood from where it is');
});

bounds('a place that nobody proved gets three times what it sent at most', () => {
  const { paths, out, run, frames } = alone();
  paths.onMet(peer, met(place('198.51.100.1')), times(0), out);
  const from = place('203.0.113.50');
  paths.onSeen(peer, from, times(0), out); // a keepalive: 32 bytes
  run(0, 60_000);
  const sent = (kind: 'probe' | 'probe-ack') =>
    frames(kind).filter(({ at }) => at.endpoint.address === '203.0.113.50');
  assert.is(sent('probe').length, 1, '96 bytes');
  const token = new Uint8Array(8);
  paths.onProbe(peer, { kind: 'probe', token }, from, 16, times(61_000), out); // 48 bytes
  run(61_000, 120_000);
  const bytes = 96 * (sent('probe').length + sent('probe-ack').length);
  assert.ok(bytes <= 3 * (32 + 48), `${bytes} bytes`);
});

bounds('a responder does not go on sending to where only a handshake came from', () => {
  const { paths, out, run } = alone();
  paths.onMet(peer, met(place('203.0.113.50'), false), times(0), out);
  run(0, 10_000);
  const places = out.flatMap((effect) => (effect.kind === 'place' ? [effect.place] : []));
  assert.is(places[0]?.endpoint.address, '203.0.113.50', 'at first, for the answer');
  assert.is(places.at(-1), null, 'not proven within three seconds');
});

bounds('strangers to the roster are nothing to us', () => {
  const { paths, out } = alone();
  const nobody = nodeId(99);
  paths.want(nobody, times(0), out);
  paths.learn(nobody, candidates(3), 'easy', true, times(0), out);
  paths.onMet(nobody, met(place('203.0.113.1')), times(0), out);
  paths.relayed(nobody, peer, place('203.0.113.1', 1, 7), times(0), out);
  paths.want(us, times(0), out);
  assert.equal(out, []);
  assert.is(paths.size, 0);
});

bounds('what is remembered of peers without a session is bounded, those with one stay', () => {
  const { paths, roll, out } = alone();
  paths.onMet(peer, met(place('203.0.113.1')), times(0), out);
  for (let i = 0; i < 3_000; i++) {
    const node = nodeId(1_000 + i);
    roll.add(node);
    paths.learn(node, candidates(1), 'easy', false, times(i), out);
  }
  assert.is(paths.size, 2_049);
  assert.is(paths.view(peer).class, 'direct');
});

bounds('thousands with a session leave room for those that are only wanted', () => {
  const { paths, roll, out } = alone();
  for (let i = 0; i < 2_100; i++) {
    roll.add(nodeId(1_000 + i));
    paths.onMet(nodeId(1_000 + i), met(place('203.0.113.1', 1 + i)), times(i), out);
  }
  paths.learn(peer, candidates(1), 'easy', false, times(3_000), out);
  paths.learn(nodeId(3), candidates(1), 'easy', false, times(3_000), out);
  assert.is(paths.view(peer).reason?.code, 'no-session');
  assert.is(paths.size, 2_102);
});

bounds('a tracker that introduces everybody at once sets few bursts going', () => {
  const { paths, roll, out } = alone();
  for (let i = 0; i < 1_000; i++) {
    const node = nodeId(5_000 + i);
    roll.add(node);
    paths.onMet(node, met(place(`203.1.${i >> 8}.${i & 255}`), false), times(0), out);
  }
  out.length = 0;
  for (let i = 0; i < 1_000; i++) {
    const list = candidates(16, (n) => `203.2.${n}.9`);
    paths.learn(nodeId(5_000 + i), list, 'easy' as NatKind, true, times(0), out);
  }
  assert.ok(out.length <= 16 * 70, `${out.length} datagrams`);
});

bounds('wanting the same again and again asks others seldom', () => {
  const { paths, out, asked, run } = alone();
  for (let i = 0; i < 1_000; i++) {
    paths.want(peer, times(i), out);
    run(i, i);
  }
  assert.ok(asked.length <= 6, `${asked.length} questions in a second`);
});

bounds('forgotten is forgotten', () => {
  const { paths, out } = alone();
  paths.onMet(peer, met(place('203.0.113.1')), times(0), out);
  paths.forget(peer, out);
  assert.equal(out.at(-1), { kind: 'place', node: peer, place: null, second: null });
  assert.is(paths.size, 0);
  assert.is(paths.deadline(), undefined);
});

bounds('a peer that is to be relayed only is told nothing of candidates', () => {
  const { paths, out } = alone({ relayOnly: () => true });
  paths.learn(peer, candidates(3), 'easy', true, times(0), out);
  assert.equal(out, []);
  assert.is(paths.view(peer).reason?.code, 'relay-only');
});

bounds.run();
