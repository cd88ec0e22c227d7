// The world, its NATs and its lines do what the rest of the simulation takes for granted.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { canMeet, NATS, Nat, type NatName } from './nat.js';
import { type Host, Net } from './net.js';
import { Violation, World } from './world.js';

const sim = suite('sim/world');

sim('things happen in the order of time, then of asking, and the same for one seed', () => {
  const story = (seed: number) => {
    const world = new World(seed);
    const seen: string[] = [];
    for (let i = 0; i < 50; i++) {
      const at = world.random.below(20);
      world.at(at, () => seen.push(`${world.now}:${i}`));
    }
    world.at(5, () => world.after(0, () => seen.push('last at 5')));
    world.run(30);
    return seen;
  };
  const seen = story(1);
  const times = seen
    .filter((each) => each.includes(':'))
    .map((each) => each.split(':').map(Number));
  for (let i = 1; i < times.length; i++) {
    const [[a = 0, m = 0], [b = 0, n = 0]] = [times[i - 1]!, times[i]!];
    assert.ok(a < b || (a === b && m < n), `${a}:${m} before ${b}:${n}`);
  }
  assert.is(seen.indexOf('last at 5'), seen.findLastIndex((each) => each.startsWith('5:')) + 1);
  assert.equal(story(1), seen);
  assert.not.equal(story(2), seen);
});

sim('a check that fails tells the seed, the time and what came before', () => {
  const world = new World(7);
  world.at(10, () => world.note('ten'));
  world.at(20, () => world.note('twenty'));
  world.check(() => {
    if (world.now >= 20) world.fail('too late');
  });
  try {
    world.run(100);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, Violation);
    assert.is((error as Violation).message, 'seed 7, 0.020 s: too late');
    assert.equal((error as Violation).trace, ['0.010 ten', '0.020 twenty']);
  }
});

const from = (host: string, port = 1) => ({ address: host, port });
const ANYONE = [from('a'), from('a', 2), from('b')] as const;

/** Whom it lets in at the port that was used toward the first of them. */
function letIn(name: NatName): boolean[] {
  const nat = new Nat(NATS[name], new World(1).random);
  const port = nat.leave(from('host'), ANYONE[0], 0) ?? 0;
  return ANYONE.map((each) => nat.enter(port, each, 1) !== undefined);
}

sim('NATs map and filter as RFC 4787 has it', () => {
  assert.equal(letIn('full-cone'), [true, true, true]);
  assert.equal(letIn('address-restricted'), [true, true, false]);
  assert.equal(letIn('port-restricted'), [true, false, false]);
  assert.equal(letIn('symmetric'), [true, false, false]);
  assert.equal(letIn('blocked'), [false, false, false]);
  for (const name of ['full-cone', 'symmetric', 'predictable'] as const) {
    const nat = new Nat(NATS[name], new World(1).random);
    const [one, two] = [nat.leave(from('h'), from('a'), 0)!, nat.leave(from('h'), from('b'), 0)!];
    if (name === 'full-cone') assert.is(one, two);
    else assert.is.not(one, two);
    if (name === 'predictable') assert.is(two - one, 1);
  }
});

sim('a mapping lives as long as it is used', () => {
  const nat = new Nat(NATS['port-restricted'], new World(1).random);
  const { timeoutMs } = NATS['port-restricted'];
  const port = nat.leave(from('h'), from('a'), 0)!;
  assert.ok(nat.enter(port, from('a'), timeoutMs));
  assert.ok(nat.enter(port, from('a'), 2 * timeoutMs));
  assert.not(nat.enter(port, from('a'), 3 * timeoutMs + 1));
  for (let i = 0; i < 10_000; i++) nat.leave(from('h', i + 1), from('a'), 4 * timeoutMs);
  assert.ok(nat.size <= 4_096);
});

sim('which NATs can meet', () => {
  const kinds = ['full-cone', 'address-restricted', 'port-restricted', 'symmetric'] as const;
  const table = kinds.map((a) => kinds.map((b) => (canMeet(NATS[a], NATS[b]) ? 1 : 0)).join(''));
  assert.equal(table, ['1111', '1111', '1110', '1100']);
  assert.ok(canMeet(null, NATS.symmetric));
  assert.not(canMeet(null, NATS.blocked));
});

/** Two hosts; what the second one heard, and from where. */
function pair(net: Net, a: Host, b: Host) {
  const heard: string[] = [];
  b.receive = (_port, bytes, { address, port }) => heard.push(`${bytes[0]} ${address}:${port}`);
  const send = (first: number, to = b.address, port = 9) =>
    net.send(a, 5, Uint8Array.of(first), { address: to, port });
  return { heard, send };
}

