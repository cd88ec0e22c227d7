// Relay channels from both sides: who may, how they end, what is counted, what a member can make a
// relay hold.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../agent/identity/member.js';
import { Channels } from '../../agent/mesh/channels.js';
import type { Circuit, MeshEffect } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import { monthOf } from '../../agent/mesh/month.js';
import type { Ledger, Share } from '../../agent/mesh/relay.js';
import { FakeGround, FakeRoll, nodeId, place, times } from './ground.js';
import { homes } from './paths.js';

const channels = suite('mesh/channels');

const relayId = nodeId(1);
const a = nodeId(2);
const b = nodeId(3);

type Told = { to: NodeId; via: NodeId; channel: number | null };

function node(self: NodeId, share: Share = { relay: true, quotaBytes: null }, ledger?: Ledger) {
  const roll = new FakeRoll();
  roll.add(relayId, ['relay', 'tracker']);
  roll.add(nodeId(4), ['relay', 'tracker']);
  for (const member of [a, b]) roll.add(member, []);
  const ground = new FakeGround(self, roll);
  ground.trackers = () => [relayId, nodeId(4)];
  const told: Told[] = [];
  const options = {
    share: () => share,
    relayed: (to: NodeId, via: NodeId, at: { channel: number } | null) => {
      told.push({ to, via, channel: at?.channel ?? null });
    },
  };
  const machine = new Channels(ground, ledger === undefined ? options : { ...options, ledger });
  const out: MeshEffect[] = [];
  const meet = (...nodes: NodeId[]) => {
    for (const member of nodes) {
      ground.met.add(member);
      ground.places.set(member, place(`198.51.100.${ground.met.size}`));
    }
  };
  const frames = (to: NodeId): Frame[] =>
    out.flatMap((effect) => (effect.kind === 'frame' && effect.node === to ? [effect.frame] : []));
  const circuits = (): Circuit[] =>
    out.flatMap((effect) => (effect.kind === 'circuit' ? [effect.circuit] : []));
  return { machine, ground, roll, told, out, meet, frames, circuits };
}

const kinds = (frames: Frame[]) => frames.map(({ kind }) => kind);

function relaying(share?: Share, ledger?: Ledger) {
  const relay = node(relayId, share, ledger);
  relay.meet(a, b);
  relay.machine.onFrame(a, { kind: 'open', to: b }, times(0), relay.out);
  return relay;
}

channels('a relay gives each leg a number of its own', () => {
  const { machine, frames, circuits } = relaying();
  const [circuit] = circuits();
  assert.is(circuit?.opener, a);
  assert.is(circuit?.other, b);
  assert.is.not(circuit?.openerChannel, circuit?.otherChannel);
  assert.equal(frames(a), [{ kind: 'opened', to: b, channel: circuit?.openerChannel }]);
  assert.equal(frames(b), [{ kind: 'offer', from: a, channel: circuit?.otherChannel }]);
  assert.is(machine.circuits.length, 1);
});

channels('asked twice, from either end: the same circuit, told again', () => {
  const { machine, out, frames } = relaying();
  machine.onFrame(a, { kind: 'open', to: b }, times(1_000), out);
  machine.onFrame(b, { kind: 'open', to: a }, times(1_000), out);
  assert.is(machine.circuits.length, 1);
  assert.equal(kinds(frames(a)), ['opened', 'opened']);
  assert.equal(kinds(frames(b)), ['offer', 'offer', 'opened']);
});

const refusals: [string, string, (relay: ReturnType<typeof node>) => void][] = [
  ['the other is not there', 'absent', ({ ground }) => ground.met.delete(b)],
  ['the other is behind a relay itself', 'absent', ({ ground }) => ground.places.delete(b)],
  ['the role is not granted', 'role', ({ roll }) => roll.add(relayId, ['tracker'])],
];

for (const [name, reason, change] of refusals) {
  channels(`refused: ${name}`, () => {
    const relay = node(relayId);
    relay.meet(a, b);
    change(relay);
    relay.machine.onFrame(a, { kind: 'open', to: b }, times(0), relay.out);
    assert.equal(relay.out, [
      { kind: 'frame', node: a, frame: { kind: 'refused', to: b, reason } },
    ]);
  });
}

