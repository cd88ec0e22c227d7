// What a device holds of keys, for how long, and that nothing of them is left.

import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { MacChecker } from '../../agent/wireguard/cookie.js';
import type { Device } from '../../agent/wireguard/device.js';
import type { Effect } from '../../agent/wireguard/effects.js';
import { Pair, seeded } from './pair.js';

const keys = suite('wireguard: keys and their lives');
const SOURCE = { address: '192.0.2.1', interfaceIndex: 4 };
const zeros = (n: number) => new Uint8Array(n);
const kinds = (effects: Effect[]) => effects.map(({ kind }) => kind);

/** The secrets that a device holds, and how many indices are taken: by looking inside. */
function inside(of: Device, peer: number) {
  type Held = { bytes: Uint8Array } | undefined;
  type Inner = {
    ground: { identity: Held; indices: { size: number } };
    rows: { get(peer: number): { keys: { presharedKey: Held; staticStatic: Held } } };
  };
  const { ground, rows } = of as unknown as Inner;
  const { presharedKey, staticStatic } = rows.get(peer).keys;
  const held = [ground.identity, presharedKey, staticStatic].map((secret) => secret?.bytes);
  return { held, indices: () => ground.indices.size };
}

keys('ephemeral keys are zero after use, the rest after close; nothing prints', () => {
  const pair = new Pair();
  const given: Uint8Array[] = [];
  const { bytes } = pair.b.random;
  pair.b.random.bytes = (n) => {
    const made = bytes(n);
    if (n === 32) given.push(made);
    return made;
  };
  pair.a.start(pair.b);
  pair.b.restart(pair.a, { psk: zeros(32) });
  pair.a.packet();
  pair.run(1_100);
  pair.b.underLoad = true;
  pair.run(200_000);
  pair.a.packet();
  pair.run(201_000);
  assert.is(given.length, 2, 'one ephemeral key, one cookie secret');
  assert.equal(given[0], zeros(32));
  assert.not.equal(given[1], zeros(32));
  const shown = inspect(pair.b.device, { depth: null, showHidden: true, maxArrayLength: null });
  const secret = given[1]!.slice(0, 4).join(', ');
  assert.not.match(shown, new RegExp(secret));
  const own = pair.b.device.privateKey()!.slice(0, 4).join(', ');
  assert.not.match(shown, new RegExp(own));
  const closed = pair.b.device.close();
  assert.equal(given[1], zeros(32));
  assert.equal(kinds(closed).slice(-2), ['peer-gone', 'identity'], 'it sent no initiation');
  assert.is(pair.b.device.deadline(), undefined);
});

keys('static and pre-shared keys are zero after close, and no index is left', () => {
  const pair = new Pair();
  const psk = seeded(5).bytes(32);
  pair.a.start(pair.b, { psk });
  pair.b.start(pair.a, { psk });
  pair.a.packet();
  pair.run(1_100);
  const { held, indices } = inside(pair.a.device, pair.a.peer);
  assert.is(indices(), 1, 'the session');
  for (const bytes of held) assert.not.equal(bytes, zeros(32));
  pair.a.perform(pair.a.device.close());
  assert.equal(held, [zeros(32), zeros(32), zeros(32)]);
  assert.is(indices(), 0);
  assert.is(pair.a.sessions.size, 0);
});

keys('at the end of its life a session is taken out of use, then ended', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.a.packet();
  pair.run(100_000);
  const effects = pair.a.device.tick(181_020, pair.a.wall);
  assert.equal(effects.slice(0, 2), [
    { kind: 'use', peer: 0, session: null },
    { kind: 'end', session: 0 },
  ]);
});

keys("a session's moments: 120, 165 and 180 s for the initiator, 180 s for the responder", () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.a.packet();
  pair.run(1_100);
  const moments = [pair.a, pair.b].map((side) => {
    const { renewSendAt, renewReceiveAt, rejectAt } = [...side.sessions.values()][0]!.session;
    return [renewSendAt, renewReceiveAt, rejectAt];
  });
  assert.equal(moments, [
    [121_020, 166_020, 181_020],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 181_010],
  ]);
});

keys('no answer: the kernel chooses the source address anew, and no index is left over', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  const { device: d, peer } = pair.a;
  pair.a.perform(d.setPlace(peer, { ...pair.a.place!, source: SOURCE }, pair.now, pair.a.wall));
  pair.passes = () => false;
  pair.a.packet();
  assert.equal(d.view(peer).place?.source, SOURCE);
  pair.run(60_000);
  assert.is(d.view(peer).place?.source, null);
  assert.is(pair.a.place?.source, null);
  assert.ok(pair.a.count('initiation') > 5);
  assert.is(inside(d, peer).indices(), 1, 'of the initiation under way');
});

keys('a removed peer leaves nothing of its keys', () => {
  const pair = new Pair();
  const psk = seeded(5).bytes(32);
  pair.a.start(pair.b, { psk });
  pair.b.start(pair.a, { psk });
  pair.a.packet();
  pair.run(1_100);
  const { held, indices } = inside(pair.a.device, pair.a.peer);
  pair.a.device.removePeer(pair.a.peer);
  assert.equal(held.slice(1), [zeros(32), zeros(32)]);
  assert.not.equal(held[0], zeros(32), 'the device goes on');
  assert.is(indices(), 0);
});

keys('after a new private key the same peer is reached with it', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.b.start(pair.a);
  pair.a.packet();
  pair.run(1_100);
  const fresh = seeded(77).bytes(32);
  pair.a.perform(pair.a.device.setPrivateKey(Uint8Array.from(fresh)));
  pair.a.checker = new MacChecker(publicKeyOf(fresh));
  pair.b.perform(pair.b.device.removePeer(pair.b.peer));
  pair.b.device.addPeer(publicKeyOf(fresh));
  pair.a.packet();
  pair.run(1_200);
  assert.is(pair.b.received, 2);
});

keys('a clean end lowers the ceiling', () => {
  const pair = new Pair();
  pair.a.start(pair.b);
  pair.a.packet();
  assert.is(pair.a.ceiling, 1_800_000_001 + 3_600);
  pair.a.perform(pair.a.device.close());
  assert.is(pair.a.ceiling, 1_800_000_002);
});

keys.run();