sim('datagrams go through one NAT, two NATs, a LAN, and not into a NAT unasked', () => {
  const world = new World(3);
  const net = new Net(world);
  const open = net.host('open');
  const home = net.site('home', NATS['port-restricted']);
  const inner = net.site('inner', NATS['full-cone'], home);
  const [one, two] = [net.host('one', home), net.host('two', home)];
  const deep = net.host('deep', inner);
  const toOpen = pair(net, one, open);
  toOpen.send(1);
  const lan = pair(net, one, two);
  lan.send(2);
  world.run(100);
  assert.equal(toOpen.heard, [`1 ${home.address}:5`]);
  assert.equal(lan.heard, [`2 ${one.address}:5`]);
  const fromDeep = pair(net, deep, open);
  fromDeep.send(3);
  world.run(100);
  const [, seen = ''] = fromDeep.heard[0]!.split(' ');
  const [address = '', port] = seen.split(':');
  assert.is(address, home.address);
  const back = pair(net, open, deep);
  net.send(open, 9, Uint8Array.of(4), { address, port: Number(port) });
  net.send(open, 8, Uint8Array.of(5), { address, port: Number(port) });
  world.run(100);
  assert.equal(back.heard, [`4 ${open.address}:9`]);
  assert.is(net.dropped.filtered, 1);
});

sim('lines lose, double, delay; they are cut, parted and moved', () => {
  const world = new World(4);
  const net = new Net(world);
  const [a, b] = [net.host('a'), net.host('b')];
  const { heard, send } = pair(net, a, b);
  const count = (n: number) => {
    heard.length = 0;
    for (let i = 0; i < n; i++) send(i & 255);
    world.run(10_000);
    return heard.length;
  };
  net.line = { loss: 0.25, duplication: 0, delayMs: 5, jitterMs: 0 };
  const kept = count(1_000);
  assert.ok(kept > 680 && kept < 820, `${kept} of 1000`);
  net.line = { loss: 0, duplication: 0.5, delayMs: 5, jitterMs: 50 };
  const doubled = count(1_000);
  assert.ok(doubled > 1_400 && doubled < 1_600, `${doubled} of 1000`);
  assert.ok(heard.some((each, i) => i > 0 && parseInt(each, 10) < parseInt(heard[i - 1]!, 10)));
  net.line = { loss: 0, duplication: 0, delayMs: 5, jitterMs: 0 };
  net.part(new Map([[a.site, 1]]));
  assert.is(count(10), 0);
  net.heal();
  b.site.cut = true;
  assert.is(count(10), 0);
  b.site.cut = false;
  const old = b.address;
  net.move(b.site);
  assert.is(count(10), 10);
  send(1, old);
  world.run(100);
  assert.is(heard.length, 10);
  net.send(a, 5, new Uint8Array(1_473), { address: b.address, port: 9 });
  world.run(100);
  assert.is(net.dropped.mtu, 1);
});

sim(
  'with IPv6 a firewall lets in who was spoken to, and nobody else; the address moves along',
  () => {
    const world = new World(3);
    const net = new Net(world);
    const site = net.site('home', NATS.symmetric);
    const [home, near] = [net.host('home', site), net.host('near', site)];
    const [open, old] = [net.host('open'), net.host('old')];
    net.addSix(home, true);
    net.addSix(near, true);
    net.addSix(open, false);
    const heard: string[] = [];
    for (const host of [home, near, open, old])
      host.receive = (port, _bytes, from) => heard.push(`${host.name}:${port} ${from.address}`);
    const send = (by: Host, to: Host) => {
      net.send(by, 9, new Uint8Array(20), { address: to.six?.address ?? '::9', port: 9 });
      world.run(100);
      return heard.splice(0);
    };
    assert.equal(send(open, home), [], 'unasked');
    assert.equal(send(home, open), [`open:9 ${home.six?.address}`]);
    assert.equal(send(open, home), [`home:9 ${open.six?.address}`]);
    assert.equal(send(near, home), [`home:9 ${near.six?.address}`], 'the LAN has no firewall');
    assert.equal(send(old, open), [], 'one without IPv6');
    const before = home.six?.address;
    net.move(site);
    assert.is.not(home.six?.address, before);
    assert.equal(send(open, home), [], 'the firewall has forgotten');
    assert.equal(send(home, open), [`open:9 ${home.six?.address}`]);
    net.part(new Map([[open.site, 1]]));
    assert.equal(send(home, open), []);
  },
);

sim.run();