channels('refused: the share is off, or the month is used up', () => {
  assert.equal(kinds(relaying({ relay: false, quotaBytes: null }).frames(a)), ['refused']);
  const month = monthOf(times(0).wall);
  const spent = relaying({ relay: true, quotaBytes: 1_000 }, { month, bytes: 1_000 });
  assert.equal(spent.frames(a), [{ kind: 'refused', to: b, reason: 'quota' }]);
  const lastMonth = relaying(
    { relay: true, quotaBytes: 1_000 },
    { month: month - 1, bytes: 1_000 },
  );
  assert.equal(kinds(lastMonth.frames(a)), ['opened'], 'a new month');
  const ahead = relaying({ relay: true, quotaBytes: 1_000 }, { month: month + 1, bytes: 1_000 });
  assert.equal(kinds(ahead.frames(a)), ['refused'], 'a clock set back is no new month');
});

channels('what is given is counted, told to the opener, and both ends agree', () => {
  const relay = relaying();
  const taker = node(a);
  taker.meet(relayId);
  taker.machine.open(b, times(0), taker.out);
  const [circuit] = relay.circuits();
  const channel = circuit?.openerChannel ?? 0;
  for (const frame of relay.frames(a))
    taker.machine.onFrame(relayId, frame as never, times(20), taker.out);
  relay.out.length = 0;
  relay.machine.onMetered([{ channel, bytes: 5_000, lastAt: 900 }], times(1_000), relay.out);
  relay.machine.onMetered([{ channel, bytes: 7_000, lastAt: 11_900 }], times(12_000), relay.out);
  relay.machine.onMetered([{ channel, bytes: 6_000, lastAt: 11_900 }], times(12_500), relay.out);
  relay.machine.onFrame(
    b,
    { kind: 'close', channel: circuit?.otherChannel ?? 0 },
    times(13_000),
    relay.out,
  );
  for (const frame of relay.frames(a)) {
    const early = { kind: 'usage', given: [{ channel, bytes: 10 }] } as const;
    if (frame.kind === 'gone') taker.machine.onFrame(relayId, early, times(13_000), taker.out);
    taker.machine.onFrame(relayId, frame as never, times(13_000), taker.out);
    taker.machine.onFrame(relayId, frame as never, times(13_000), taker.out); // twice
  }
  assert.is(relay.machine.given, 7_000);
  assert.is(taker.machine.taken.get(relayId), 7_000);
  assert.equal(taker.told.at(-1), { to: b, via: relayId, channel: null });
});

channels('the month is over: all circuits end, both ends hear it', () => {
  const relay = relaying({ relay: true, quotaBytes: 1_000 });
  const channel = relay.circuits()[0]?.openerChannel ?? 0;
  relay.out.length = 0;
  relay.machine.onMetered([{ channel, bytes: 1_001, lastAt: 10 }], times(1_000), relay.out);
  assert.equal(kinds(relay.frames(a)), ['usage', 'gone']);
  assert.equal(kinds(relay.frames(b)), ['gone']);
  assert.is(relay.machine.circuits.length, 0);
  assert.ok(relay.out.some(({ kind }) => kind === 'circuit-gone'));
});

channels('the share is switched off: all circuits end', () => {
  const share = { relay: true, quotaBytes: null };
  const relay = relaying(share);
  share.relay = false;
  relay.machine.onMetered([], times(1_000), relay.out);
  assert.is(relay.machine.circuits.length, 0);
});

channels('idle for a minute: closed; used: kept', () => {
  const relay = relaying();
  const channel = relay.circuits()[0]?.openerChannel ?? 0;
  relay.machine.onMetered([{ channel, bytes: 10, lastAt: 30_000 }], times(61_000), relay.out);
  assert.is(relay.machine.circuits.length, 1);
  relay.machine.onMetered([{ channel, bytes: 10, lastAt: 30_000 }], times(90_000), relay.out);
  assert.is(relay.machine.circuits.length, 0);
});

channels('only who is at that leg may close it', () => {
  const { machine, out, circuits } = relaying();
  const { openerChannel = 0, otherChannel = 0 } = circuits()[0] ?? {};
  machine.onFrame(a, { kind: 'close', channel: otherChannel }, times(1), out);
  machine.onFrame(b, { kind: 'close', channel: openerChannel }, times(1), out);
  machine.onFrame(nodeId(4), { kind: 'close', channel: openerChannel }, times(1), out);
  assert.is(machine.circuits.length, 1);
  machine.onFrame(a, { kind: 'close', channel: openerChannel }, times(1), out);
  assert.is(machine.circuits.length, 0);
});

