import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SILENCES_MS } from '../../agent/mesh/lifetime.js';
import { MOVE_OVER_MS } from '../../agent/mesh/registering.js';
import { endpoint, FakeRoll } from './ground.js';
import { type Node, World } from './harness.js';

const trackers = suite('mesh/trackers');
const S = 1_000;
const MINUTE = 60 * S;
/** All are up: the first at once, the others after the hold-down. */
const SETTLED = 3 * MINUTE;

/** Five reachable nodes and some behind NATs, all of one mesh; the five are known to everybody. */
function mesh(homes: number, lifetimeMs = 3_600_000, open = 5) {
  const world = new World(new FakeRoll());
  const reachable: Node[] = [];
  const behind: Node[] = [];
  for (let i = 0; i < open; i++) reachable.push(world.add(i, `192.0.2.${i + 1}`, true));
  for (let i = 0; i < homes; i++) {
    behind.push(world.add(100 + i, `198.51.100.${i + 1}`, false, lifetimeMs));
  }
  world.believe(...reachable);
  return { world, reachable, behind };
}

/** How many of its own trackers are alive and know it. */
const served = (by: Node) =>
  by.trackers.trackersOf(by.id).filter((id) => {
    const tracker = by.world.nodes.get(id)!;
    return tracker.alive && tracker.trackers.tracks(by.id);
  }).length;

trackers('a node registers with its three, and they see where it is', () => {
  const { world, behind } = mesh(4);
  world.drive(2 * S);
  for (const home of behind) {
    assert.is(served(home), 3);
    const own = home.trackers.trackersOf(home.id);
    assert.equal(own, home.rendezvous.rank(home.id).slice(0, 3));
    for (const id of own) {
      const { observed } = world.nodes.get(id)!.trackers.tracking.lookup(home.id);
      assert.equal(observed, endpoint(home.address));
    }
  }
});

trackers('a lookup is one hop, and both sides are told in the same turn', () => {
  const { world, behind } = mesh(4);
  world.drive(SETTLED);
  const [a, b] = behind as [Node, Node];
  a.find(b.id);
  const asked = world.now;
  world.drive(asked + 3 * S);
  const found = a.learned.find(({ node, urgent }) => node === b.id && urgent)!;
  const told = b.learned.find(({ node, urgent }) => node === a.id && urgent)!;
  assert.ok(found && told);
  assert.ok(Math.abs(found.now - told.now) <= 1, 'they punch at the same moment');
  assert.equal(found.candidates[0]!.endpoint, endpoint(b.address));
  assert.equal(told.candidates[0]!.endpoint, endpoint(a.address));
  const repeated = a.count('lookup');
  assert.ok(repeated <= 6);
  a.find(b.id); // remembered for a moment: no new question
  assert.is(a.count('lookup'), repeated);
});

trackers('a search for one who is nowhere ends', () => {
  const { world, behind } = mesh(2);
  world.drive(SETTLED);
  const [a, b] = behind as [Node, Node];
  world.kill(b);
  for (const node of world.nodes.values()) node.trackers.tracking.forget(b.id);
  for (const node of world.nodes.values()) node.ground.places.delete(b.id);
  a.find(b.id);
  world.drive(world.now + 2 * MINUTE);
  assert.ok(a.count('lookup') <= 18 && a.count('lookup') >= 6, `${a.count('lookup')} lookups`);
  assert.not(a.learned.some(({ node }) => node === b.id));
});

trackers('with its three trackers gone at once, the next three know nothing, later they do', () => {
  const { world, behind } = mesh(3, undefined, 8);
  world.drive(SETTLED);
  const [a, b] = behind as [Node, Node];
  for (const id of b.trackers.trackersOf(b.id)) world.kill(world.nodes.get(id)!);
  world.drive(world.now + 6 * MINUTE);
  a.find(b.id);
  world.drive(world.now + 10 * S);
  assert.ok(a.learned.some(({ node, urgent }) => node === b.id && urgent));
});

