import { setTimeout } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publicKeyOf } from '../agent/crypto/x25519.js';
import type { PlaneEvent, PlaneOrder } from '../agent/dataplane/orders.js';
import { Driver } from '../agent/driver.js';
import { WAITING_MAX } from '../agent/load.js';
import { Device } from '../agent/wireguard/device.js';
import { quiet, seeded } from './wireguard/pair.js';

const driver = suite('driver');
const endpoint = (last: number) => ({ address: `192.0.2.${last}`, port: 51820 });
const place = (last: number) => ({ slot: 0, endpoint: endpoint(last), source: null, channel: 0 });

/** A driven device with one peer at 192.0.2.9; the plane only writes down. */
function make(seed: number, peerKey: Uint8Array, privateKey: Uint8Array) {
  const done: string[] = [];
  const sent: Uint8Array[] = [];
  const others: PlaneEvent[] = [];
  const clock = { now: 1_000, waiting: 0 };
  const traffic = quiet();
  const device = new Device({
    random: seeded(seed).bytes,
    traffic: () => traffic,
    slotFor: () => 0,
  });
  const order = (one: PlaneOrder) => {
    done.push(one.kind);
    if (one.kind === 'send') sent.push(one.datagram);
  };
  const made = new Driver({
    device,
    plane: {
      now: () => clock.now,
      order,
      handshakesWaiting: () => clock.waiting,
      routes: { removePeer: (peer) => done.push(`no routes to ${peer}`) },
    },
    saveCeiling: () => done.push('saved'),
    onOther: (event) => others.push(event),
  });
  made.perform(device.setPrivateKey(Uint8Array.from(privateKey)));
  const { peer, effects } = device.addPeer(peerKey)!;
  made.perform(effects);
  made.perform(device.setEndpoint(peer, endpoint(9), clock.now, Date.now()));
  made.perform(device.up(clock.now, Date.now()));
  done.length = 0;
  return { driver: made, device, peer, clock, done, sent, others, traffic };
}

const keys = [seeded(1).bytes(32), seeded(2).bytes(32)] as const;
const pair = () =>
  [make(3, publicKeyOf(keys[1]), keys[0]), make(4, publicKeyOf(keys[0]), keys[1])] as const;
const arrival = (datagram: Uint8Array) =>
  ({ kind: 'handshake', datagram, from: place(8), check: 'mac1' }) as const;

driver('a handshake: what was wished, answered, confirmed; the ceiling is saved before', () => {
  const [a, b] = pair();
  a.driver.onEvent({ kind: 'want', peer: a.peer });
  assert.equal(a.done.splice(0), ['saved', 'send', 'spoke']);
  b.driver.onEvent(arrival(a.sent[0]!));
  assert.equal(b.done.splice(0), ['place', 'heard', 'begin', 'send', 'spoke']);
  a.driver.onEvent(arrival(b.sent[0]!));
  assert.equal(a.done.splice(0), ['place', 'heard', 'begin', 'use', 'keepalive']);
  b.driver.onEvent({ kind: 'confirmed', session: 0 });
  assert.equal(b.done.splice(0), ['use']);
  a.clock.now += 10_000;
  a.driver.onEvent({ kind: 'stale', session: 0 });
  assert.equal(a.done.splice(0), ['send', 'spoke']);
  b.traffic.unacknowledgedSince = b.clock.now - 10_000;
  b.driver.onEvent({ kind: 'active', peer: b.peer });
  b.driver.onEvent({ kind: 'roamed', peer: b.peer, place: place(7), batch: 0 });
  assert.equal(b.device.view(b.peer).place, place(7));
  for (const side of [a, b]) side.driver.stop();
});

driver('a peer that goes loses its routes before its row', () => {
  const [a, b] = pair();
  a.driver.perform(a.device.removePeer(a.peer));
  assert.equal(a.done.slice(-2), ['no routes to 0', 'peer-gone']);
  for (const side of [a, b]) side.driver.stop();
});

driver('one timer stands at the nearest deadline; none after stop', async () => {
  const [a, b] = pair();
  a.driver.onEvent({ kind: 'want', peer: a.peer });
  a.clock.now += 5_330; // the retry comes at most 333 ms after 5 s
  a.driver.perform([]);
  await setTimeout(50);
  assert.is(a.sent.length, 2, 'sent again');
  a.clock.now += 5_330;
  a.driver.perform([]);
  a.driver.stop();
  await setTimeout(50);
  a.driver.onEvent({ kind: 'want', peer: a.peer });
  assert.is(a.sent.length, 2);
  b.driver.stop();
});

driver('a queue of handshakes: the next one is asked for a cookie', () => {
  const [a, b] = pair();
  a.driver.onEvent({ kind: 'want', peer: a.peer });
  b.clock.waiting = WAITING_MAX;
  b.driver.onEvent(arrival(new Uint8Array(148)));
  b.driver.onEvent(arrival(a.sent[0]!));
  assert.equal(b.done, ['send']);
  assert.is(b.sent[0]?.length, 64);
  b.clock.waiting = 0;
  b.clock.now += 1_000;
  b.driver.onEvent(arrival(a.sent[0]!));
  assert.is(b.sent[1]?.length, 92, 'and a second later no more');
  for (const side of [a, b]) side.driver.stop();
});

driver('the overlay hears of an effect when all that came with it is done, and in order', () => {
  const [a, b] = pair();
  const heard: string[] = [];
  a.driver.overlay = {
    onWant: () => {},
    onActive: () => {},
    onEvent: () => {},
    isMember: () => true,
    onGone: (peer) => heard.push(`row ${peer} is free`),
    onEffect(effect) {
      heard.push(`${effect.kind} after ${a.done.at(-1)}`);
      // In the middle of it: what this brings about comes last.
      if (effect.kind === 'send') a.driver.perform(a.device.removePeer(a.peer));
    },
  };
  a.driver.onEvent({ kind: 'want', peer: a.peer });
  assert.equal(heard, [
    'ceiling after spoke',
    'send after spoke',
    'row 0 is free',
    'spoke after peer-gone',
    'drop-waiting after peer-gone',
    'peer-gone after peer-gone',
  ]);
  for (const side of [a, b]) side.driver.stop();
});

driver("what is not the machine's goes on", () => {
  const [a, b] = pair();
  a.driver.onEvent({ kind: 'gone' });
  assert.equal(a.others, [{ kind: 'gone' }]);
  for (const side of [a, b]) side.driver.stop();
});

driver.run();
