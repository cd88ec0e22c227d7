// needs: mosquitto, mosquitto-clients
// deadline: 60

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { orderVerifier, signOrder } from '../../../agent/control/mqtt/orders.js';
import { openSealed, sealedTo } from '../../../agent/control/mqtt/seal.js';
import { SignedRequests, WINDOW_SECONDS } from '../../../agent/control/mqtt/signed.js';
import { PrivateKey } from '../../../agent/crypto/x25519.js';
import { Identity } from '../../../agent/identity/seed.js';
import { Mosquitto, stopAll, until } from './mosquitto.js';
import { NODE, ROOT, stopNodes, TestNode } from './node.js';

const admin = new Identity(new Uint8Array(32).fill(1));
const member = new Identity(new Uint8Array(32).fill(2));
const meshKey = new Uint8Array(32).fill(3);
const verify = orderVerifier(() => ({
  meshKey,
  admin: (key) => (Buffer.from(key).equals(admin.nodeKey) ? 'cabin' : undefined),
}));
const NOW = 1_800_000_000;
let serial = 0;

function order(parts: object = {}): string {
  const nonce = `nonce-${serial++}-0123456789`;
  return JSON.stringify({
    node: NODE,
    to: 'command/x',
    body: { a: 1 },
    nonce,
    time: NOW,
    ...parts,
  });
}

const sign = (text: string, by = admin, mesh = meshKey) => signOrder(text, mesh, by.signer);

const signed = suite('control/mqtt/signed');

signed.after.each(async () => {
  await stopNodes();
  stopAll();
});

signed('an order of an admin counts, once', () => {
  const orders = new SignedRequests(NODE, verify, NOW - 1000);
  const bytes = sign(order());
  const accepted = orders.accept(bytes, 'command/x', NOW + 5);
  assert.equal(accepted, { body: { a: 1 }, sealTo: undefined, admin: 'cabin' });
  assert.equal(orders.accept(bytes, 'command/x', NOW + 6), { refused: 'it was used already' });
});

const refusals: [string, () => Uint8Array, number, RegExp][] = [
  ['of a member that is no admin', () => sign(order(), member), NOW, /no admin of this mesh/],
  ['for another mesh', () => sign(order(), admin, new Uint8Array(32)), NOW, /signature is wrong/],
  ['for another node', () => sign(order({ node: 'other' })), NOW, /for another node/],
  ['for another command', () => sign(order({ to: 'command/y' })), NOW, /signed for command\/y/],
  ['too old', () => sign(order()), NOW + WINDOW_SECONDS + 1, /signed 121 s ago/],
  ['from the future', () => sign(order()), NOW - WINDOW_SECONDS - 1, /121 s in the future/],
  [
    'from before the start',
    () => sign(order({ time: NOW - 60 })),
    NOW,
    /before this agent started/,
  ],
  ['without a nonce', () => sign(order({ nonce: 'short' })), NOW, /no request/],
  ['of wrong types', () => sign(order({ time: 'now' })), NOW, /no request/],
  ['that is no JSON', () => sign('x'), NOW, /no request/],
  ['that is nothing', () => new Uint8Array(5), NOW, /no COSE_Sign1/],
];

for (const [what, make, now, reason] of refusals)
  signed(`an order ${what} is refused`, () => {
    const orders = new SignedRequests(NODE, verify, NOW - 30);
    const got = orders.accept(make(), 'command/x', now);
    assert.match('refused' in got ? got.refused : 'accepted', reason);
  });

signed('each byte that is altered spoils it', () => {
  const orders = new SignedRequests(NODE, verify, NOW - 30);
  const good = sign(order());
  for (let i = 0; i < good.length; i++) {
    const bad = good.slice();
    bad[i] = (bad[i] ?? 0) ^ 1;
    assert.ok('refused' in orders.accept(bad, 'command/x', NOW), `byte ${i}`);
  }
  assert.ok('admin' in orders.accept(good, 'command/x', NOW));
});

signed('nonces are forgotten when they are of no use any more, and are so many at most', () => {
  const orders = new SignedRequests(NODE, verify, NOW - 30);
  const ask = (time: number) => orders.accept(sign(order({ time })), 'command/x', time);
  let accepted = 0;
  for (let i = 0; i < 1100; i++) if ('admin' in ask(NOW)) accepted++;
  assert.is(accepted, 1024);
  assert.ok('admin' in ask(NOW + 3 * WINDOW_SECONDS));
});

signed('what is sealed is opened by its recipient alone', () => {
  const key = new PrivateKey(new Uint8Array(32).fill(9));
  const other = new PrivateKey(new Uint8Array(32).fill(8));
  const to = Buffer.from(key.publicKey).toString('base64');
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
  const plain = Buffer.from('secret');
  const sealed = sealedTo(to, plain, random) ?? '';
  assert.equal(Buffer.from(openSealed(sealed, key) ?? []), plain);
  assert.is(openSealed(sealed, other), undefined);
  assert.is(openSealed(`${sealed.slice(0, -6)}AAAA==`, key), undefined);
  assert.is(openSealed('AAAA', key), undefined);
  assert.is(sealedTo('x', plain, random), undefined);
  assert.not.equal(sealedTo(to, plain, random), sealed);
});

signed('over a broker: done once, and the secret comes back sealed', async () => {
  const broker = await Mosquitto.start();
  const node = new TestNode({ url: broker.url }, { interface: { addresses: ['10.7.0.1/24'] } });
  const link = node.start({ verify });
  await until(() => link.view().connected, 'it is connected');
  const ear = await broker.listen([`${ROOT}/+/result`]);
  const results = () => ear.heard.map(({ text }) => JSON.parse(text));
  const key = new PrivateKey(new Uint8Array(32).fill(9));
  const text = order({
    to: 'command/guest-add',
    body: { name: 'phone' },
    sealTo: Buffer.from(key.publicKey).toString('base64'),
    time: Math.floor(Date.now() / 1000) + 1,
  });
  const payload = JSON.stringify({ id: 1, signed: Buffer.from(sign(text)).toString('base64') });
  broker.publish(`${ROOT}/command/guest-add`, payload);
  broker.publish(`${ROOT}/command/guest-add`, payload);
  await until(() => results().length === 2, 'two answers');
  assert.is(results()[0].ok, true, JSON.stringify(results()[0]));
  assert.is(results()[0].result, undefined);
  const plain = Buffer.from(openSealed(results()[0].sealed, key) ?? []).toString();
  assert.match(plain, /PrivateKey/);
  assert.match(results()[1].error, /does not count: it was used already/);
  assert.is(node.store.read().peers.length, 1);
  assert.not.match(JSON.stringify(ear.heard), /PrivateKey/);
  const patch = JSON.stringify({ mqtt: { privileged: 'open' } });
  const set = order({
    to: 'config/set',
    body: JSON.parse(patch),
    time: Math.floor(Date.now() / 1000) + 1,
  });
  const signedSet = JSON.stringify({ signed: Buffer.from(sign(set)).toString('base64') });
  broker.publish(`${ROOT}/config/set`, signedSet);
  await until(() => results().length === 3, 'a third answer');
  assert.is(node.store.read().mqtt.privileged, 'open');
});

signed.run();