channels('a member has 32 circuits at most; when all are taken, who has most gives way', () => {
  const relay = node(relayId);
  const { machine, out, roll } = relay;
  const others = Array.from({ length: 300 }, (_, i) => nodeId(100 + i));
  for (const other of others) roll.add(other, []);
  relay.meet(a, b, ...others);
  let now = 0;
  const open = (from: NodeId, to: NodeId) => {
    now += 100;
    machine.onFrame(from, { kind: 'open', to }, times(now), out);
  };
  for (const other of others.slice(0, 40)) open(a, other);
  assert.is(machine.circuits.length, 32, 'its share');
  for (const taker of others.slice(0, 7)) {
    for (const other of others.slice(100, 132)) open(taker, other);
  }
  assert.is(machine.circuits.length, 256, 'all of them');
  open(b, others[0] as NodeId);
  assert.is(machine.circuits.length, 256);
  assert.ok(
    machine.circuits.some(({ opener }) => opener === b),
    'there is room for one with none',
  );
  const counts = (taker: NodeId) =>
    machine.circuits.filter(({ opener }) => opener === taker).length;
  assert.is(counts(a), 31, 'taken from one that had most');
});

channels('a flood of questions is answered at a pace', () => {
  const relay = node(relayId);
  relay.meet(a);
  for (let i = 0; i < 10_000; i++) {
    relay.machine.onFrame(a, { kind: 'open', to: b }, times(i / 10), relay.out);
  }
  assert.ok(relay.out.length <= 34, `${relay.out.length} answers in a second`);
});

channels('a member that is lost takes its circuits along', () => {
  const relay = relaying();
  relay.ground.met.delete(b);
  relay.machine.onLost(b, times(5), relay.out);
  assert.is(relay.machine.circuits.length, 0);
  assert.equal(kinds(relay.frames(a)), ['opened', 'gone']);
});

// Taking

channels('a relay that is silent, then one that refuses, then the first again', () => {
  const { machine, meet, out, frames } = node(a);
  meet(relayId, nodeId(4));
  machine.open(b, times(0), out);
  assert.equal(kinds(frames(relayId)), ['open']);
  assert.is(machine.deadline(), 400);
  machine.tick(times(400), out);
  assert.equal(kinds(frames(nodeId(4))), ['open']);
  machine.onFrame(nodeId(4), { kind: 'refused', to: b, reason: 'absent' }, times(440), out);
  machine.tick(times(machine.deadline() ?? 0), out);
  assert.equal(kinds(frames(relayId)), ['open', 'open']);
  for (let now = 0; now < 60_000; now = machine.deadline() ?? 60_000) machine.tick(times(now), out);
  assert.ok(out.length < 16, 'it gives up');
  assert.is(machine.deadline(), undefined);
});

channels('a relay that was not asked opens nothing, though another one was', () => {
  const { machine, meet, out, told, frames } = node(a);
  meet(relayId, nodeId(4));
  machine.open(b, times(0), out);
  machine.onFrame(nodeId(4), { kind: 'opened', to: b, channel: 5 }, times(20), out);
  assert.equal(told, []);
  assert.equal(kinds(frames(nodeId(4))), ['close']);
});

channels('relays without a session are called, and asked when they are met', () => {
  const { machine, ground, meet, out, frames } = node(a);
  machine.open(b, times(0), out);
  assert.equal(ground.wanted, [relayId, nodeId(4)]);
  meet(relayId);
  machine.onMet(relayId, times(50), out);
  assert.equal(kinds(frames(relayId)), ['open']);
});

channels('what was not asked for is closed; an offer of a member by a relay is taken', () => {
  const { machine, ground, meet, out, told, frames } = node(a);
  meet(relayId, b);
  machine.onFrame(relayId, { kind: 'opened', to: b, channel: 5 }, times(0), out);
  machine.onFrame(relayId, { kind: 'offer', from: nodeId(99), channel: 6 }, times(0), out);
  machine.onFrame(b, { kind: 'offer', from: nodeId(4), channel: 7 }, times(0), out);
  assert.equal(told, []);
  assert.equal([...kinds(frames(relayId)), ...kinds(frames(b))], ['close', 'close', 'close']);
  machine.onFrame(relayId, { kind: 'offer', from: b, channel: 8 }, times(0), out);
  assert.equal(told, [{ to: b, via: relayId, channel: 8 }]);
  assert.equal(out.at(-1), { kind: 'leg', channel: 8 });
  machine.onFrame(nodeId(4), { kind: 'gone', channel: 8 }, times(1), out);
  assert.is(told.length, 1, 'not its channel');
  machine.onFrame(relayId, { kind: 'gone', channel: 8 }, times(1), out);
  assert.equal(told.at(-1), { to: b, via: relayId, channel: null });
  assert.equal(out.at(-1), { kind: 'leg-gone', channel: 8 });
  assert.ok(ground.met.has(relayId));
});

