// Gossip: what one knows all come to know, at once where it is new, at little cost where it is not,
// and never what is not proven.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DOUBT_GAP_MS, FRUITLESS_MAX_MS, PUSH_MAX, RIDE_GAP_MS } from '../../agent/mesh/gossip.js';
import { INTAKE_MAX } from '../../agent/mesh/gossippeer.js';
import { GossipNet, idOfStatement, statement } from './gossipnet.js';

const gossip = suite('mesh: gossip');

/** Everyone has a session with the next one, and the first with the last. */
function ring(count: number, seed = 1): GossipNet {
  const net = new GossipNet(count, seed);
  for (let i = 0; i < count; i++) net.meet(net.members[i]!, net.members[(i + 1) % count]!);
  net.run(1_000);
  return net;
}

gossip('equal sets: one digest each way at meeting, one in all for a session renewed later', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  const digests = () => net.log.filter(({ frame }) => frame.kind === 'digest').length;
  net.meet(a!, b!);
  net.run(RIDE_GAP_MS - 1_000);
  assert.is(digests(), 2);
  assert.is(net.log.length, 2);
  assert.is(net.bytes, 46);
  for (const { gossip: one } of net.members) assert.is(one.deadline(), undefined, 'nothing is due');
  net.meet(a!, b!);
  assert.is(digests(), 2, 'a new handshake soon after');
  net.run(RIDE_GAP_MS);
  net.meet(a!, b!);
  net.run(1_000);
  assert.is(digests(), 3);
});

gossip('a keepalive is a digest when there was none for long, or there is news', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  const digests = () => net.log.filter(({ frame }) => frame.kind === 'digest').length;
  net.meet(a!, b!);
  for (let at = 0; at < 18; at++) {
    net.run(25_000);
    net.ride(a!, b!);
  }
  assert.is(digests(), 2 + 4, 'a hundred seconds after the last, or soon after');
  net.make(a!, statement('news'));
  net.run(DOUBT_GAP_MS);
  net.ride(a!, b!);
  assert.is(digests(), 2 + 5, 'news');
});

gossip('new: to everybody but the sender, a hop each time', () => {
  const net = ring(9);
  const before = net.log.length;
  const news = statement('news');
  net.make(net.members[0]!, news);
  net.run(4 * net.delay);
  assert.ok(
    net.members.every((member) => member.has(news)),
    'half around the ring each way',
  );
  const sent = net.log.slice(before);
  assert.ok(sent.every(({ frame }) => frame.kind === 'statements'));
  for (const { from, to } of sent) {
    const back = sent.filter((other) => other.from === to && other.to === from);
    assert.ok(back.length === 0 || back[0]!.at === sent.find((one) => one.from === from)!.at);
  }
  net.run(60_000);
  assert.is(net.log.length, before + sent.length, 'and then silence');
});

gossip('what is not proven goes no further', () => {
  const net = ring(4);
  const bad = statement('bad');
  const before = net.log.length;
  net.give(net.members[1]!, net.members[0]!, { kind: 'statements', statements: [bad] });
  net.run(60_000);
  assert.is(net.log.length, before);
  assert.not.ok(net.members[1]!.has(bad));
});

gossip('two that differ by 10 of 10,000: bytes close to the difference', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  for (let i = 0; i < 9_995; i++) {
    const one = statement(`${i}`);
    a!.shelf.put(one);
    b!.shelf.put(one);
  }
  for (let i = 0; i < 5; i++) a!.shelf.put(statement(`a${i}`));
  for (let i = 0; i < 5; i++) b!.shelf.put(statement(`b${i}`));
  net.meet(a!, b!);
  net.run(30_000);
  assert.ok(net.same);
  const content = 10 * 300;
  assert.ok(net.bytes < content + 4_500, `${net.bytes} bytes`); // three million is all
});

gossip('a newcomer gets all, what others build on first, no faster than it should', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  for (let i = 0; i < 1_000; i++) a!.shelf.put(statement(`${i}`));
  for (let i = 0; i < 5; i++) a!.shelf.put(statement(`revocation ${i}`));
  b!.shelf.put(statement('0'));
  net.meet(a!, b!);
  let revocations = 0;
  const arrived: boolean[] = [];
  net.run(60_000, () => {
    const count = [...b!.shelf.all.values()].filter((one) => b!.shelf.isUrgent(one)).length;
    if (count > revocations) arrived.push(b!.shelf.ids.count < 100);
    revocations = count;
    return net.same;
  });
  assert.ok(net.same);
  assert.ok(arrived.every(Boolean), 'revocations came first');
  assert.ok(net.now > 2_000, 'paced');
  assert.ok(net.now < 15_000, `${net.now} ms`);
  assert.ok(net.bytes < 1.15 * 1_004 * 300, `${net.bytes} bytes`);
});

gossip('a newcomer that meets three is told by one', () => {
  for (const which of [0, 3]) {
    const net = new GossipNet(4);
    const newcomer = net.members[which]!;
    const others = net.members.filter((member) => member !== newcomer);
    for (let i = 0; i < 400; i++) {
      for (const { shelf } of others) shelf.put(statement(`${i}`));
    }
    newcomer.shelf.put(statement('0'));
    for (const other of others) net.meet(newcomer, other);
    net.run(60_000, () => net.same);
    assert.ok(net.same);
    net.run(60_000);
    assert.ok(net.bytes < 1.2 * 400 * 300, `${net.bytes} bytes`);
  }
});

