import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REACHABLE_MAX, VALID_MS } from '../../agent/mesh/reachables.js';
import { endpoint, FakeRoll, nodeId, times, WALL_START } from './ground.js';
import { type Node, World } from './harness.js';

const reach = suite('mesh/reach');
const S = 1_000;
const MINUTE = 60 * S;
const HOUR = 60 * MINUTE;

const isUp = (at: Node, of: Node) => at.reach.reachable().some(({ node }) => node === of.id);

/** One lone first node, and others who join it one by one, through its endpoint in the invite. */
function joined(count: number, open: (i: number) => boolean = () => false) {
  const world = new World(new FakeRoll());
  const first = world.add(0, '192.0.2.1', true);
  const others: Node[] = [];
  for (let i = 1; i <= count; i++) {
    const other = world.add(i, `198.51.100.${i}`, open(i), 5 * MINUTE);
    other.reach.believe(first.id, endpoint(first.address), times(world.now));
    others.push(other);
    world.drive(world.now + 5 * S);
  }
  return { world, first, others };
}

reach('a lone first node is believed, and attested by the first who joins', () => {
  const { world, first, others } = joined(1);
  const [home] = others as [Node];
  assert.ok(isUp(home, first), 'at once');
  world.drive(world.now + MINUTE);
  assert.ok(isUp(first, first), 'it knows by itself now');
  assert.equal(first.reach.endpointOf(first.id), endpoint('192.0.2.1'));
  const [sealed] = home.reach.records();
  const record = home.ground.records.openReachable(sealed!)!;
  assert.equal(record.witnesses, [home.id]);
  assert.not(isUp(first, home), 'a home behind a NAT is not');
});

/** A lone first node, homes, and two more that are reachable, known to all. */
function three() {
  const made = joined(6, (i) => i >= 5);
  made.world.drive(made.world.now + 20 * MINUTE);
  const [fifth, sixth] = made.others.slice(4) as [Node, Node];
  const all = [made.first, ...made.others];
  assert.ok(all.every((node) => isUp(node, fifth) && isUp(node, sixth)));
  return { ...made, fifth, sixth, all };
}

reach('who stops says so, and nobody is sent there; its old record is not believed again', () => {
  const { world, fifth, sixth, all } = three();
  const old = sixth.reach.records().find((one) => owner(sixth, one) === fifth.id)!;
  fifth.act((out, at) => fifth.reach.bye(at, out));
  world.drive(world.now + 100);
  world.kill(fifth);
  world.drive(world.now + 15 * S);
  for (const node of all) {
    if (node === fifth) continue;
    assert.not(isUp(node, fifth), node.address);
    assert.is(node.reach.endpointOf(fifth.id), undefined);
    assert.not(node.rendezvous.has(fifth.id));
    assert.ok(isUp(node, sixth));
    world.deliver(sixth, node, { kind: 'reachable', records: [old] });
    assert.not(isUp(node, fifth));
  }
  const again = signed(world, fifth.id, world.now, 2, undefined, fifth.address);
  const [home] = all.slice(1) as [Node];
  world.deliver(sixth, home, { kind: 'reachable', records: [again] });
  assert.equal(home.reach.endpointOf(fifth.id), endpoint(fifth.address));
});

reach('a router that forwards no longer: the record is taken back', () => {
  const { world, fifth, all } = three();
  const [plain] = fifth.candidates;
  const tell = () => fifth.act((out, at) => fifth.reach.onCandidates(at, out));
  fifth.candidates.splice(0, 1, { kind: 'portmap', endpoint: plain!.endpoint });
  tell();
  world.drive(world.now + 15 * S);
  assert.ok(all.every((node) => isUp(node, fifth)));
  fifth.candidates.splice(0, 1, plain!);
  tell();
  world.drive(world.now + 15 * S);
  assert.equal(
    all.filter((node) => isUp(node, fifth)).map(({ address }) => address),
    [],
  );
});