channels('a channel waits until the relay itself is reached directly, and follows it', () => {
  const { machine, ground, meet, out, told } = node(a);
  meet(relayId);
  ground.places.delete(relayId);
  machine.open(b, times(0), out);
  machine.onFrame(relayId, { kind: 'opened', to: b, channel: 5 }, times(20), out);
  assert.equal(told, []);
  ground.places.set(relayId, place('198.51.100.7'));
  machine.onMoved(relayId, times(60), out);
  assert.equal(told, [{ to: b, via: relayId, channel: 5 }]);
  machine.onLost(relayId, times(99), out);
  assert.is(told.at(-1)?.channel, null);
});

channels('a relay under suspicion: another one, once', () => {
  const { machine, meet, out, told, frames } = node(a);
  meet(relayId, nodeId(4));
  machine.open(b, times(0), out);
  machine.onFrame(relayId, { kind: 'opened', to: b, channel: 5 }, times(20), out);
  machine.suspect(b, relayId, times(9_000), out);
  machine.suspect(b, relayId, times(9_500), out);
  assert.equal(kinds(frames(nodeId(4))), ['open']);
  machine.onFrame(nodeId(4), { kind: 'opened', to: b, channel: 6 }, times(9_520), out);
  assert.equal(told.at(-1), { to: b, via: nodeId(4), channel: 6 });
  machine.suspect(b, relayId, times(20_000), out);
  assert.is(frames(nodeId(4)).length, 1, 'there is another one already');
});

channels(
  'who is no member any more: neither ways to it, nor through it, nor circuits for it',
  () => {
    const relay = relaying();
    relay.ground.met.delete(a);
    relay.machine.forget(a, times(5), relay.out);
    assert.equal(relay.machine.circuits, []);
    assert.equal(kinds(relay.frames(b)), ['offer', 'gone']);
    const { machine, meet, out, told } = node(a);
    meet(relayId);
    machine.onFrame(relayId, { kind: 'offer', from: b, channel: 8 }, times(0), out);
    machine.forget(b, times(1), out);
    assert.equal(told.at(-1), { to: b, via: relayId, channel: null });
    machine.onFrame(relayId, { kind: 'offer', from: b, channel: 9 }, times(2), out);
    machine.forget(relayId, times(3), out);
    assert.equal(told.at(-1), { to: b, via: relayId, channel: null });
    assert.is(machine.deadline(), undefined);
  },
);

channels('offers without end do not fill our memory', () => {
  const { machine, roll, meet, out } = node(a);
  meet(relayId);
  for (let i = 0; i < 1_000; i++) {
    roll.add(nodeId(1_000 + i), []);
    const from = nodeId(1_000 + i);
    machine.onFrame(relayId, { kind: 'offer', from, channel: i + 1 }, times(i), out);
  }
  const legs = out.filter(({ kind }) => kind === 'leg').length;
  assert.is(legs, 128);
});

channels('a stray channel is answered to those who are met', () => {
  const { machine, meet, out } = node(relayId);
  machine.onUnknown(a, 5, out);
  assert.equal(out, []);
  meet(a);
  machine.onUnknown(a, 5, out);
  assert.equal(out, [{ kind: 'frame', node: a, frame: { kind: 'gone', channel: 5 } }]);
});

channels('in a small world, what the relay counts is what the opener hears', () => {
  const { world, relay, a: left, b: right } = homes('symmetric', 'symmetric');
  left.stream(right, 1, 200, 50);
  for (let i = 0; i < 40; i++) world.later(1_000 * i, () => relay.meter());
  world.run(40_000);
  const counted = Math.max(...[...relay.circuits.values()].map(({ bytes }) => bytes));
  assert.ok(counted > 200 * 200, `${counted} bytes`);
  const taken =
    (left.channels.taken.get(relay.id) ?? 0) + (right.channels.taken.get(relay.id) ?? 0);
  assert.is(taken, relay.channels.given);
  assert.is(relay.channels.given, counted);
});

channels.run();

const month = suite('mesh/month');

month('months follow the calendar', () => {
  for (const [text, want] of [
    ['1970-01-01T00:00:00Z', 1970 * 12],
    ['1999-12-31T23:59:59Z', 1999 * 12 + 11],
    ['2000-02-29T12:00:00Z', 2000 * 12 + 1],
    ['2024-02-29T23:59:59Z', 2024 * 12 + 1],
    ['2024-03-01T00:00:00Z', 2024 * 12 + 2],
    ['2027-01-01T00:00:00Z', 2027 * 12],
  ] as const) {
    assert.is(monthOf(Date.parse(text)), want, text);
  }
  for (let day = 0; day < 60_000; day++) {
    const date = new Date(day * 86_400_000);
    assert.is(monthOf(date.getTime()), date.getUTCFullYear() * 12 + date.getUTCMonth());
  }
});

month.run();
