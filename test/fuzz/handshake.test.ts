// Whatever comes off the wire: no throw, no answer to junk, memory that does not grow.

import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../agent/wireguard/effects.js';
import { Pair, type Wire } from '../wireguard/pair.js';

const fuzz = suite('fuzz: handshake');

/** A pair that has talked, and every handshake message that went over the wire. */
function recorded(underLoad = false) {
  const pair = new Pair(3);
  const messages: { to: 'a' | 'b'; datagram: Uint8Array }[] = [];
  pair.passes = (wire: Wire, from) => {
    if (wire.kind === 'handshake') {
      messages.push({ to: from === pair.a ? 'b' : 'a', datagram: wire.datagram });
    }
    return true;
  };
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.b.underLoad = underLoad;
  pair.a.packet();
  pair.run(7_000);
  return { pair, messages };
}

const from = (n: number) => ({
  slot: 0,
  endpoint: { address: n % 2 === 0 ? `10.0.0.${n & 255}` : `2001:db8:${n}::1`, port: 1 + n },
  source: null,
  channel: n % 5,
});

/** Rows that a device keeps, by looking inside: all that could grow. */
function size(device: object): number {
  const { ground, reception } = device as {
    ground: { indices: { size: number }; sessions: { values(): Iterable<unknown> } };
    reception: { gate: { admission: { size: number } } };
  };
  const { admission } = reception.gate;
  return ground.indices.size + [...ground.sessions.values()].length + admission.size;
}

fuzz('junk of every length and type', () => {
  const { pair } = recorded();
  const { device } = pair.b;
  const before = size(device);
  const junk = fc.record({
    datagram: fc.uint8Array({ maxLength: 200 }),
    type: fc.constantFrom(0, 1, 2, 3, 4, 255),
    length: fc.constantFrom(undefined, 148, 92, 64),
    source: fc.nat(999),
    underLoad: fc.boolean(),
  });
  fc.assert(
    fc.property(junk, ({ datagram, type, length, source, underLoad }) => {
      const whole = new Uint8Array(length ?? datagram.length);
      whole.set(datagram.subarray(0, whole.length));
      if (whole.length > 3) whole.set([type, 0, 0, 0]);
      const arrival = { datagram: whole, from: from(source), check: 'mac1' } as const;
      const effects = device.onHandshake(arrival, underLoad, pair.now, pair.b.wall);
      const replies = underLoad && whole.length === 148 && type === 1 ? 1 : 0;
      assert.is(effects.length, replies, 'nothing but a cookie reply under load');
    }),
    { numRuns: 3_000 },
  );
  assert.is(size(device), before);
});

for (const underLoad of [false, true]) {
  fuzz(`messages with bytes changed, ${underLoad ? '' : 'not '}under load`, () => {
    const { pair, messages } = recorded(underLoad);
    assert.is(messages.length, underLoad ? 4 : 2);
    const before = [size(pair.a.device), size(pair.b.device)];
    const change = fc.record({
      which: fc.nat(messages.length - 1),
      at: fc.nat(147),
      bits: fc.integer({ min: 1, max: 255 }),
      proven: fc.constantFrom('mac1' as const, 'mac2' as const),
      source: fc.nat(50),
    });
    const answered: Effect['kind'][] = [];
    fc.assert(
      fc.property(change, ({ which, at, bits, proven, source }) => {
        const { to, datagram } = messages[which]!;
        const changed = Uint8Array.from(datagram);
        changed[at % changed.length]! ^= bits;
        const side = pair[to];
        const arrival = { datagram: changed, from: from(source), check: proven } as const;
        const effects = side.device.onHandshake(arrival, underLoad, pair.now, side.wall);
        answered.push(...effects.map(({ kind }) => kind));
      }),
      { numRuns: 1_500 },
    );
    assert.ok(
      answered.every((kind) => kind === 'send'),
      'cookie replies at most',
    );
    if (!underLoad) assert.is(answered.length, 0);
    const after = [size(pair.a.device), size(pair.b.device)];
    assert.ok(
      after.every((rows, i) => rows <= before[i]! + 51),
      `${before} became ${after}`,
    );
    pair.a.packet();
    pair.run(pair.now + 100);
    assert.is(pair.b.received, 2, 'and the session stands');
  });
}

fuzz('events in any order, of peers and sessions that may not be there', () => {
  const event = fc.tuple(fc.nat(8), fc.nat(3), fc.nat(20_000));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { pair } = recorded();
      const { device } = pair.a;
      let { now } = pair;
      for (const [what, id, passed] of events) {
        now += passed;
        const wall = pair.a.wall + now;
        if (what === 0) device.onWant(id, now, wall);
        if (what === 1) device.onActive(id, now, wall);
        if (what === 2) device.onStale(id, now, wall);
        if (what === 3) device.onConfirmed(id, now, wall);
        if (what === 4) device.onRoamed(id, from(id));
        if (what === 5) device.down();
        if (what === 6) device.up(now, wall);
        if (what === 7) device.tick(now, wall);
        if (what === 8) device.setKeepalive(pair.a.peer, id * 10, now, wall);
        const deadline = device.deadline();
        assert.ok(deadline === undefined || Number.isFinite(deadline));
      }
      assert.ok(size(device) < 10);
    }),
    { numRuns: 100 },
  );
});

fuzz.run();