reach('the last one that is left is tried on, whatever it said', () => {
  const { world, first, others } = joined(1);
  const [home] = others as [Node];
  world.drive(world.now + MINUTE);
  first.act((out, at) => first.reach.bye(at, out));
  world.drive(world.now + 15 * S);
  assert.ok(isUp(home, first));
  assert.equal(home.reach.endpointOf(first.id), endpoint(first.address));
});

reach('in a larger mesh two witnesses sign, and all are told', () => {
  const { world, first, others } = joined(6);
  world.drive(world.now + MINUTE);
  for (const home of others) {
    const sealed = home.reach.records().map((one) => home.ground.records.openReachable(one)!);
    const record = sealed.find(({ node }) => node === first.id)!;
    assert.is(record.witnesses.length, 2);
  }
});

reach('who is reachable and has nobody come by is checked, and becomes a tracker', () => {
  const { world, first, others } = joined(6, (i) => i >= 5);
  world.drive(world.now + 20 * MINUTE);
  const [fifth, sixth] = others.slice(4) as [Node, Node];
  for (const node of [first, ...others]) {
    assert.ok(isUp(node, fifth) && isUp(node, sixth), node.address);
    assert.not(isUp(node, others[0]!));
    assert.is(node.rendezvous.size, 3);
  }
});

reach('checks that come to nothing are made soon at first, and seldom later', () => {
  const { world, others } = joined(6, (i) => i === 6);
  const [home] = others as [Node];
  world.drive(10 * MINUTE);
  const soon = home.count('check');
  assert.ok(soon >= 3 && soon <= 5, `${soon} in ten minutes`);
  world.drive(24 * HOUR);
  const day = home.count('check');
  assert.ok(day - soon >= 6 && day - soon <= 12, `${day - soon} in a day`);
});

reach('a home behind a NAT never claims to be reachable, whoever it talks with', () => {
  const { world, others } = joined(6, (i) => i === 6);
  world.drive(world.now + 3 * HOUR);
  for (const home of others.slice(0, 5)) {
    for (const node of world.nodes.values()) assert.not(isUp(node, home));
    // It may have been met by others, but only after it had sent to them.
    assert.is(home.count('attest-me'), 0);
  }
});

reach('records are renewed before they end, again and again', () => {
  const { world, first, others } = joined(6, (i) => i >= 4);
  const open = [first, ...others.slice(3)];
  for (let hour = 1; hour <= 20; hour++) {
    world.drive(hour * HOUR);
    for (const node of world.nodes.values()) {
      for (const one of open) assert.ok(isUp(node, one), `${node.address} after ${hour} h`);
    }
  }
});

reach('who lost its port forwarding is no tracker any more the day after', () => {
  const { world, others } = joined(16, (i) => i >= 14);
  const closed = others[14]!;
  world.drive(HOUR);
  for (const node of world.nodes.values()) {
    for (const one of others.slice(13)) assert.ok(isUp(node, one), `${node.address} knows all`);
  }
  closed.open = false; // sessions go on: it sends to them, and so they reach it
  closed.lifetimeMs = 5 * MINUTE;
  world.drive(20 * HOUR);
  assert.is(
    closed.reach.records().some((one) => owner(closed, one) === closed.id),
    false,
  );
});

reach('one that cannot be reached goes down after a minute, comes back, and steadily', () => {
  const { world, first, others } = joined(6, (i) => i >= 3);
  world.drive(30 * MINUTE);
  const [home] = others as [Node];
  const dead = world.nodes.get(home.trackers.trackersOf(home.id)[0]!)!;
  world.kill(dead);
  world.drive(world.now + 6 * MINUTE);
  assert.not(home.trackers.trackersOf(home.id).includes(dead.id));
  assert.is(home.trackers.trackersOf(home.id).length, 3);
  assert.ok(first.reach.reachable().length >= 3);
  dead.alive = true;
  world.drive(world.now + 20 * MINUTE);
  assert.ok(isUp(home, dead));
});

reach('with another address the old record is withdrawn and a new one made', () => {
  const { world, others } = joined(6, (i) => i >= 4);
  world.drive(HOUR);
  const moving = others[4]!;
  moving.move('203.0.113.5');
  assert.is(moving.reach.endpointOf(moving.id), undefined);
  world.drive(world.now + 20 * MINUTE);
  for (const node of world.nodes.values()) {
    assert.equal(node.reach.endpointOf(moving.id), endpoint('203.0.113.5'), node.address);
  }
});