gossip('two halves that were apart come together, revocations at once', () => {
  const net = new GossipNet(6, 3);
  const [a, b, c, d, e, f] = net.members as [never, never, never, never, never, never];
  for (const [one, other] of [
    [a, b],
    [b, c],
    [d, e],
    [e, f],
  ])
    net.meet(one!, other!);
  net.run(1_000);
  for (let i = 0; i < 30; i++) {
    net.make(a, statement(`left ${i}`));
    net.make(d, statement(`right ${i}`));
  }
  net.make(a, statement('revocation'));
  net.run(10_000);
  assert.not.ok(net.same);
  net.meet(c, d);
  const start = net.now;
  net.run(60_000, () => net.members.every((member) => member.has(statement('revocation'))));
  assert.ok(net.now - start < 1_000, `${net.now - start} ms`);
  net.run(60_000, () => net.same);
  assert.ok(net.same);
  assert.ok(net.now - start < 15_000, `${net.now - start} ms`);
});

gossip('loss: all come together all the same', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const net = new GossipNet(5, seed);
    net.loss = 0.2;
    for (const [i, member] of net.members.entries()) {
      for (let k = 0; k < 40; k++) member.shelf.put(statement(`${i} ${k}`));
    }
    for (let i = 0; i < 5; i++) net.meet(net.members[i]!, net.members[(i + 1) % 5]!);
    for (let i = 0; i < 30 && !net.same; i++) {
      net.run(31_000, () => net.same);
      for (let k = 0; k < 5; k++) net.ride(net.members[k]!, net.members[(k + 1) % 5]!);
    }
    assert.ok(net.same, `seed ${seed}`);
    assert.ok(net.now < 450_000, `seed ${seed}: ${net.now} ms`);
  }
});

gossip('a difference that cannot be settled costs less and less', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  a!.shelf.put(statement('bad')); // a holds it, for b it is not proven
  net.meet(a!, b!);
  for (let i = 0; i < 60; i++) {
    net.run(60_000);
    net.ride(a!, b!);
  }
  const late = net.log.filter(({ at, frame }) => at > net.now / 2 && frame.kind !== 'digest');
  assert.ok(late.length <= (net.now / FRUITLESS_MAX_MS) * 4, `${late.length} frames`);
});

gossip('a keepalive carries a digest and finds what was lost', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  net.meet(a!, b!);
  net.run(100);
  net.loss = 1;
  net.make(a!, statement('lost'));
  net.run(110_000);
  net.loss = 0;
  net.ride(a!, b!);
  net.run(5_000);
  assert.ok(b!.has(statement('lost')));
});

gossip('many at once are told by a digest, not pushed', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  net.meet(a!, b!);
  net.run(100);
  net.make(a!, ...Array.from({ length: PUSH_MAX + 1 }, (_, i) => statement(`${i}`)));
  assert.is(net.log.filter(({ frame }) => frame.kind === 'statements').length, 0);
  net.run(30_000);
  assert.ok(net.same);
});

gossip('what a peer can make us do and hold is bounded', () => {
  const net = new GossipNet(2);
  const [a, b] = net.members;
  for (let i = 0; i < 5_000; i++) a!.shelf.put(statement(`${i}`));
  net.meet(a!, b!);
  net.run(1);
  const junk = statement('bad', 1_000);
  const ids = [...a!.shelf.all.keys()].slice(0, 500);
  for (let i = 0; i < 2_000; i++) {
    net.give(a!, b!, { kind: 'statements', statements: [junk] });
    net.give(a!, b!, { kind: 'fetch', ids });
    net.give(a!, b!, {
      kind: 'ranges',
      ranges: [{ end: new Uint8Array(0), fingerprint: new Uint8Array(8) }],
    });
    net.give(a!, b!, { kind: 'fetch', ids: [idOfStatement(junk)] });
    net.give(a!, b!, { kind: 'digest', count: 1, fingerprint: new Uint8Array(16) });
  }
  assert.ok(a!.taken <= 40, `${a!.taken} verified at once`);
  assert.ok(a!.sentFrames < 120, `${a!.sentFrames} frames`);
  const before = a!.sentBytes;
  net.run(1_000);
  assert.ok(a!.sentBytes - before < 200_000);
  assert.ok(a!.taken <= 200, `${a!.taken} verified in a second`);
  net.run(60_000);
  assert.ok(a!.taken <= 32 + INTAKE_MAX + 4, `${a!.taken} of 2000 verified in all`);
});

gossip('frames of those whom we have not met, and news of the lost, come to nothing', () => {
  const net = ring(3);
  const [a, b] = net.members;
  net.part(a!, b!);
  const before = net.log.length;
  net.give(a!, b!, { kind: 'digest', count: 7, fingerprint: new Uint8Array(16) });
  net.give(a!, b!, { kind: 'statements', statements: [statement('late')] });
  assert.not.ok(a!.has(statement('late')));
  net.make(a!, statement('news'));
  assert.ok(net.log.slice(before).every(({ to }) => to !== b));
});

gossip('any sets, any links that connect them', () => {
  const shelves = fc.array(fc.array(fc.nat(60), { maxLength: 30 }), { minLength: 3, maxLength: 6 });
  fc.assert(
    fc.property(shelves, fc.integer({ min: 1, max: 99 }), (held, seed) => {
      const net = new GossipNet(held.length, seed);
      for (const [i, numbers] of held.entries()) {
        for (const number of numbers) net.members[i]!.shelf.put(statement(`${number}`));
      }
      for (let i = 1; i < held.length; i++) net.meet(net.members[i]!, net.members[seed % i]!);
      net.run(120_000, () => net.same);
      assert.ok(net.same);
    }),
    { numRuns: 60 },
  );
});

gossip.run();