trackers('one tracker killed: the next in order serves within three minutes', () => {
  const { world, behind } = mesh(3);
  world.drive(SETTLED);
  const [a, b] = behind as [Node, Node];
  const dead = world.nodes.get(b.trackers.trackersOf(b.id)[0]!)!;
  world.kill(dead);
  a.find(b.id); // meanwhile two are left, and it is found at once
  world.drive(world.now + 3 * S);
  assert.ok(a.learned.some(({ node, urgent }) => node === b.id && urgent));
  world.drive(world.now + 3 * MINUTE);
  assert.is(served(b), 3);
});

trackers('while better trackers take over, three know it at every moment', () => {
  const { world, behind } = mesh(6);
  world.drive(5 * S);
  for (let now = 118 * S; now <= 125 * S + MOVE_OVER_MS; now += 10) {
    world.drive(now); // the fourth and fifth tracker are up from 120 s on
    for (const home of behind) assert.ok(served(home) >= 3, `${home.address} at ${now}`);
  }
  for (const home of behind) {
    const best = home.rendezvous.rank(home.id).slice(0, 3);
    assert.equal([...home.trackers.trackersOf(home.id)].sort(), [...best].sort());
  }
});

trackers('nodes move over to new trackers one by one, and leave those that served them', () => {
  const { world, reachable, behind } = mesh(60, undefined, 12);
  world.drive(119 * S);
  const early = reachable.filter(({ trackers: its }) => its.tracked > 0);
  assert.is(early.length, 4, 'the first three, and who serves those'); // the load of all others
  world.drive(120 * S + MOVE_OVER_MS + 5 * S);
  const tracked = reachable.map(({ trackers: its }) => its.tracked);
  const sum = tracked.reduce((a, b) => a + b);
  assert.is(sum, 3 * (60 + 12), 'each is registered with three, and with no others');
  assert.ok(Math.max(...tracked) <= (2 * sum) / 12, tracked.join());
  // A second's share of those that move is small: nobody is called by all at once.
  const moved = behind.flatMap(({ frames }) =>
    frames.filter(({ frame, now }) => frame.kind === 'register' && now > 119 * S),
  );
  const perSecond = new Map<number, number>();
  for (const { now } of moved) {
    const second = Math.floor(now / S);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  assert.ok(moved.length > 60);
  assert.ok(Math.max(...perSecond.values()) < moved.length / 8, 'spread in time');
});

trackers('who has lost a tracker does not wait for its moment to move over', () => {
  const { world, behind } = mesh(20, undefined, 12);
  world.drive(120 * S + 500);
  const kept = (home: Node) => home.trackers.trackersOf(home.id);
  for (const home of behind) world.deliver(world.nodes.get(kept(home)[0]!)!, home, { kind: 'bye' });
  world.drive(world.now + S);
  for (const home of behind) assert.ok(served(home) >= 3, home.address);
});

trackers('a tracker that began anew knows its members again at once', () => {
  const { world, behind } = mesh(3);
  world.drive(SETTLED);
  const [home] = behind as [Node];
  const tracker = world.nodes.get(home.trackers.trackersOf(home.id)[0]!)!;
  tracker.trackers.tracking.forget(home.id);
  assert.not(tracker.trackers.tracks(home.id));
  world.drive(world.now + 3 * MINUTE);
  assert.ok(tracker.trackers.tracks(home.id));
});

trackers('a full tracker is busy, and the next in order serves', () => {
  const world = new World(new FakeRoll());
  const open = [0, 1, 2, 3].map((i) => world.add(i, `192.0.2.${i + 1}`, true, undefined, 15));
  const homes = Array.from({ length: 12 }, (_, i) =>
    world.add(100 + i, `198.51.100.${i + 1}`, false),
  );
  world.believe(...open);
  world.drive(SETTLED);
  for (const tracker of open) assert.ok(tracker.trackers.tracked <= 15);
  const total = homes.reduce((sum, home) => sum + served(home), 0);
  assert.ok(total === 36, `${total} registrations of 36`);
});

trackers('a moved node is known anew, everywhere it counts, within a second', () => {
  const { world, reachable, behind } = mesh(2);
  world.drive(SETTLED);
  const [home] = behind as [Node];
  home.move('203.0.113.9');
  world.drive(world.now + S);
  for (const tracker of reachable.filter((one) => one.trackers.tracks(home.id))) {
    const { record, observed } = tracker.trackers.tracking.lookup(home.id);
    const opened = tracker.ground.records.openCandidates(record!);
    assert.is(opened!.candidates[0]!.endpoint.address, '203.0.113.9');
    assert.ok(observed);
  }
});

trackers('bye: the member is forgotten, the tracker replaced', () => {
  const { world, behind } = mesh(2);
  world.drive(SETTLED);
  const [home] = behind as [Node];
  const leaving = world.nodes.get(home.trackers.trackersOf(home.id)[0]!)!;
  world.deliver(leaving, home, { kind: 'bye' });
  world.drive(world.now + S);
  assert.not(home.trackers.trackersOf(home.id).includes(leaving.id));
  assert.is(served(home), 3);
  const tracker = world.nodes.get(home.trackers.trackersOf(home.id)[0]!)!;
  world.deliver(home, tracker, { kind: 'bye' });
  assert.not(tracker.trackers.tracks(home.id));
});

for (const [lifetime, silence] of [
  [27, 25],
  [60, 45],
  [100, 70],
  [400, 110],
] as const) {
  trackers(`a NAT that forgets after ${lifetime} s is left silent for ${silence} s`, () => {
    const { world, behind } = mesh(1, lifetime * S);
    const [home] = behind as [Node];
    world.drive(20 * MINUTE);
    const { lifetime: found } = home.trackers.registering;
    assert.is(found.intervalMs, silence * S);
    assert.ok((SILENCES_MS as readonly number[]).includes(found.intervalMs));
    assert.is(home.trackers.trackersOf(home.id).length, 3);
  });

  trackers(`with it, an idle node sends and hears less than 150 bit/s (${lifetime} s)`, () => {
    const { world, behind } = mesh(1, lifetime * S);
    const [home] = behind as [Node];
    world.drive(20 * MINUTE); // the probing is over
    const before = home.bytes;
    const from = world.now;
    world.drive(from + 60 * MINUTE);
    // Per session also a digest now and then, in the place of an empty packet.
    const digests = (3 * 32 * 3_600) / 100;
    const bitPerSecond = (8 * (home.bytes - before + digests)) / ((world.now - from) / S);
    assert.ok(bitPerSecond < (lifetime < 60 ? 150 : 110), `${bitPerSecond} bit/s`);
    assert.ok(bitPerSecond > 50, `${bitPerSecond} bit/s: the sessions are no longer kept`);
  });
}

trackers('a NAT that becomes worse is noticed', () => {
  const { world, behind } = mesh(1, 400 * S);
  const [home] = behind as [Node];
  world.drive(20 * MINUTE);
  assert.is(home.trackers.registering.lifetime.intervalMs, 110 * S);
  home.lifetimeMs = 50 * S;
  world.drive(world.now + 3 * 60 * MINUTE);
  assert.is(home.trackers.registering.lifetime.intervalMs, 45 * S);
});

trackers('all stay registered for hours, in sessions that never end', () => {
  const { world, behind } = mesh(3, 62 * S);
  world.drive(SETTLED);
  const registers = behind.map((home) => home.count('register'));
  world.drive(world.now + 3 * 60 * MINUTE);
  for (const [i, home] of behind.entries()) {
    assert.is(served(home), 3);
    assert.is(home.count('register'), registers[i], 'and register but once');
    for (const id of home.trackers.trackersOf(home.id)) assert.ok(home.ground.met.has(id));
  }
});

trackers.run();