reach('a new one is a tracker for others only after two minutes, and at once if one of few', () => {
  const { world, others } = joined(4);
  const [home] = others as [Node];
  const record = (i: number, at = world.now) => signed(world, nodeId(i), at);
  for (let i = 20; i < 24; i++) world.roll.add(nodeId(i));
  const give = (sealed: Uint8Array) =>
    world.deliver(others[1]!, home, { kind: 'reachable', records: [sealed] });
  give(record(20));
  give(record(21));
  assert.ok(home.rendezvous.has(nodeId(20)) && home.rendezvous.has(nodeId(21)));
  give(record(22));
  assert.not(home.rendezvous.has(nodeId(22)));
  world.drive(world.now + 119 * S);
  assert.not(home.rendezvous.has(nodeId(22)));
  world.drive(world.now + 2 * S);
  assert.ok(home.rendezvous.has(nodeId(22)));
});

reach('what is forged, old, unwitnessed, or of no member is not believed', () => {
  const { world, others } = joined(9);
  const [home, liar] = others as [Node, Node];
  for (let i = 20; i < 30; i++) world.roll.add(nodeId(i));
  const give = (sealed: Uint8Array) => {
    const before = home.reach.reachable().length + home.rendezvous.size;
    world.deliver(liar, home, { kind: 'reachable', records: [sealed] });
    return home.reach.reachable().length + home.rendezvous.size > before;
  };
  const { drops } = home.reach.known;
  const good = signed(world, nodeId(20), world.now);
  const forged = good.slice();
  forged[forged.length - 30]! ^= 1;
  assert.not(give(forged));
  assert.is(drops.forged, 1);
  assert.not(give(signed(world, nodeId(21), world.now - VALID_MS - S)));
  assert.not(give(signed(world, nodeId(22), world.now + HOUR)));
  assert.is(drops.old, 2);
  assert.not(give(signed(world, nodeId(23), world.now, 1)));
  assert.not(give(signed(world, nodeId(23), world.now, 2, nodeId(1))));
  assert.is(drops.witnesses, 2);
  assert.not(give(signed(world, nodeId(24), world.now, 2, undefined, '127.0.0.1')));
  assert.is(drops.forbidden, 1);
  assert.not(give(signed(world, nodeId(99), world.now)));
  assert.ok(give(good));
  assert.not(give(good), 'again: nothing new');
  const older = signed(world, nodeId(20), world.now - 1, 2, undefined, '203.0.113.66');
  assert.not(give(older));
  assert.equal(home.reach.endpointOf(nodeId(20)), endpoint('203.0.113.20'));
});

reach('a flood of records is bounded, and costs the flooder', () => {
  const { world, others } = joined(9);
  const [home, liar] = others as [Node, Node];
  for (let i = 100; i < 1_000; i++) world.roll.add(nodeId(i));
  for (let minute = 0; minute < 10; minute++) {
    const records = [];
    for (let i = 0; i < 90; i++) {
      records.push(signed(world, nodeId(100 + 90 * minute + i), world.now));
    }
    world.deliver(liar, home, { kind: 'reachable', records });
    world.drive(world.now + 61 * S);
  }
  assert.ok(home.reach.reachable().length <= REACHABLE_MAX);
  assert.ok(home.reach.reachable().length > REACHABLE_MAX / 2);
  assert.ok(home.rendezvous.size <= REACHABLE_MAX);
  const records = Array.from({ length: 64 }, (_, i) =>
    signed(world, nodeId(100 + i), world.now + i),
  );
  let opened = 0;
  const open = home.ground.records.openReachable.bind(home.ground.records);
  home.ground.records.openReachable = (sealed) => {
    opened++;
    return open(sealed);
  };
  for (let i = 0; i < 20; i++) world.deliver(liar, home, { kind: 'reachable', records });
  assert.ok(opened > 0 && opened <= 128, `${opened} signatures checked in a minute`);
});

