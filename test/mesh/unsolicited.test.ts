import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FORGOTTEN_AFTER_MS, Unsolicited } from '../../agent/mesh/unsolicited.js';
import { nodeId, place } from './ground.js';

const unsolicited = suite('mesh/unsolicited');
const BOB = nodeId(1);
const met = (address: string, initiator = false, channel = 0) => ({
  initiator,
  from: place(address, 51820, channel),
  hash: new Uint8Array(32),
  bare: false,
});

unsolicited('who comes from where we have sent nothing came out of the blue', () => {
  assert.ok(new Unsolicited().onMet(BOB, met('192.0.2.1'), 0));
  assert.not(new Unsolicited().onMet(BOB, met('192.0.2.1', true), 0), 'we began');
  assert.not(new Unsolicited().onMet(BOB, met('192.0.2.1', false, 7), 0), 'through a relay');
});

unsolicited('not where we have sent to that address, whatever port, in the last minutes', () => {
  const ours = new Unsolicited();
  ours.onSent('192.0.2.1', 0);
  assert.not(ours.onMet(BOB, met('192.0.2.1'), FORGOTTEN_AFTER_MS - 1));
  const later = new Unsolicited();
  later.onSent('192.0.2.1', 0);
  assert.ok(later.onMet(BOB, met('192.0.2.1'), FORGOTTEN_AFTER_MS));
});

unsolicited('a session opens the door to its address, and to its member', () => {
  const ours = new Unsolicited();
  assert.ok(ours.onMet(BOB, met('192.0.2.1'), 0));
  assert.not(ours.onMet(BOB, met('192.0.2.1'), 1_000));
  assert.not(ours.onMet(nodeId(2), met('192.0.2.1'), 1_000), 'another behind the same NAT');
  assert.not(ours.onMet(BOB, met('192.0.2.9'), 1_000), 'the same from elsewhere');
});

unsolicited('where more addresses are sent to than can be remembered, nothing is claimed', () => {
  const ours = new Unsolicited();
  for (let i = 0; i < 5_000; i++) ours.onSent(`10.0.${i >> 8}.${i & 255}`, i);
  assert.not(ours.onMet(BOB, met('10.0.0.1'), 10_000), 'sent to, and forgotten');
  assert.not(ours.onMet(BOB, met('192.0.2.1'), 10_000), 'nor of any other');
  assert.ok(ours.onMet(nodeId(2), met('192.0.2.2'), 10_000 + FORGOTTEN_AFTER_MS));
});

unsolicited.run();
