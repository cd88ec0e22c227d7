// What a node says of where it is, and what it makes of its NAT.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../agent/bytes/address.js';
import { OwnWhereabouts, type WhereaboutsOptions } from '../../agent/mesh/candidates.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import { classify } from '../../agent/mesh/nat.js';
import { FakeGround, FakeRoll, nodeId, times } from './ground.js';

const end = (text: string): Endpoint => parseEndpoint(text) as Endpoint;

const nat = suite('mesh/nat');

const rows: [string, string[], string[], string][] = [
  ['nothing seen', [], ['192.168.1.2:51820'], 'unknown'],
  ['one observer', ['203.0.113.1:4000'], ['192.168.1.2:51820'], 'unknown'],
  ['two agree', ['203.0.113.1:4000', '203.0.113.1:4000'], [], 'easy'],
  ['two ports', ['203.0.113.1:4000', '203.0.113.1:4007'], [], 'hard'],
  ['one liar of three', ['203.0.113.1:4000', '203.0.113.1:9', '203.0.113.1:4000'], [], 'easy'],
  ['seen at home', ['203.0.113.1:51820'], ['203.0.113.1:51820'], 'open'],
  ['the same address, another port', ['203.0.113.1:4000'], ['203.0.113.1:51820'], 'unknown'],
  ['only on the LAN', ['192.168.1.2:51820', '192.168.1.2:51820'], ['192.168.1.2:51820'], 'unknown'],
  [
    'a LAN and outside',
    ['192.168.1.2:51820', '203.0.113.1:7', '203.0.113.1:7'],
    ['192.168.1.2:51820'],
    'easy',
  ],
  ['moved meanwhile', ['203.0.113.1:4000', '203.0.113.9:4000'], [], 'unknown'],
  [
    'IPv6 does not hide IPv4',
    ['[2001:db8::1]:51820', '203.0.113.1:1', '203.0.113.1:2'],
    ['[2001:db8::1]:51820'],
    'hard',
  ],
  ['IPv6 alone', ['[2001:db8::1]:51820'], ['[2001:db8::1]:51820'], 'open'],
];

for (const [name, seen, own, want] of rows) {
  nat(`${name}: ${want}`, () => {
    const samples = seen.map((text, i) => ({ by: nodeId(i + 10), endpoint: end(text), at: i }));
    assert.is(classify(samples, new Set(own)), want);
  });
}

nat.run();

const where = suite('mesh/candidates');

function node(options: WhereaboutsOptions = {}) {
  const roll = new FakeRoll([nodeId(1), nodeId(2), nodeId(3)]);
  const ground = new FakeGround(nodeId(1), roll);
  const machine = new OwnWhereabouts(ground, options);
  const out: MeshEffect[] = [];
  const published = () => out.splice(0).filter(({ kind }) => kind === 'publish').length;
  const listed = () => machine.candidates.map((c) => `${c.kind} ${formatEndpoint(c.endpoint)}`);
  return { ground, machine, out, published, listed };
}

where('all kinds in order, each endpoint once, none that is forbidden', () => {
  const { machine, out, listed } = node({ configured: [end('203.0.113.5:443')] });
  const locals = [
    '127.0.0.1',
    '192.168.1.2',
    '192.168.1.2',
    '2001:db8::5',
    'fe80::1%2',
    '169.254.3.4',
  ];
  machine.onLocal(locals, 51820, times(0), out);
  machine.onPortMapping(end('203.0.113.1:51820'), times(0), out);
  machine.onObserved(nodeId(2), end('203.0.113.1:4000'), times(0), out);
  machine.onObserved(nodeId(3), end('203.0.113.1:51820'), times(0), out);
  machine.onObserved(nodeId(3), end('224.0.0.1:5'), times(0), out);
  assert.equal(listed(), [
    'configured 203.0.113.5:443',
    'portmap 203.0.113.1:51820',
    'local [2001:db8::5]:51820',
    'local 192.168.1.2:51820',
    'mapped 203.0.113.1:4000',
  ]);
});

where('a record for what changed, none for what did not, at most one a second', () => {
  const { machine, out, published } = node();
  machine.onLocal(['192.168.1.2'], 51820, times(0), out);
  assert.is(published(), 1, 'the first one at once');
  machine.onLocal(['192.168.1.2', '10.0.0.1'], 51820, times(100), out);
  machine.onObserved(nodeId(2), end('203.0.113.1:4000'), times(200), out);
  assert.is(published(), 0, 'wait for each other');
  assert.is(machine.deadline(), 1_000);
  machine.tick(times(1_000), out);
  assert.is(published(), 1);
  machine.onObserved(nodeId(2), end('203.0.113.1:4000'), times(5_000), out);
  machine.onLocal(['10.0.0.1', '192.168.1.2'], 51820, times(5_000), out);
  assert.is(published(), 0, 'nothing new');
  assert.is(machine.deadline(), undefined);
});

where('the sequence number grows, with the clock and without', () => {
  const { machine, out, ground } = node();
  const seq = (wall: number) => {
    const record = ground.records.openCandidates(machine.record({ now: 0, wall }));
    return record?.seq ?? 0;
  };
  machine.onLocal(['192.168.1.2'], 51820, times(0), out);
  const first = seq(0);
  assert.is(seq(9e15), first, 'the same record until something changes');
  machine.onPortMapping(end('203.0.113.1:1'), { now: 2_000, wall: 5 }, out);
  assert.is(seq(5), first + 1, 'the clock went back');
});

where('after a move what others saw before gives way to what they see now', () => {
  const { machine, out, listed } = node();
  machine.onLocal(['192.168.1.2'], 51820, times(0), out);
  for (const i of [2, 3]) machine.onObserved(nodeId(i), end('203.0.113.1:4000'), times(0), out);
  assert.is(machine.nat, 'easy');
  machine.onLocal(['10.9.9.2'], 51820, times(60_000), out);
  assert.ok(listed().includes('mapped 203.0.113.1:4000'), 'kept until there is better');
  machine.onObserved(nodeId(2), end('198.51.100.1:77'), times(60_100), out);
  assert.equal(listed(), ['local 10.9.9.2:51820', 'mapped 198.51.100.1:77']);
  machine.onObserved(nodeId(3), end('198.51.100.1:77'), times(60_200), out);
  assert.is(machine.nat, 'easy');
});

where('an observer that tells another endpoint each time is heard once in three seconds', () => {
  const { machine, out, published } = node();
  machine.onLocal(['192.168.1.2'], 51820, times(0), out);
  for (let i = 0; i < 600; i++) {
    const now = 50 * i;
    machine.onObserved(nodeId(2), end(`203.0.113.1:${1_000 + i}`), times(now), out);
    if ((machine.deadline() ?? Number.POSITIVE_INFINITY) <= now) machine.tick(times(now), out);
  }
  assert.ok(published() <= 12, 'at most each three seconds in thirty');
  assert.ok(machine.candidates.length <= 3);
});

where('many addresses leave room for what others see', () => {
  const { machine, out } = node();
  const many = Array.from({ length: 100 }, (_, i) => `10.0.${i}.1`);
  machine.onLocal(many, 51820, times(0), out);
  for (let i = 0; i < 50; i++) {
    machine.onObserved(nodeId(i + 2), end(`203.0.113.1:${i + 1}`), times(i), out);
  }
  assert.ok(machine.candidates.length <= 16);
  assert.ok(machine.candidates.some(({ kind }) => kind === 'mapped'));
});

where('blocked is said by those who know', () => {
  const { machine } = node({ blocked: () => true });
  assert.is(machine.nat, 'blocked');
});

where.run();