reach('a check has nobody knock but at the address the asker comes from', () => {
  const { world, first, others } = joined(4);
  const [home] = others as [Node];
  world.drive(world.now + MINUTE);
  const knocks = () => first.count('knock-at');
  const before = knocks();
  world.deliver(home, first, { kind: 'check', endpoint: endpoint('203.0.113.200') });
  assert.is(knocks(), before);
  for (let i = 0; i < 50; i++) {
    world.deliver(home, first, { kind: 'check', endpoint: endpoint(home.address) });
  }
  assert.ok(knocks() - before <= 4 * 3 && knocks() > before, `${knocks() - before}`);
});

reach('nobody knocks for a member that is no tracker, or at anything for ever', () => {
  const { world, first, others } = joined(4);
  const [home, other] = others as [Node, Node];
  const target = world.add(50, '203.0.113.50', true);
  const frame = { kind: 'knock-at', node: target.id, endpoint: endpoint('203.0.113.50') } as const;
  const knocks: string[] = [];
  const { perform } = World.prototype;
  world.perform = (node, effects) => {
    // A handshake that may well stay without an answer: no reason to go to the other's door.
    for (const effect of effects) if (effect.kind === 'knock') assert.ok(effect.trial);
    perform.call(world, node, effects);
  };
  const connect = world.connect.bind(world);
  world.connect = (from, to, via) => {
    if (from === home && via !== undefined) knocks.push(to);
    connect(from, to, via);
  };
  world.drive(world.now + 2 * MINUTE);
  knocks.length = 0;
  world.deliver(other, home, frame);
  assert.is(knocks.length, 0);
  for (let i = 0; i < 50; i++) world.deliver(first, home, frame);
  assert.is(knocks.length, 4);
});

reach('a witness attests what it did, and nothing else', () => {
  const { world, first, others } = joined(3);
  const [home, other] = others as [Node, Node];
  world.drive(world.now + 80 * S);
  const before = home.count('attestation');
  world.deliver(first, home, { kind: 'attest-me', endpoint: endpoint('203.0.113.99') });
  assert.is(home.count('attestation'), before, 'it began this session minutes ago');
  world.deliver(other, home, { kind: 'attest-me', endpoint: endpoint(other.address) });
  assert.is(home.count('attestation'), before, 'nor did it begin one with that');
  for (const { frame } of home.frames) {
    if (frame.kind !== 'attestation') continue;
    const opened = home.ground.records.openAttestation(frame.attestation)!;
    assert.equal([opened.node, opened.endpoint], [first.id, endpoint(first.address)]);
  }
});

reach('an attestation that was not asked for changes nothing', () => {
  const { world, others } = joined(3);
  const [home, liar] = others as [Node, Node];
  const attestation = liar.ground.records.signAttestation({
    node: home.id,
    endpoint: endpoint('203.0.113.7'),
    at: WALL_START + world.now,
  });
  world.deliver(liar, home, { kind: 'attestation', attestation });
  assert.is(home.reach.endpointOf(home.id), undefined);
});

reach('a member that is revoked is no tracker from then on', () => {
  const { world, others } = joined(6, (i) => i >= 4);
  world.drive(HOUR);
  const [home] = others as [Node];
  const gone = others[4]!;
  assert.ok(isUp(home, gone));
  world.roll.remove(gone.id);
  home.reach.onMember(gone.id, times(world.now));
  assert.not(isUp(home, gone));
  assert.not(home.rendezvous.has(gone.id));
});

const owner = (by: Node, sealed: Uint8Array) => by.ground.records.openReachable(sealed)!.node;

/** A record of a node, as it would sign it, with so many witnesses. */
function signed(
  world: World,
  node: string,
  now: number,
  witnesses = 2,
  witness?: string,
  address = '203.0.113.20',
): Uint8Array {
  const at = WALL_START + now;
  const where = endpoint(address);
  const others = Array.from({ length: witnesses }, (_, i) => witness ?? nodeId(1 + i));
  const proofs = others.map((by) =>
    world.recordsOf(by).signAttestation({ node, endpoint: where, at }),
  );
  return world.recordsOf(node).signReachable(where, at, proofs);
}

reach.run();
